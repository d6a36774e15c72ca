"""What the workers of a cluster are like, and why one of them could not take part: asked before any batch is sent.

    examine(question)                     on each worker:  {"host": "node7", "prefect": "3.8.8", "code": "9c1f…", …}
    objection({"worker tcp://10.0.0.7:4101": {"prefect": "3.8.7", …}}, here)
    -> "worker tcp://10.0.0.7:4101 on node7 has prefect 3.8.7, this machine 3.8.8; install the same versions there …"

A worker has to run the same code, for a batch's name is made of it; to reach Prefect's server, which it reports to; and
to see the folder that finished batches are kept in, since they are read from there. One that joins later is not asked,
but works out a batch's name by itself, and refuses one that it knows under another (``flows/batches.py``).
"""

import contextlib
import os
import platform
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.version import Version
from prefect.settings import PREFECT_API_URL, get_current_settings

from flows.batches import code_identity
from flows.engine import answers
from flows.models import is_server
from flows.reaching import one_line
from tasks.config import Config, RunnerConfig
from tasks.errors import GenerationError

CORES = 4
"""Of a CPU for one model: beyond that a second model gains more than more threads."""
PACKAGES = ("prefect", "torch", "transformers", "tokenizers", "xllamacpp", "httpx", "pydantic", "spacy", "nltk")
"""Whose version may show in a batch, or in whether one can be sent at all."""
OF_RUNNER = {"dask": ("dask", "distributed", "prefect-dask"), "ray": ("ray", "prefect-ray")}
AGAIN = "install the same there (constraints.txt), and run the same command again"

Rows = Mapping[str, Mapping[str, Any] | BaseException]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Workers that were reached.

    ``submit`` sends a task and its parameters; ``slots`` says how many batches are under way at once now; ``done``
    waits for a runner's own future, so many seconds at most; ``cancel`` takes one back; ``lost`` is raised for a batch
    whose workers were lost.
    """

    submit: Callable[..., Any]
    slots: Callable[[], int]
    done: Callable[[Any, float], bool]
    cancel: Callable[[Any], object]
    lost: tuple[type[BaseException], ...] = ()


def shares(runner: RunnerConfig, config: Config) -> list[dict[str, str]]:
    """The environment of each worker process on this machine: its share of the cores, and its GPU.

    Without a number given, a model has a GPU of its own, or ``CORES`` cores; there are two workers at least.
    """
    cores, gpus = os.cpu_count() or 1, visible_gpus() if not is_server(config.generation.generator) else []
    number = runner.workers or len(gpus) or max(2, cores // CORES)
    quiet = {"PYTHONWARNINGS": "ignore", "TTY_COMPATIBLE": "0"}  # bars and warnings are the client's
    alike = quiet | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(max(1, cores // number)))}
    return [alike | ({"CUDA_VISIBLE_DEVICES": gpus[i % len(gpus)]} if gpus else {}) for i in range(number)]


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    number = torch.cuda.device_count()
    return named.split(",")[:number] if named else [str(i) for i in range(number)]


def check_workers(runner: RunnerConfig, ask: Callable[[dict[str, Any]], Rows]) -> None:
    """Examine workers that were not started here.

    Args:
        runner: where they are.
        ask: has each worker run ``examine``, and returns what they said by their names.

    Raises:
        GenerationError: when one of them cannot take part.
    """
    asked = {"packages": PACKAGES + OF_RUNNER[runner.kind], "api": PREFECT_API_URL.value(), "mark": ""}
    with marked() as mark:
        said = objection(ask(asked | {"mark": mark}), examine(asked))
    if said:
        raise GenerationError(f"--address {runner.address}: {said}")


def examine(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Say what this process has and sees. Runs on a worker, and in the client to compare with."""
    mark = Path(asked["mark"])
    return {name: installed(name) for name in asked["packages"]} | {
        "host": platform.node(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "code": code_identity(),
        "reports": answers(f"{asked['api']}/health"),
        "sees": not asked["mark"] or (mark.is_file() and os.access(mark.parent, os.W_OK)),
    }


def installed(name: str) -> str:
    """The version of a package, without a build's local part: torch for a GPU and for none is one version."""
    try:
        return Version(version(name)).public
    except PackageNotFoundError:
        return "missing"


@contextlib.contextmanager
def marked() -> Iterator[str]:
    """Put a file among the kept batches for workers to find; "" where a storage block (S3, …) keeps them."""
    results = get_current_settings().results
    if results.default_storage_block:
        yield ""
        return
    mark = Path(results.local_storage_path) / f".seen-{uuid.uuid4().hex}"
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    try:
        yield str(mark)
    finally:
        mark.unlink()


def objection(rows: Rows, here: Mapping[str, Any]) -> str:
    """Why workers cannot take part, in one line about the first that cannot; "" when all can."""
    packages: Sequence[str] = [name for name in here if name not in ("host", "code", "reports", "sees")]
    for who, row in rows.items():
        if isinstance(row, BaseException):
            return f"{who} cannot run closedbook ({one_line(row)}); {AGAIN}"
        name = f"{who} on {row['host']}"
        for package in packages:
            if row[package] != here[package]:
                return f"{name} has {package} {row[package]}, this machine has {here[package]}; {AGAIN}"
        if row["code"] != here["code"]:
            return f"{name} has another version of closedbook than this machine; {AGAIN}"
        if not row["reports"]:
            return (
                f"{name} does not reach Prefect's server at {PREFECT_API_URL.value()}; start one that it reaches "
                "(`prefect server start --host 0.0.0.0`) and set PREFECT_API_URL"
            )
        if not row["sees"]:
            folder = get_current_settings().results.local_storage_path
            return (
                f"{name} does not see {folder}, where finished batches are kept; set "
                "PREFECT_RESULTS_LOCAL_STORAGE_PATH to a folder that all machines share"
            )
    return ""
