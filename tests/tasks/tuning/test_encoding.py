"""Examples that stay on the disk: encoded into shards, they are the dataset that they were in memory."""

import errno
import os
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from datasets.arrow_writer import ArrowWriter

from tasks.errors import StorageError, UnusableResult
from tasks.records import Example, derive_id
from tasks.storage import RecordFile, write_records
from tasks.tuning import encoding
from tasks.tuning.encoding import build_dataset
from tasks.tuning.noise import each_noisy, noisy_passes
from tasks.tuning.rendering import Renderer
from tests.tiny import tiny_tokenizer

TOKENIZER = tiny_tokenizer(["Who built the pump? Odo Marrick."])
RENDERER = Renderer(TOKENIZER, "chat")
EXAMPLES = [
    Example(derive_id(number), "pair", "Closed book.", f"Who built pump {number}?", "Smith " * number, "", "train")
    for number in range(1, 24)
]


@pytest.mark.parametrize("shard", [1, 5, 1000])
def test_a_dataset_in_shards_is_the_dataset_in_memory(
    shard: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "SHARD", shard)
    texts = ["Odo Marrick built the pump.", "It lifts brine."]
    known = build_dataset(EXAMPLES, RENDERER, TOKENIZER, longest=60, texts=texts)
    write_records(tmp_path / "train.jsonl", EXAMPLES)
    file = RecordFile(tmp_path / "train.jsonl", Example)
    dataset, too_long = build_dataset(file, RENDERER, TOKENIZER, longest=60, texts=texts, folder=tmp_path / "encoded")
    assert 0 < too_long == known[1]
    assert dataset.features == known[0].features
    assert list(dataset) == list(known[0]) and len(dataset) == len(EXAMPLES) + 2 - too_long
    rows = [len(shard_of(path)) for path in sorted((tmp_path / "encoded").iterdir())]
    assert sum(rows) == len(dataset) and max(rows) <= shard
    again, _ = build_dataset(file, RENDERER, TOKENIZER, longest=60, folder=tmp_path / "encoded")
    assert len(again) == len(dataset) - 2  # an earlier training's files are not mixed in


def shard_of(path: Path) -> Any:
    return Dataset.from_file(str(path))


def test_examples_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    write_records(tmp_path / "train.jsonl", EXAMPLES)
    with (tmp_path / "train.jsonl").open("a") as stream:
        stream.write('{"id": "cut sh')
    file = RecordFile(tmp_path / "train.jsonl", Example)
    assert list(islice(file, 3)) == EXAMPLES[:3]
    with pytest.raises(StorageError, match=r"train\.jsonl: line 24 is not a JSON object"):
        build_dataset(file, RENDERER, TOKENIZER, longest=60, folder=tmp_path / "encoded")


def test_noise_in_a_stream_is_the_same_noise() -> None:
    assert list(each_noisy(EXAMPLES, 0.4, 3, seed=2)) == noisy_passes(EXAMPLES, 0.4, 3, seed=2)


def test_nothing_short_enough_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnusableResult, match="none of 23 examples fits 3 tokens"):
        build_dataset(EXAMPLES, RENDERER, TOKENIZER, longest=3, folder=tmp_path / "encoded")


def test_a_disk_that_fills_up_meanwhile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ArrowWriter, "write_table", full)
    monkeypatch.setattr(ArrowWriter, "write_examples_on_file", full)
    with pytest.raises(StorageError, match=r"encoded: no space left on the disk"):
        build_dataset(EXAMPLES, RENDERER, TOKENIZER, longest=60, folder=tmp_path / "encoded")
