"""A run's folder turns into one ``RunFiles``, where a file that a partial run has not written yet is None.

    files = load_run(Path("generated/heron"))
    files.pairs        [Pair(…), …]       files.results   None: nothing was probed yet
    files.setup        {"config": {…}, "command": "closedbook run …", "versions": {…}}
    files.stages       [{"stage": "generate", "seconds": 212.4, "memory_mb": 1450}, …]

``setup`` and ``stages`` come from ``manifest.json`` when the run is complete; before, from ``config.json`` and
``stages.json``.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tasks.errors import StorageError
from tasks.records import Chunk, Document, Example, Fact, Pair, Probe, ProbeResult, Rejection
from tasks.reporting.funnel import FUNNEL, Funnel, load_funnel
from tasks.storage import MANIFEST, iter_dicts, read_records

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class RunFiles:
    """What a run has written so far; None is a file that is not there. ``about``: the facts behind each rejected id."""

    path: Path
    documents: list[Document] | None
    chunks: list[Chunk] | None
    facts: list[Fact] | None
    pairs: list[Pair] | None
    rejections: list[Rejection] | None
    about: dict[str, tuple[str, ...]]
    train: list[Example] | None
    valid: list[Example] | None
    probes: list[Probe] | None
    results: list[ProbeResult] | None
    funnel: Funnel | None
    metrics: dict[str, Any] | None
    training: list[dict[str, Any]] | None
    stages: list[dict[str, Any]] | None
    setup: dict[str, Any] | None

    @property
    def name(self) -> str:
        """The sources of the corpus, or the folder's name before anything was read."""
        sources = list(dict.fromkeys(document.title or document.source for document in self.documents or []))
        return ", ".join(sources[:3]) + (f" and {len(sources) - 3} more" if len(sources) > 3 else "") or self.path.name


def load_run(run: Path) -> RunFiles:
    """Read whatever a run's folder holds.

    Raises:
        StorageError: when there is no such folder, or a file in it is damaged.
    """
    if not run.is_dir():
        raise StorageError(f"{run}: no such run folder; give the folder that `closedbook run` wrote")
    manifest = _json(run / MANIFEST) or {}
    return RunFiles(
        path=run,
        documents=_records(run / "documents.jsonl", Document),
        chunks=_records(run / "chunks.jsonl", Chunk),
        facts=_records(run / "facts.jsonl", Fact),
        pairs=_records(run / "pairs.jsonl", Pair),
        rejections=_records(run / "rejected.jsonl", Rejection),
        about=_about(run),
        train=_records(run / "train.jsonl", Example),
        valid=_records(run / "valid.jsonl", Example),
        probes=_records(run / "probes.jsonl", Probe),
        results=_records(run / "results.jsonl", ProbeResult),
        funnel=load_funnel(run) if (run / FUNNEL).is_file() else None,
        metrics=_json(run / "metrics.json"),
        training=list(iter_dicts(run / "training.jsonl")) if (run / "training.jsonl").is_file() else None,
        stages=manifest.get("stages") or _json(run / "stages.json"),
        setup=manifest or _json(run / "config.json"),
    )


def _records(path: Path, record_type: type[Record]) -> list[Record] | None:
    return read_records(path, record_type) if path.is_file() else None


def _about(run: Path) -> dict[str, tuple[str, ...]]:
    """The facts that each candidate and completion is about, by its id: a rejection names no more than that."""
    about: dict[str, tuple[str, ...]] = {}
    if (run / "candidates.jsonl").is_file():
        about |= {row["id"]: (row["fact_id"],) for row in iter_dicts(run / "candidates.jsonl")}
    if (run / "completions.jsonl").is_file():
        about |= {row["id"]: tuple(row.get("fact_ids", ())) for row in iter_dicts(run / "completions.jsonl")}
    return about


def _json(path: Path) -> Any:
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise StorageError(f"{path}: not valid JSON ({error}); remove it and run the stage again") from error
