"""Facts about curating on the disk: the result of curating in memory, to the byte, however the pairs are cut up."""

import random
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.synthetic_pairs import labelled_pairs
from tasks import spill
from tasks.config import CurationConfig
from tasks.curation import large, tables
from tasks.curation.dedup import drop_duplicates
from tasks.curation.filters import filter_pairs
from tasks.curation.large import sift_large
from tasks.errors import StorageError, UsageError
from tasks.records import Pair, Rejection
from tasks.spill import fill, spilled, stream
from tasks.storage import iter_records, write_records
from tests.tasks.curation.corpus import DOCUMENT, pair, refusal

CONFIG = CurationConfig(memory_mb=128)
Judged = list[Pair | Rejection]


def in_memory(pairs: list[Pair], config: CurationConfig = CONFIG) -> tuple[list[Pair], list[Rejection]]:
    good, unfit = filter_pairs(pairs, [DOCUMENT], config)
    kept, repeated = drop_duplicates(good, config)
    return kept, [*unfit, *repeated]


def on_disk(
    pairs: Iterator[Pair] | list[Pair], folder: Path, config: CurationConfig = CONFIG
) -> tuple[list[Pair], list[Rejection]]:
    judged = list(sift_large(pairs, [DOCUMENT], config, folder / "spill"))
    assert not (folder / "spill").exists()
    return (
        [one for one in judged if isinstance(one, Pair)],
        [one for one in judged if isinstance(one, Rejection)],
    )


openings = ["Who", "And who", "who was it", "Which man", "In 2 who", "Who not"]
middles = ["keeps the keys of the oil store", "keeps keys of that oil store", "keeps the keys of oil and salt store"]
questions = st.builds(
    lambda a, b, c: f"{a} {b}{c}", st.sampled_from(openings), st.sampled_from(middles), st.sampled_from("?. ")
)
answerable = st.builds(
    lambda question, answer, form, chunk, generator, told: pair(
        question, answer, "keeps the keys", form=form, chunk_id=chunk, generator=generator, statement="Odo." * told
    ),
    questions,
    st.sampled_from(["Corwin Asplehurst", "by Corwin Asplehurst", "Corwin", "green", "Odo Marrick"]),
    st.sampled_from(["wh", "stem"]),
    st.sampled_from(["c1", "c2"]),
    st.sampled_from(["rule", "model"]),
    st.booleans(),
)
some_pairs = st.one_of(answerable, answerable, answerable, questions.map(refusal))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(some_pairs, max_size=24), st.sampled_from([1, 3, 50_000]), st.sampled_from([1, 2, 7, 1000]),
    st.floats(0.4, 1.0),
)  # fmt: skip
def test_the_result_is_that_of_memory(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[Pair], indexed: int, shard: int, threshold: float
) -> None:
    config = CurationConfig(memory_mb=128, duplicate_similarity=threshold)
    folder = tmp_path_factory.mktemp("large")
    paths = [folder / f"{start:03d}.jsonl" for start in range(0, len(pairs), shard)]
    for number, path in enumerate(paths):
        write_records(path, pairs[number * shard : (number + 1) * shard])
    shards = chain.from_iterable(iter_records(path, Pair) for path in paths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "LARGEST_INDEXED", indexed)
        patch.setattr(tables, "SIGNED", shard)
        patch.setattr(spill, "BATCH", shard)
        assert on_disk(shards, folder, config) == in_memory(pairs, config)


@pytest.mark.parametrize("indexed", [20, 50_000])
def test_thousands_of_pairs_in_any_order(indexed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LARGEST_INDEXED", indexed)
    pairs = [pair for _, pair in labelled_pairs(4000, seed=5)]
    random.Random(2).shuffle(pairs)
    with spilled(tmp_path / "spill", 64) as database:
        tables.find_duplicates(database, CONFIG, tables.load(database, pairs))
        judged: Judged = list(large.judged(database, pairs))
    kept, rejections = drop_duplicates(pairs, CONFIG)
    assert [one for one in judged if isinstance(one, Pair)] == kept
    assert [one for one in judged if isinstance(one, Rejection)] == rejections
    assert len(rejections) > 500


def test_rows_come_in_the_order_asked_for_however_many(tmp_path: Path) -> None:
    numbers = list(range(100_000))
    random.Random(1).shuffle(numbers)
    with spilled(tmp_path / "spill", 64) as database:
        database.execute("CREATE TABLE numbers (number BIGINT, name VARCHAR)")
        fill(database, "numbers", ((number, f"number {number}") for number in numbers))
        rows = list(stream(database, "SELECT number, name FROM numbers ORDER BY number"))
    assert rows == [(number, f"number {number}") for number in range(100_000)]


def test_a_spill_folder_without_room_is_told_in_one_line_and_removed(tmp_path: Path) -> None:
    def crowd() -> None:
        with spilled(tmp_path / "spill", 64) as database:
            database.execute("SET max_temp_directory_size = '1MB'")
            database.execute("CREATE TABLE many AS SELECT range AS a, hash(range)::VARCHAR AS b FROM range(1000000)")
            list(stream(database, "SELECT a, b, hash(b)::VARCHAR || b FROM many ORDER BY b"))

    with pytest.raises(StorageError, match=r"spill: no space left on the disk; free some"):
        crowd()
    assert not (tmp_path / "spill").exists()


def test_a_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"spill: no space left on the disk"), spilled(tmp_path / "spill", 64):
        raise duckdb.IOException('IO Error: Could not write file "t": No space left on device')


def test_a_damaged_shard_is_named_with_its_line(tmp_path: Path) -> None:
    shards = [tmp_path / "pairs-0.jsonl", tmp_path / "pairs-1.jsonl"]
    for path in shards:
        write_records(path, [pair("Who built the heron pump?", "Odo Marrick")])
    shards[1].write_text(shards[1].read_text() + '{"id": "7b2b33')
    with pytest.raises(StorageError, match=r"pairs-1\.jsonl: line 2 is not a JSON object"):
        on_disk(chain.from_iterable(iter_records(path, Pair) for path in shards), tmp_path)
    assert not (tmp_path / "spill").exists()


def test_without_duckdb_the_command_that_installs_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(UsageError, match="`pip install duckdb`"):
        on_disk([], tmp_path)


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "spill").mkdir()
    (tmp_path / "spill" / "tables.duckdb").write_bytes(b"half a table")
    assert on_disk([], tmp_path) == ([], [])
