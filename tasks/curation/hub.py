"""A run to a Hugging Face dataset folder: what ``load_dataset(folder)`` and ``load_from_disk(folder)`` both read.

    <out>/README.md                               the card; its header names the parquet files of each split
    <out>/data/train-00000-of-00001.parquet       for load_dataset, and for the hub's viewer; a file for each SHARD rows
    <out>/dataset_dict.json, <out>/train/*.arrow  for load_from_disk

A row carries the rendered ``prompt`` and ``completion`` (TRL reads these two), the bare question, answer and system
prompt, and where it comes from: document, chunk, character span, evidence sentence, form, generator.
"""

import contextlib
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping
from itertools import count, islice
from pathlib import Path
from typing import Any

from datasets import (
    Dataset,
    DatasetDict,
    Features,
    Value,
    concatenate_datasets,
    disable_progress_bars,
    enable_progress_bars,
    load_from_disk,
)

from tasks.curation.card import dataset_card
from tasks.curation.extra import IMPORTED
from tasks.curation.formats import render_prompt_completion
from tasks.errors import UsageError
from tasks.records import Document, Example, Pair
from tasks.storage import iter_dicts, iter_records, read_records, room_for, write_text

# What the hub and most trainers call the validation split.
SPLITS = {"train": "train", "valid": "validation"}
SHARD = 250_000
"""Rows of a parquet file at most: some 50 MB."""
COLUMNS = {
    "id": "string", "prompt": "string", "completion": "string", "system": "string", "tag": "string",
    "question": "string", "answer": "string", "kind": "string", "form": "string", "source": "string",
    "title": "string", "chunk_id": "string", "fact_id": "string", "pair_id": "string", "twin_of": "string",
    "char_start": "int64", "char_end": "int64", "evidence": "string", "generator": "string",
}  # fmt: skip


def write_folder(run: Path, out: Path) -> Path:
    """Write the dataset folder of a run, whole or not at all; one that this function wrote before is replaced.

    Raises:
        UsageError: when ``out`` is a file, or a folder that holds something else.
    """
    if out.exists() and not (out / "dataset_dict.json").is_file() and (out.is_file() or any(out.iterdir())):
        raise UsageError(f"--out {out}: exists and is no dataset folder; choose another name")
    documents = {document.source: document for document in read_records(run / "documents.jsonl", Document)}
    pairs = {pair.id: pair for pair in read_records(run / "pairs.jsonl", Pair)}
    features = Features({name: Value(kind) for name, kind in COLUMNS.items()})
    origins = (
        {row["example_id"]: row["ref"] for row in iter_dicts(run / IMPORTED)} if (run / IMPORTED).is_file() else {}
    )
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "data").mkdir(parents=True)
    parts = {}
    with room_for(partial), _quiet():
        for side, name in SPLITS.items():
            examples = iter_records(run / f"{side}.jsonl", Example)
            shown = provenance_rows(examples, pairs, documents, origins)
            if shards := list(_shards(shown, features, partial / "spool" / name)):
                parts[name] = concatenate_datasets(shards) if len(shards) > 1 else shards[0]
        _save(DatasetDict(parts), partial)
    shutil.rmtree(partial / "spool", ignore_errors=True)
    rows = {name: part.num_rows for name, part in parts.items()}
    write_text(partial / "README.md", dataset_card(run, list(documents.values()), list(pairs.values()), rows))
    if out.exists():
        shutil.rmtree(out)
    partial.rename(out)
    return out


def provenance_rows(
    examples: Iterable[Example],
    pairs: Mapping[str, Pair],
    documents: Mapping[str, Document],
    origins: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    """One row an example, in a stream. ``origins`` names the file and row of each imported one, which has no pair."""
    for example in examples:
        pair = pairs.get(example.pair_id)
        row = {name: "" for name in COLUMNS} | {"char_start": -1, "char_end": -1}
        row |= render_prompt_completion(example, system=True)
        row |= {"id": example.id, "system": example.system, "tag": example.source, "question": example.prompt}
        row |= {"answer": example.answer, "pair_id": example.pair_id, "kind": "imported"}
        row |= {"chunk_id": origins.get(example.id, ""), "generator": "import"}
        if pair is not None:
            document = documents.get(pair.source)
            text = document.text if document else ""
            row |= {name: getattr(pair, name) for name in ("kind", "form", "source", "chunk_id", "fact_id", "twin_of")}
            row |= {"generator": pair.generator, "char_start": pair.evidence_start, "char_end": pair.evidence_end}
            row |= {"title": document.title if document else ""}
            row |= {"evidence": text[pair.evidence_start : pair.evidence_end] if pair.evidence_start >= 0 else ""}
        yield row


def _shards(rows: Iterator[dict[str, Any]], features: Features, spool: Path) -> Iterator[Dataset]:
    """Rows in datasets of ``SHARD`` rows; full ones go to the disk, so that one is held at a time."""
    for number in count():
        if not (held := list(islice(rows, SHARD))):
            return
        shard = Dataset.from_list(held, features=features)
        if len(held) == SHARD:
            shard.save_to_disk(spool / str(number))
            shard = load_from_disk(spool / str(number))
        yield shard


def _save(parts: DatasetDict, folder: Path) -> None:
    parts.save_to_disk(folder)
    for name, part in parts.items():
        shards = math.ceil(part.num_rows / SHARD)
        for number in range(shards):
            shard = part.select(range(number * SHARD, min((number + 1) * SHARD, part.num_rows))) if shards > 1 else part
            shard.to_parquet(folder / "data" / f"{name}-{number:05d}-of-{shards:05d}.parquet")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
