"""Candidate pairs of any number to those kept and a reason for every other: as in memory, but sorted on the disk.

    pairs, documents, CurationConfig(memory_mb=4096), run/.spill  ->  Pair, Pair, Rejection("dedup", "duplicate", …), …

What ``filter_pairs`` and ``drop_duplicates`` find by looking at all pairs at once is found here in tables
(tasks/curation/tables.py), by the same functions, so that the result is the same, to the byte. In memory at one time:
a batch, a group of pairs with one hash, a byte a pair, what DuckDB is given, and the texts of the documents.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import jsonlines

from tasks.config import CurationConfig
from tasks.curation.contradictions import REASON as CONTRADICTED
from tasks.curation.dedup import rejected
from tasks.curation.filters import STAGE as FILTER
from tasks.curation.filters import sift, texts_by_source
from tasks.curation.tables import find_contradictions, find_duplicates, load
from tasks.records import Document, Pair, Rejection, to_json
from tasks.spill import spilled, stream
from tasks.storage import iter_records, write_records

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Database


def sift_large(
    pairs: Iterable[Pair], documents: Iterable[Document], config: CurationConfig, folder: Path
) -> Iterator[Pair | Rejection]:
    """Judge pairs by every filter and against each other, in a stream: each comes out as itself or as its rejection.

    Kept pairs come in the order given, rejections stage by stage, as ``filter_pairs`` and ``drop_duplicates`` do.

    Args:
        pairs: any number of them, from any number of files; they are gone through once.
        documents: the texts that the pairs stand on.
        config: thresholds, and the memory (``memory_mb``), half of which goes to the database.
        folder: is made for tables and for the pairs that pass the filters, and removed at the end.

    Raises:
        UsageError: when DuckDB is not installed.
        StorageError: when the disk is full.
        CorpusError: when two documents share a source tag.
    """
    documents = list(documents)
    with spilled(folder, config.memory_mb // 2) as database:
        good, unfit = folder / "good.jsonl", folder / "unfit.jsonl"
        write_records(good, _passed(sift(pairs, documents, config), unfit))
        yield from iter_records(unfit, Rejection)
        count = load(database, iter_records(good, Pair))
        find_contradictions(database, texts_by_source(documents))
        for _, identity, detail in stream(database, "SELECT * FROM contradicted ORDER BY row"):
            yield Rejection(FILTER, CONTRADICTED, identity, detail)
        find_duplicates(database, config, count)
        yield from judged(database, iter_records(good, Pair))


def _passed(judged: Iterable[Pair | Rejection], unfit: Path) -> Iterator[Pair]:
    """The pairs of a stream; its rejections go to a file."""
    with jsonlines.open(unfit, "w") as writer:
        for one in judged:
            if isinstance(one, Pair):
                yield one
            else:
                writer.write(to_json(one))


def judged(database: "Database", pairs: Iterable[Pair]) -> Iterator[Pair | Rejection]:
    """Go through the pairs that passed the filters once more; what was found is sorted as they are."""
    dropped = stream(
        database,
        "SELECT dropped.row, score, id, question FROM dropped JOIN pairs ON pairs.row = rival ORDER BY dropped.row",
    )
    contradicted = (row for (row,) in stream(database, "SELECT row FROM contradicted ORDER BY row"))
    repeat, gone = next(dropped, None), next(contradicted, None)
    for row, pair in enumerate(pairs):
        if row == gone:
            gone = next(contradicted, None)
        elif repeat and row == repeat[0]:
            _, score, rival_id, question = repeat
            yield rejected(pair, replace(pair, id=rival_id, question=question), score)
            repeat = next(dropped, None)
        else:
            yield pair
