"""The funnel of a run: every stage's tally, the counts on the way, and the proof that nothing was lost.

Tallies of all stages and batches turn into ``funnel.json``; that turns into a ``Funnel`` for page and terminal::

    save_funnel(run, [Tally("filter", 1033, 893, {"ungrounded": 140}), Tally("dedup", 893, 812, {"duplicate": 81})])
    load_funnel(run).counts    {"documents": 1, "characters": 7441, "chunks": 11, …, "pairs": 812, "examples": 812}
    load_funnel(run).problems  ()

The law is conservation: parsed = kept + rejected, reason by reason, and every rejection stands in ``rejected.jsonl``.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.errors import StorageError
from tasks.records import Tally
from tasks.storage import iter_dicts, write_json

FUNNEL = "funnel.json"
READ = "read"

# What is counted on the way, in the order in which it comes about, and the file that holds it.
LEVELS: dict[str, tuple[str, ...]] = {
    "chunks": ("chunks.jsonl",),
    "facts": ("facts.jsonl",),
    "completions": ("completions.jsonl",),
    "candidates": ("candidates.jsonl",),
    "pairs": ("pairs.jsonl",),
    "examples": ("train.jsonl", "valid.jsonl"),
}
# A stage that is run again is counted where it stands, not last.
STAGES = ("sentences", "draft", "review", "filter", "dedup", "refuse", "refusals", "import", "train", "probe")
ORDER = ("documents", "characters", "sentences", "chunks", "facts", "completions", "candidates", "pairs", "examples")


@dataclass(frozen=True, slots=True)
class Funnel:
    """A run's counts by level, its stages, and what does not add up (empty in a sound run)."""

    counts: dict[str, int]
    stages: tuple[Tally, ...]
    problems: tuple[str, ...] = ()

    def levels(self) -> list[tuple[str, int]]:
        """Return (name, count) from characters to examples: the known names in order, then any other."""
        names = [name for name in ORDER if name in self.counts] + [name for name in self.counts if name not in ORDER]
        counts = [(name, self.counts[name]) for name in names]
        return [(name.removesuffix("s") if count == 1 else name, count) for name, count in counts]


def combine(tallies: Iterable[Tally]) -> list[Tally]:
    """Add up the tallies of the same stage (its batches and rounds), stages in order of first appearance."""
    combined: dict[str, Tally] = {}
    for tally in tallies:
        total = combined.setdefault(tally.stage, Tally(tally.stage))
        total.parsed += tally.parsed
        total.kept += tally.kept
        for reason, count in tally.rejected.items():
            total.rejected[reason] = total.rejected.get(reason, 0) + count
    return list(combined.values())


def unbalanced(tallies: Iterable[Tally]) -> list[str]:
    """Name each stage where parsed is not kept + rejected."""
    return [
        f"{tally.stage}: parsed {tally.parsed:,} is not kept {tally.kept:,} + rejected {sum(tally.rejected.values()):,}"
        for tally in tallies
        if not tally.balanced()
    ]


def unwritten(tallies: Iterable[Tally], rejections: Iterable[dict[str, Any]]) -> list[str]:
    """Name each stage and reason whose count differs from the rows of ``rejected.jsonl``."""
    counted = Counter({(t.stage, reason): count for t in tallies for reason, count in t.rejected.items() if count})
    written = Counter((row["stage"], row["reason"]) for row in rejections)
    return [
        f"{stage}: {counted[stage, reason]:,} rejected as {reason}, but {written[stage, reason]:,} written"
        for stage, reason in sorted(counted.keys() | written.keys())
        if counted[stage, reason] != written[stage, reason]
    ]


def count_files(run: Path) -> dict[str, int]:
    """Count what a run's files hold: characters of the documents, and rows of every file that is there."""
    counts: dict[str, int] = {}
    if (run / "documents.jsonl").is_file():
        lengths = [len(row["text"]) for row in iter_dicts(run / "documents.jsonl")]
        counts |= {"documents": len(lengths), "characters": sum(lengths)}
    for level, names in LEVELS.items():
        present = [run / name for name in names if (run / name).is_file()]
        if present:
            counts[level] = sum(1 for path in present for _ in iter_dicts(path))
    return counts


def check_conservation(run: Path, tallies: Iterable[Tally]) -> list[str]:
    """Return what does not add up, a line each: within the tallies, and between them and the run's files."""
    stages = combine(tallies)
    problems = unbalanced(stages)
    if (run / "rejected.jsonl").is_file():
        problems += unwritten(stages, iter_dicts(run / "rejected.jsonl"))
    return problems


def save_funnel(run: Path, tallies: Iterable[Tally], counts: dict[str, int] | None = None) -> Funnel:
    """Write ``funnel.json`` from tallies and the run's files; ``counts`` adds what no file shows (sentences).

    The problems found are written too: a funnel that leaks is shown, never hidden.
    """
    stages = sorted(combine(tallies), key=lambda tally: STAGES.index(tally.stage) if tally.stage in STAGES else 99)
    reached = count_files(run) | (counts or {})
    funnel = Funnel(reached, tuple(stages), tuple(check_conservation(run, stages)))
    head = {"stage": READ, "parsed": 0, "kept": 0, "rejected": {}, "counts": funnel.counts, "problems": funnel.problems}
    write_json(run / FUNNEL, [head, *(asdict(tally) for tally in stages)])
    return funnel


def load_funnel(run: Path) -> Funnel:
    """Read ``funnel.json``; rows without tallies (``counts`` only) add to the counts.

    Raises:
        StorageError: when the file is missing, is not JSON, or is not a list of stages.
    """
    path = run / FUNNEL
    if not path.is_file():
        raise StorageError(f"{path}: no such file; run `closedbook curate {run}` first")
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        counts = {name: int(count) for row in rows for name, count in row.get("counts", {}).items()}
        stages = [
            Tally(row["stage"], row["parsed"], row["kept"], dict(row["rejected"]))
            for row in rows
            if row["stage"] != READ or row["parsed"]
        ]
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
        raise StorageError(f"{path}: not a list of stages ({error}); remove it and run the stage again") from error
    problems = [problem for row in rows for problem in row.get("problems", [])]
    return Funnel(counts, tuple(stages), tuple(dict.fromkeys(problems + unbalanced(stages))))
