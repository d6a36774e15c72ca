"""A run's folder: JSON Lines files written atomically, the manifest last.

``write_records(run / "chunks.jsonl", chunks)`` writes one JSON object a line, sorted as given, UTF-8,
``\\n`` line ends, so that equal records give equal bytes. A folder with ``manifest.json`` is complete.
"""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import jsonlines
from safetensors import SafetensorError

from tasks.errors import StorageError
from tasks.records import to_json

Record = TypeVar("Record")

MANIFEST, OUTCOME = "manifest.json", "training.json"
TORCH_WRITER = "inline_container.cc"
"""Where torch's zip writer checks what it has written; it says no more than that when the disk is full."""


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that replaces it when the block ends without an error.

    Raises:
        StorageError: when the disk is full or the folder cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(f"{path}: no space left on the disk; free some and run the command again") from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST):
            raise StorageError(f"{path}: cannot be written ({error.strerror}); choose another --out") from error
        raise
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def room_for(folder: Path) -> Iterator[None]:
    """Tell a full disk from what torch and safetensors say of it, while they write into ``folder``.

    Raises:
        StorageError: when there was no space left.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        text = str(error)
        if (
            "No space left" in text
            or TORCH_WRITER in text
            or getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT)
        ):
            raise StorageError(
                f"{folder}: no space left on the disk; free some and run the command again, or choose another --out"
            ) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, UTF-8, line ends as given."""
    with atomic(path) as partial:
        partial.write_bytes(text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write one JSON value atomically, indented, keys as given."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write_records(path: Path, records: Iterable[Any]) -> int:
    """Write dataclass records (or dicts) as JSON Lines, atomically; return how many."""
    count = 0
    with atomic(path) as partial, jsonlines.open(partial, "w", dumps=_dumps) as writer:
        for record in records:
            count += 1
            writer.write(record if isinstance(record, dict) else to_json(record))
    return count


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def iter_dicts(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON Lines file.

    Raises:
        StorageError: when the file is missing or a line is not a JSON object (named by its number).
    """
    if not path.is_file():
        raise StorageError(f"{path}: no such file; run the stage that writes it first")
    with jsonlines.open(path) as reader:
        try:
            yield from reader.iter(type=dict, skip_empty=True)
        except jsonlines.InvalidLineError as error:
            raise StorageError(f"{path}: line {error.lineno} is not a JSON object; mend or remove it") from error


def read_records(path: Path, record_type: type[Record]) -> list[Record]:
    """Read JSON Lines back into records, all of them; as ``iter_records``."""
    return list(iter_records(path, record_type))


def iter_records(path: Path, record_type: type[Record]) -> Iterator[Record]:
    """Read JSON Lines back into records, one held at a time; lists become tuples, unknown fields are refused.

    Raises:
        StorageError: when the file is missing or a line does not fit the record.
    """
    known = {f.name for f in fields(record_type)}  # type: ignore[arg-type]
    for number, row in enumerate(iter_dicts(path), 1):
        if unknown := set(row) - known:
            raise StorageError(f"{path}: line {number} has unknown field {sorted(unknown)[0]!r}; was it edited?")
        try:
            record = record_type(**{name: _tuples(value) for name, value in row.items()})
        except TypeError as error:
            raise StorageError(f"{path}: line {number} is not a {record_type.__name__}: {error}") from error
        yield record


@dataclass(frozen=True)
class RecordFile(Generic[Record]):
    """The records of a JSON Lines file, read anew whenever they are gone through: one is held at a time."""

    path: Path
    record_type: type[Record]

    def __iter__(self) -> Iterator[Record]:
        return iter_records(self.path, self.record_type)

    def __len__(self) -> int:
        return self._count

    @cached_property
    def _count(self) -> int:
        return sum(1 for _ in iter_dicts(self.path))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def file_hash(path: Path) -> str:
    """SHA-256 of a file, as hex digits, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_manifest(run: Path) -> dict[str, Any]:
    """Read a run's manifest.

    Raises:
        StorageError: when the folder is not a finished run.
    """
    path = run / MANIFEST
    if not path.is_file():
        raise StorageError(f"{run}: no {MANIFEST} in it, so the run is not finished; run `closedbook run` on it again")
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest
