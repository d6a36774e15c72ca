"""Names of models in the configuration to what they stand for on this machine.

resolve("auto")      "embedded", or Llama-2-7b-chat where there is a GPU and the weights lie in the hub's cache
locate("embedded")   the pinned GGUF file in the user's cache, fetched on first use
identity("x.gguf")   the file's hash: what the key of a cached batch has in place of a name that may change its content
"""

import gc
import sys
import threading
from functools import cache
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from flows.terminal import wait
from tasks.config import Config
from tasks.embedded import GENERATOR, embedded_student
from tasks.errors import UsageError
from tasks.generation.endpoint import EndpointGenerator
from tasks.generation.generators import Generator, open_generator
from tasks.generation.loading import INDEX, check_model
from tasks.records import derive_id
from tasks.storage import file_hash
from tasks.tuning.trackers import check_tracker

LLAMA = "meta-llama/Llama-2-7b-chat-hf"


@cache
def resolve(name: str) -> str:
    """Settle ``auto``; any other name stays."""
    if name != "auto":
        return name
    weights = [try_to_load_from_cache(LLAMA, file) for file in (INDEX, "model.safetensors")]
    if not any(isinstance(path, str) for path in weights):
        return "embedded"
    import torch

    return LLAMA if torch.cuda.is_available() else "embedded"


@cache
def identity(name: str) -> str:
    """Name a generator by its content where it is a file, by its files' sizes and dates where it is a folder."""
    name = resolve(name)
    path = Path(name)
    if name == "embedded":
        return GENERATOR.sha256
    if path.is_file():
        return file_hash(path)
    if path.is_dir():
        states = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(path.iterdir())]
        return derive_id("folder", *states)
    return name


def short(name: str) -> str:
    """Name a model in ``speeds.json``: the beginning of its files' hash, or its name on the hub."""
    known = identity(name)
    return known if known == resolve(name) else known[:12]


def named(config: Config) -> str:
    """Name a configuration's student and how it is trained: "b179c9523d0e lora"."""
    return f"{short(config.tuning.student)} {config.tuning.method}"


def is_server(name: str) -> bool:
    """Whether a generator is a server, or several, and no model in this process."""
    return name.startswith(("http://", "https://"))


def opened(name: str, remote_code: str = "") -> Generator:
    """Open a generator: a model once a process, a server once a thread, since what it counts is one thread's.

    Raises:
        ModelError: when it cannot be had or loaded.
        GenerationError: when it is a server that does not answer.
    """
    name = resolve(name)
    key = (name, remote_code, threading.get_ident() if is_server(name) else 0)
    if key not in _open:
        with wait("loading", work=f"loading generator {short(name)}"):
            path = str(embedded_student()) if name == "embedded" else name
            _open[key] = open_generator(path, remote_code=remote_code)
    return _open[key]


_open: dict[tuple[str, str, int], Generator] = {}


def close_generators() -> None:
    """Let go of the open generators, their connections and their memory, for the student's sake."""
    for generator in _open.values():
        if isinstance(generator, EndpointGenerator):
            generator.client.close()
    _open.clear()
    gc.collect()
    if "torch" in sys.modules:
        sys.modules["torch"].cuda.empty_cache()


def check_needs(config: Config) -> None:
    """See that generator, student and tracker can be had, before anything long is begun.

    Raises:
        ModelError: for a model that is gated, not there, or not in safetensors.
        GenerationError: when no server answers.
        UsageError: for a GGUF file that is not there, or a tracker that is not installed.
    """
    check_tracker(config.tuning.report_to)
    generator, student = resolve(config.generation.generator), config.tuning.student
    if is_server(generator):
        opened(generator, config.generation.remote_code)
    elif generator.endswith(".gguf"):
        if not Path(generator).is_file():
            raise UsageError(f"--generator {generator}: no such file; give the path of a GGUF file")
    elif generator not in ("embedded", "none"):
        check_model(generator)
    if student != "embedded":
        check_model(student)
