"""A reviewer's decisions, one JSON line each in ``reviews.jsonl``: appended, on the disk before they count as taken.

    {"target": "pair", "id": "9a…", "action": "edit", "at": "2026-11-21T17:20:04Z",
     "original": {the pair as it was}, "changes": {"answer": "in 1829"}}

The last decision on a record holds; ``clear`` takes it back. Each carries the record it was made on and holds for what
says the same (``decision_key``), wherever in the text it stands now and whether or not it is made again. A last line
that a kill cut short was never acknowledged: it is passed over in reading, and removed before the next one is written.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from filelock import FileLock, Timeout

from tasks.errors import StorageError
from tasks.records import Pair, Probe, derive_id, to_json
from tasks.storage import file_hash

REVIEWS = "reviews.jsonl"
Target = Literal["pair", "probe"]
Action = Literal["accept", "edit", "reject", "clear"]
EDITABLE: dict[str, frozenset[str]] = {
    "pair": frozenset({"question", "answer", "statement"}),
    "probe": frozenset({"question", "accepted"}),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer decided on one pair or probe. ``at`` is UTC; ``changes`` are an edit's new values."""

    target: Target
    id: str
    action: Action
    at: str
    original: dict[str, Any]
    changes: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def on(cls, record: Pair | Probe, action: Action, changes: dict[str, Any] | None = None) -> "Decision":
        """Decide on a record, now."""
        target: Target = "pair" if isinstance(record, Pair) else "probe"
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return cls(target, record.id, action, now, to_json(record), changes or {})

    @property
    def record(self) -> Pair | Probe:
        """The record decided on."""
        if self.target == "pair":
            return Pair(**self.original)
        accepted = self.original["accepted"]
        return Probe(**self.original | {"accepted": None if accepted is None else tuple(accepted)})


Decisions = dict[str, Decision]
"""The decision that holds, by ``decision_key`` of its record."""


def decision_key(record: Pair | Probe) -> str:
    """Name what a record says, without where it stands: text added above a fact leaves the decision in force."""
    if isinstance(record, Probe):
        return derive_id("probe", record.id, record.question, record.accepted)
    said = (record.answer, record.statement) if record.kind == "answerable" else ()
    return derive_id("pair", record.source, record.kind, record.form, record.question, *said)


def read_decisions(run: Path) -> Decisions:
    """Read the decisions that hold; a run without ``reviews.jsonl`` has none.

    Raises:
        StorageError: for a line, other than a last one cut short, that is no decision.
    """
    path = run / REVIEWS
    held: Decisions = {}
    for number, line in enumerate(_whole_lines(path), 1):
        decision = _parse(line, f"{path}: line {number}")
        if decision.action == "clear":
            held.pop(decision_key(decision.record), None)
        else:
            held[decision_key(decision.record)] = decision
    return held


def reviews_hash(run: Path) -> str:
    """Name the decisions taken so far, "" for none: what was made under others is out of date."""
    path = run / REVIEWS
    return file_hash(path) if path.is_file() else ""


class Journal:
    """The open ``reviews.jsonl`` of a run: ``append`` returns when the decision is on the disk."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Take an open file; use ``journal`` to open one."""
        self.path, self._descriptor = path, descriptor

    def append(self, decision: Decision) -> None:
        """Write one line and wait for the disk.

        Raises:
            StorageError: when it cannot be written; what was written of the line is taken back.
        """
        line = (json.dumps(to_json(decision), ensure_ascii=False, separators=(",", ":")) + "\n").encode()
        size = os.fstat(self._descriptor).st_size
        try:
            if os.write(self._descriptor, line) != len(line):
                raise OSError(28, "no space left on the disk")
            os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, size)
            raise StorageError(
                f"{self.path}: the decision was not stored ({error.strerror}); free some space"
            ) from error


@contextlib.contextmanager
def journal(run: Path) -> Iterator[Journal]:
    """Open a run's decisions for one reviewer.

    Raises:
        StorageError: when another process reviews the run, or the file cannot be opened or read.
    """
    path = run / REVIEWS
    lock = FileLock(run / ".reviews.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise StorageError(f"{run}: is being reviewed in another process; use its page, or end it first") from error
    try:
        read_decisions(run)  # a damaged file is told before anything is added to it
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            _drop_torn_end(path, descriptor)
            _sync_folder(run)
            yield Journal(path, descriptor)
        finally:
            os.close(descriptor)
    finally:
        lock.release()


def _whole_lines(path: Path) -> list[str]:
    """The lines that end in a line feed; what follows the last one was cut short."""
    if not path.is_file():
        return []
    try:
        return path.read_bytes()[: _whole_length(path)].decode("utf-8").split("\n")[:-1]
    except UnicodeDecodeError as error:
        raise StorageError(f"{path}: byte {error.start} is not UTF-8; mend or remove that line") from error


def _whole_length(path: Path) -> int:
    return path.read_bytes().rfind(b"\n") + 1


def _drop_torn_end(path: Path, descriptor: int) -> None:
    os.ftruncate(descriptor, _whole_length(path))


def _sync_folder(folder: Path) -> None:
    """Make a new file's name last: fsync of the file alone does not (man 2 fsync)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parse(line: str, where: str) -> Decision:
    try:
        decision = Decision(**json.loads(line))
    except (json.JSONDecodeError, TypeError) as error:
        raise StorageError(f"{where} is no decision ({error}); mend or remove it") from error
    if decision.target not in EDITABLE or decision.action not in get_args(Action):
        raise StorageError(f"{where}: {decision.action!r} of {decision.target!r} is no decision; mend or remove it")
    if not isinstance(decision.changes, dict) or set(decision.changes) - EDITABLE[decision.target]:
        raise StorageError(
            f"{where}: changes are {decision.changes!r}; only {sorted(EDITABLE[decision.target])} can be"
        )
    try:
        _ = decision.record
    except (TypeError, KeyError) as error:
        raise StorageError(f"{where}: original is no {decision.target} ({error}); mend or remove it") from error
    return decision
