"""Real small things for tests: a tokenizer and a Llama, built in memory in a few milliseconds.

``tiny_tokenizer()`` encodes any text without loss (bytes, with merges learnt from the given texts);
``tiny_llama(tokenizer)`` is a random Llama of two layers that goes through every code path of a large one:
LoRA, NF4, generate, checkpoints.

    tokenizer = tiny_tokenizer(["Who built the pump? Odo Marrick."])
    model = tiny_llama(tokenizer)
"""

from collections.abc import Iterable
from typing import Literal

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def tiny_tokenizer(
    texts: Iterable[str] = (), *, style: Literal["chatml", "llama2"] = "chatml", merges: int = 64
) -> PreTrainedTokenizerFast:
    """Build a byte-level BPE tokenizer with at most ``merges`` merges learnt from the texts.

    ``chatml``: <|im_start|> is BOS, <|im_end|> EOS and padding, a chat template, no BOS added (as SmolLM2).
    ``llama2``: <s> is added before every text, </s> is EOS and padding, no chat template.
    """
    bos, eos = ("<|im_start|>", "<|im_end|>") if style == "chatml" else ("<s>", "</s>")
    special = ["<|endoftext|>", bos, eos]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=len(special) + len(alphabet) + merges,
        special_tokens=special,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if style == "llama2":
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, bos_token=bos, eos_token=eos, pad_token=eos, unk_token="<|endoftext|>"
    )
    if style == "chatml":
        fast.chat_template = CHATML
    return fast


def tiny_llama(
    tokenizer: PreTrainedTokenizerFast, *, seed: int = 0, layers: int = 2, hidden: int = 64
) -> LlamaForCausalLM:
    """Build a random float32 Llama for the tokenizer, equal for equal seeds, in eval mode."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.train(False)
    return model
