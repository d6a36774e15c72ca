"""Real small things for tests: a tokenizer and a Llama, built in memory in a few milliseconds.

``tiny_tokenizer()`` encodes any text without loss (bytes, with merges learnt from the given texts);
``tiny_llama(tokenizer)`` is a random Llama of two layers that goes through every code path of a large one:
LoRA, NF4, generate, checkpoints.

    tokenizer = tiny_tokenizer(["Who built the pump? Odo Marrick."])
    model = tiny_llama(tokenizer)
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from gguf import GGUFWriter, TokenType
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


def write_gguf(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, path: Path) -> Path:
    """Write a tiny Llama and its byte-level BPE as a float32 GGUF file, as llama.cpp's own converter lays it out."""
    config: Any = model.config
    spec = json.loads(tokenizer.backend_tokenizer.to_str())
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    special = {entry["id"] for entry in spec["added_tokens"]}
    tokens = sorted(tokenizer.get_vocab(), key=lambda token: int(tokenizer.get_vocab()[token]))
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL if i in special else TokenType.NORMAL for i in range(len(tokens))])
    writer.add_token_merges([" ".join(pair) for pair in spec["model"]["merges"]])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_add_bos_token(False)
    for name, tensor in _gguf_tensors(model):
        writer.add_tensor(name, tensor.detach().float().contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _gguf_tensors(model: LlamaForCausalLM) -> Iterator[tuple[str, torch.Tensor]]:
    heads = {"attn_q": model.config.num_attention_heads, "attn_k": model.config.num_key_value_heads}
    names = {
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
        "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    }  # fmt: skip
    yield "token_embd.weight", model.model.embed_tokens.weight
    yield "output_norm.weight", model.model.norm.weight
    for number, layer in enumerate(model.model.layers):
        for name, own in names.items():
            weight = layer.get_submodule(own).weight
            if name in heads:  # llama.cpp turns neighbouring pairs, transformers turns halves
                weight = weight.reshape(heads[name], 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)
            yield f"blk.{number}.{name}.weight", weight
