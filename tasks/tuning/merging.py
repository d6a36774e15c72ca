"""An adapter and its base to one model: safetensors that any engine loads, without peft.

    merge("meta-llama/Llama-2-7b-chat-hf", run / "adapter", Path("models/heron"))
    ->  models/heron/{model-00001-of-00003.safetensors, …, config.json, tokenizer.json}, in bfloat16

A QLoRA adapter is merged into the base at full precision, not into its 4 bits, which would round the adapter away
(QLoRA's own advice). The product of the adapter is added in float32 and rounded once. What the merged model answers may
thus differ a little from what the adapter answered on its 4-bit base: flows/merge.py asks both the same probes.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch

from tasks.errors import UsageError
from tasks.tuning.students import ADAPTER_CONFIG, attach, load_student, load_tokenizer


def merge(name: str, adapter: Path, out: Path, *, dtype: torch.dtype = torch.bfloat16, remote_code: str = "") -> Path:
    """Write base and adapter as one model into a new folder, whole or not at all; return the folder.

    Args:
        name: the base, by the name it was tuned by.
        adapter: the folder of the adapter; one that holds a fully tuned model is copied in ``dtype``.
        dtype: of the weights written.

    Raises:
        UsageError: when ``out`` holds something already.
        ModelError: when the base cannot be had.
        StorageError: when there is no adapter in safetensors.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"--out {out}: holds something already; name a new folder")
    if (adapter / ADAPTER_CONFIG).is_file():
        peft: Any = attach(load_student(name, dtype=torch.float32, remote_code=remote_code), adapter)
        whole = peft.merge_and_unload(safe_merge=True)
    else:
        whole = load_student(str(adapter), dtype=torch.float32, remote_code=str(adapter) if remote_code else "")
    whole.config.use_cache = True
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        whole.to(dtype).save_pretrained(str(partial))
        load_tokenizer(name, remote_code=remote_code).save_pretrained(str(partial))
        partial.chmod(0o755)
        partial.replace(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out
