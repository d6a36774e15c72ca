"""A database on the disk for what does not fit into memory: DuckDB sorts, groups and joins there, and then it is gone.

    with spilled(run / ".spill", memory_mb=1024) as database:
        database.execute("CREATE TABLE pairs (row BIGINT, asked UBIGINT)")
        fill(database, "pairs", rows)                        rows of any number, a batch held at a time
        for row, asked in stream(database, "SELECT … ORDER BY asked, row"): …

DuckDB holds at most the memory that it is given and writes the rest beside its tables (measured beside Polars in
bench/results/large.md). It is an extra of the installation, since only runs of millions of pairs need it.
"""

import contextlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tasks.errors import StorageError, UsageError
from tasks.storage import room_for

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BATCH = 16_384
"""Rows that Python holds at a time on their way into the database or out of it."""
FULL = ("No space left", "max_temp_directory_size", "failed to offload")
"""What DuckDB says of a disk that is full, and of one that has no room for what it would have to put aside."""


@contextlib.contextmanager
def spilled(folder: Path, memory_mb: int) -> Iterator["DuckDBPyConnection"]:
    """Open an empty database in a folder of its own, which is removed at the end; one that a kill left is removed too.

    Args:
        folder: where tables and what is put aside while sorting are written.
        memory_mb: what DuckDB may hold (MiB); Python's own batches come on top.

    Raises:
        UsageError: when DuckDB is not installed.
        StorageError: when the disk is full or the folder cannot be written.
    """
    try:
        import duckdb
    except ModuleNotFoundError as error:
        raise UsageError(
            "more pairs than curation.memory_mb holds are sorted on the disk, which needs duckdb; install it with "
            "`pip install duckdb`, or raise --set curation.memory_mb"
        ) from error
    shutil.rmtree(folder, ignore_errors=True)
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MiB",
        "temp_directory": str(folder / "aside"),
    }
    try:
        with room_for(folder):
            folder.mkdir(parents=True)
            with duckdb.connect(str(folder / "tables.duckdb"), config=settings) as database:
                yield database
    except duckdb.Error as error:
        if any(mark in str(error) for mark in FULL):
            raise StorageError(f"{folder}: no space left on the disk; free some and run the command again") from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def append(database: "DuckDBPyConnection", table: str, columns: Sequence[Any]) -> None:
    """Append rows to a table, given as its columns: lists or arrays of one length."""
    schema = database.sql(f"SELECT * FROM {table} LIMIT 0").to_arrow_table().schema
    batch = pa.table(
        [pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)], schema=schema
    )
    database.register("batch", batch)
    database.execute(f"INSERT INTO {table} SELECT * FROM batch")
    database.unregister("batch")


def fill(database: "DuckDBPyConnection", table: str, rows: Iterable[Sequence[Any]]) -> int:
    """Append rows of any number to a table, a batch held at a time; return how many there were."""
    stream, count = iter(rows), 0
    while batch := list(islice(stream, BATCH)):
        append(database, table, list(zip(*batch, strict=True)))
        count += len(batch)
    return count


def stream(database: "DuckDBPyConnection", query: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a query in its order, a batch held at a time. Other statements may be executed meanwhile."""
    # Not execute(): what that gives comes out of order where a result has many batches (DuckDB 2.0.0).
    for batch in database.cursor().sql(query).to_arrow_reader(BATCH):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
