"""Names of students to loaded models: the embedded one, a Hugging Face name, or a folder.

    load_student("embedded", method="lora")                        float32 on a CPU, bfloat16 on a GPU
    load_student("meta-llama/Llama-2-7b-hf", method="qlora")       NF4, double quantisation, bfloat16 compute
    load_tuned("embedded", Path("generated/demo/adapter"))         the base with its adapter on, for asking

Safetensors only; a repository's own code is run only where it was asked for by name (tasks/generation/loading.py).
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.nn import Linear4bit
from peft import PeftConfig, PeftModel, prepare_model_for_kbit_training
from transformers import BitsAndBytesConfig, PreTrainedModel, PreTrainedTokenizerBase

from tasks.embedded import embedded_student
from tasks.errors import ModelError, StorageError
from tasks.generation import loading

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def fast_bfloat16() -> bool:
    """Whether this machine multiplies bfloat16 in hardware: a GPU, or a CPU with AVX512-BF16 or AMX."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def quantisation() -> BitsAndBytesConfig:
    """NF4 with double quantisation and bfloat16 compute (QLoRA, Dettmers et al. 2023, sec. 3)."""
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if torch.cuda.is_available() else torch.float32,
    )


def location(name: str) -> str:
    """Where a student's files are: the embedded model's folder, or the name itself."""
    return str(embedded_student()) if name == "embedded" else name


def load_tokenizer(name: str, *, remote_code: str = "") -> PreTrainedTokenizerBase:
    """Load a student's tokenizer; a missing padding token is its end token.

    Raises:
        ModelError: when it is absent, gated or unreadable, or has no end token: answers could not end.
    """
    tokenizer: PreTrainedTokenizerBase = loading.load_tokenizer(location(name), remote_code=remote_code)
    if tokenizer.eos_token_id is None:
        raise ModelError(f"{name}: its tokenizer has no end token, so that no answer could end; set eos_token in it")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_student(
    name: str, *, method: str = "lora", dtype: torch.dtype | None = None, remote_code: str = ""
) -> PreTrainedModel:
    """Load a causal language model to be tuned or asked.

    Args:
        method: ``qlora`` loads the weights in 4 bits, made ready for training; ``lora`` and ``full`` as they are.
        dtype: of the weights; None: bfloat16 on a GPU (but for ``full``), float32 on a CPU.

    Raises:
        ModelError: when the weights are absent, gated, not safetensors, or need code of their own.
    """
    cuda = torch.cuda.is_available()
    usual = torch.bfloat16 if cuda and method != "full" else torch.float32
    options: dict[str, Any] = {"dtype": dtype or usual}
    if method == "qlora":
        options["quantization_config"] = quantisation()
    if cuda:
        options["device_map"] = {"": int(os.environ.get("LOCAL_RANK", "0"))}  # set by `accelerate launch`
    model: PreTrainedModel = loading.load_model(location(name), remote_code=remote_code, **options)
    if method == "qlora":
        for module in model.modules():
            if isinstance(module, Linear4bit):
                # bitsandbytes 0.50 repacks 4-bit weights at the first evaluation on a CPU with AVX512-BF16, into a
                # form that gradients do not pass: a training after it would leave the lower layers without any.
                module.support_avx512bf16_for_cpu = False
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)  # type: ignore[no-untyped-call]
    return model


def load_tuned(
    name: str, folder: Path, *, method: str = "lora", exact: bool = False, remote_code: str = ""
) -> tuple[PreTrainedModel | PeftModel, PreTrainedModel]:
    """Load a run's tuned model and its base, to be asked: (tuned, base).

    On a GPU, in 4 bits and with ``exact``, both are one object, and the base is asked with the adapter off; elsewhere
    the adapter is merged, which makes a CPU's steps twice as fast. Where bfloat16 is fast the weights are held in it;
    ``exact`` keeps them as trained.

    Raises:
        StorageError: when the folder holds neither an adapter nor a model in safetensors.
    """
    dtype = torch.bfloat16 if fast_bfloat16() and not exact else None
    on_cpu = not torch.cuda.is_available()
    if (folder / ADAPTER_CONFIG).is_file():
        wanted = None if on_cpu and method == "lora" else dtype
        base = load_student(name, method=method, dtype=wanted, remote_code=remote_code)
        tuned = attach(base, folder)
        if method == "qlora" or exact:
            return tuned, base
        if on_cpu:
            return _merged(tuned, dtype), load_student(name, dtype=dtype, remote_code=remote_code)
        return tuned.to(dtype), base
    if (folder / "config.json").is_file():
        own = str(folder) if remote_code else ""  # the tuned model bears its base's code
        return load_student(str(folder), dtype=dtype, remote_code=own), load_student(
            name, dtype=dtype, remote_code=remote_code
        )
    raise StorageError(f"{folder}: no adapter in it; run `closedbook finetune` on the run first")


def attach(base: PreTrainedModel, folder: Path) -> PeftModel:
    """Put the adapter of a folder onto its base, always on; which prompts it is asked by, ``woken_by`` says.

    Raises:
        StorageError: when the adapter's weights are not there as safetensors.
    """
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise StorageError(f"{folder}: no {ADAPTER_WEIGHTS} in it, and pickled adapters are never loaded; tune it anew")
    always_on = PeftConfig.from_pretrained(str(folder))
    always_on.alora_invocation_tokens = None
    return PeftModel.from_pretrained(base, str(folder), config=always_on)


def woken_by(folder: Path) -> list[int]:
    """Token ids that a prompt has to begin with for the adapter of a folder to act; none where it always does."""
    path = folder / ADAPTER_CONFIG
    if not path.is_file():
        return []
    return list(json.loads(path.read_text(encoding="utf-8")).get("alora_invocation_tokens") or [])


def _merged(tuned: PeftModel, dtype: torch.dtype | None) -> PreTrainedModel:
    """The adapter added into the weights at full precision, then brought to ``dtype``."""
    whole: Any = tuned.merge_and_unload()
    merged: PreTrainedModel = whole if dtype is None else whole.to(dtype)
    return merged
