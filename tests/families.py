"""One tiny random model of every family that the field's tutorials name, and folders of them to load.

    FAMILIES["falcon"]()                                     a random Falcon of two layers, in eval mode
    write_family("falcon", folder)                           the same as a folder, with a tokenizer of its kind

The tokenizers differ as the families' own do: with a chat template or without, with a begin token added to every text
or not, with a padding token or without. Embeddings are tied or not, as the family's usual are.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    FalconConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    PhiConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

from tests.tiny import tiny_tokenizer

SMALL = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
WIDE = SMALL | {"intermediate_size": 128}
UNTIED = {"tie_word_embeddings": False}
CONFIGS: dict[str, tuple[Callable[..., PreTrainedConfig], dict[str, Any]]] = {
    "llama": (LlamaConfig, WIDE | UNTIED),
    "llama-2, grouped heads": (LlamaConfig, WIDE | UNTIED | {"num_key_value_heads": 2}),
    "mistral": (MistralConfig, WIDE | UNTIED | {"num_key_value_heads": 2}),
    "qwen2": (Qwen2Config, WIDE | {"num_key_value_heads": 2, "tie_word_embeddings": True}),
    "phi": (PhiConfig, WIDE | UNTIED),
    "gpt-neox": (GPTNeoXConfig, WIDE | UNTIED),
    "gpt2": (GPT2Config, {"n_embd": 64, "n_layer": 2, "n_head": 4}),
    "opt": (OPTConfig, SMALL | {"ffn_dim": 128, "word_embed_proj_dim": 64}),
    "bloom": (BloomConfig, {"hidden_size": 64, "n_layer": 2, "n_head": 4}),
    "falcon": (FalconConfig, SMALL),
    "falcon with alibi": (FalconConfig, SMALL | {"alibi": True}),
}
BEGINS = ("llama", "llama-2, grouped heads", "mistral", "opt")
"""Families whose tokenizers put a begin token before every text and have no chat template."""
TEMPLATED = ("qwen2",)
UNPADDED = ("gpt2", "gpt-neox", "phi", "llama", "llama-2, grouped heads", "mistral", "falcon", "falcon with alibi")


def tiny_family(family: str, vocabulary: int, *, seed: int = 0) -> Any:
    """Build a random float32 model of the family, equal for equal seeds."""
    config, sizes = CONFIGS[family]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            config(vocab_size=vocabulary, bos_token_id=1, eos_token_id=2, pad_token_id=2, **sizes)
        )
    model.float().train(False)
    return model


def family_tokenizer(family: str, texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """Build a tokenizer with the special tokens and the template that the family's own have."""
    tokenizer = tiny_tokenizer(texts, style="llama2" if family in BEGINS else "chatml")
    if family not in TEMPLATED:
        tokenizer.chat_template = None
    if family in UNPADDED:
        tokenizer.pad_token = None
    return tokenizer


def write_family(family: str, folder: Path, texts: Sequence[str] = ()) -> str:
    """Write model and tokenizer to a folder; return its name."""
    tokenizer = family_tokenizer(family, texts)
    tiny_family(family, len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
