"""A run's beginning and end: ``config.json`` first, ``manifest.json`` last; what each stage cost and lost in between.

    begin(Path("corpora/heron"), run, config)     config.json   {"config", "corpus", "command", "versions"}
    with measured(run, "curate"): …               stages.json   [{"stage", "seconds", "memory_mb"}, …]
    account(run, tallies, rejections)             rejected.jsonl and funnel.json
    seal(run)                                     manifest.json all of that, and the hash of every file in and out

A folder with a manifest is a finished run. What is in ``config.json`` is what a single stage needs to run again.
"""

import contextlib
import json
import platform
import shlex
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError

from flows.elsewhere import publish_changes
from tasks.config import Config
from tasks.corpus.readers import find_texts
from tasks.curation.decisions import REVIEWS
from tasks.errors import StorageError, UsageError
from tasks.memory import peak_mb, reset_peak
from tasks.records import Rejection, Tally
from tasks.reporting.audit import AUDIT
from tasks.reporting.funnel import FUNNEL, load_funnel, save_funnel
from tasks.storage import MANIFEST, file_hash, iter_records, write_json, write_records
from tasks.working_copies import here, origin

CONFIG, STAGES, REJECTED = "config.json", "stages.json", "rejected.jsonl"
PACKAGES = ("closedbook", "torch", "transformers", "trl", "peft", "prefect", "nltk", "spacy", "xllamacpp", "datasets")


@dataclass(frozen=True, slots=True)
class Setup:
    """What a run was begun with."""

    corpus: Path
    config: Config


@contextlib.contextmanager
def held(run: Path) -> Iterator[None]:
    """Keep a run's folder to this process.

    Raises:
        StorageError: when another process is at work in it.
    """
    run.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise StorageError(
            f"{run}: another closedbook is at work in it; wait for it, or choose another --out"
        ) from error
    try:
        yield
    finally:
        lock.release()


def begin(corpus: Path, run: Path, config: Config) -> None:
    """Write what the run is made from. A manifest of an earlier run is removed: the folder is at work again.

    Raises:
        UsageError: when the folder holds something that is no run.
    """
    foreign = [path.name for path in run.iterdir() if not path.name.startswith(".")] if run.is_dir() else []
    if foreign and CONFIG not in foreign:
        raise UsageError(f"--out {run}: holds {sorted(foreign)[0]} and is no run of closedbook; choose another folder")
    (run / MANIFEST).unlink(missing_ok=True)
    write_json(run / STAGES, [])
    write_json(
        run / CONFIG,
        {
            "config": config.model_dump(mode="json"),
            "corpus": origin(corpus),
            "command": shlex.join(["closedbook", *sys.argv[1:]]),
            "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        },
    )


def read_setup(run: Path) -> Setup:
    """Read what a run was begun with.

    Raises:
        StorageError: when the folder is no run, or its configuration is damaged.
    """
    path = run / CONFIG
    if not path.is_file():
        raise StorageError(f"{run}: no run in it; begin one with `closedbook run CORPUS --out {run}`")
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        return Setup(here(Path(row["corpus"])), Config.model_validate(row["config"]))
    except (json.JSONDecodeError, KeyError, TypeError, ValidationError) as error:
        raise StorageError(f"{path}: not a run's configuration; begin the run anew into another folder") from error


@contextlib.contextmanager
def measured(run: Path, stage: str) -> Iterator[None]:
    """Note what a stage took: seconds, and the most memory that it held (GPU: of its memory), in MB.

    Where the run is elsewhere, what the stage made goes there.
    """
    started = time.monotonic()
    reset_peak()
    yield
    rows = [row for row in _stages(run) if row["stage"] != stage]
    seconds = round(time.monotonic() - started, 2)
    write_json(run / STAGES, [*rows, {"stage": stage, "seconds": seconds, "memory_mb": round(peak_mb())}])
    publish_changes()


def _stages(run: Path) -> list[dict[str, Any]]:
    path = run / STAGES
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return rows


def account(run: Path, tallies: Sequence[Tally], rejections: Iterable[Rejection], sentences: int | None = None) -> None:
    """Write what stages rejected, in place of what the same stages rejected before; sentences are in no other file.

    A tally of nothing takes its stage out of the funnel.
    """
    (run / AUDIT).unlink(missing_ok=True)  # what was audited has changed
    stages = {tally.stage for tally in tallies}
    earlier = iter_records(run / REJECTED, Rejection) if (run / REJECTED).is_file() else iter(())
    kept = (rejection for rejection in earlier if rejection.stage not in stages)
    write_records(run / REJECTED, chain(kept, rejections))
    funnel = load_funnel(run) if (run / FUNNEL).is_file() else None
    others = [tally for tally in funnel.stages if tally.stage not in stages] if funnel else []
    if sentences is None:
        sentences = funnel.counts.get("sentences", 0) if funnel else 0
    save_funnel(run, [*others, *(tally for tally in tallies if tally.parsed)], {"sentences": sentences})


def seal(run: Path) -> None:
    """Write the manifest: from here on the folder is a finished run."""
    setup = json.loads((run / CONFIG).read_text(encoding="utf-8"))
    corpus = here(Path(setup["corpus"]))
    texts, folder = (find_texts(corpus), corpus) if corpus.is_dir() else ([corpus], corpus.parent)
    imported = [file for part in setup["config"]["imports"] for file in _files(Path(part["path"]))]
    outputs = sorted(path for path in run.rglob("*") if path.is_file() and not path.name.startswith("."))
    outputs = [path for path in outputs if path.name != REVIEWS]  # a reviewer goes on writing it
    write_json(
        run / MANIFEST,
        setup
        | {
            "seed": setup["config"]["seed"],
            "inputs": {str(path.relative_to(folder)): file_hash(path) for path in texts}
            | {str(path): file_hash(path) for path in imported},
            "outputs": {str(path.relative_to(run)): file_hash(path) for path in outputs},
            "funnel": [asdict(tally) for tally in load_funnel(run).stages],
            "stages": _stages(run),
        },
    )


def _files(path: Path) -> list[Path]:
    """A file, or all files of a folder."""
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
