"""Facts about the audit: a sound dataset passes it, and each way to spoil one is found by the check that is due."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.config import Config
from tasks.errors import StorageError
from tasks.records import Chunk, Example, Fact, Pair, Probe, Rejection, Tally
from tasks.reporting.audit import LOOKS, audit, read_audit, write_audit
from tasks.reporting.funnel import save_funnel
from tasks.reporting.loading import load_run
from tasks.reporting.page import render
from tasks.reporting.terminal import audit_lines
from tasks.storage import iter_dicts, write_records
from tests.tasks.curation.corpus import DOCUMENT, TEXT, pair, refusal

CHUNK = Chunk.create(DOCUMENT, 0, len(TEXT))
TAUGHT = pair("Who built the heron pump?", "Odo Marrick", chunk_id=CHUNK.id)
KEPT = pair("What does the deputy keep on a cord?", "the keys", "deputy", chunk_id=CHUNK.id)
TWIN = replace(refusal("Who built the heron crane?", chunk_id=CHUNK.id), twin_of=TAUGHT.id)
CONFIG = Config.build("quick")


def example(of: Pair, **values: Any) -> Example:
    row = {"id": f"e-{of.id}", "pair_id": of.id, "system": "", "prompt": of.question, "answer": of.answer}
    return Example(**(row | {"source": of.source, "split": "train"} | values))


def write(run: Path, pairs: list[Pair], examples: list[Example], *, refused: int = 1, imported: int = 0) -> None:
    made = len(pairs) - refused
    write_records(run / "documents.jsonl", [DOCUMENT])
    write_records(run / "chunks.jsonl", [CHUNK])
    write_records(run / "facts.jsonl", [Fact.create(DOCUMENT, 0, 49, TEXT[:49])])
    write_records(run / "candidates.jsonl", [*pairs[:made], TAUGHT])
    write_records(run / "pairs.jsonl", pairs)
    write_records(run / "train.jsonl", [one for one in examples if one.split == "train"])
    write_records(run / "valid.jsonl", [one for one in examples if one.split == "valid"])
    write_records(run / "rejected.jsonl", [Rejection("filter", "trivial", "p", "it")])
    tallies = [
        Tally("filter", made + 1, made, {"trivial": 1}),
        Tally("dedup", made, made),
        Tally("refuse", refused, refused),
    ]
    tallies += [Tally("import", imported, imported)] if imported else []
    save_funnel(run, tallies)


def sound(run: Path) -> None:
    pairs = [TAUGHT, KEPT, TWIN]
    write(run, pairs, [example(one) for one in pairs])


def failing(run: Path) -> set[str]:
    return {check.name for check in audit(run, CONFIG) if check.count}


def test_a_sound_dataset_passes_every_check(tmp_path: Path) -> None:
    sound(tmp_path)
    checks = audit(tmp_path, CONFIG)
    assert [check.name for check in checks] == list(LOOKS)
    assert failing(tmp_path) == set()
    assert audit_lines(checks)[0].plain == f"Dataset: {len(LOOKS)} of {len(LOOKS)} checks hold"


def rewrite(run: Path, name: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    write_records(run / name, change(list(iter_dicts(run / name))))


SPOILT: dict[str, Callable[[Path], None]] = {
    "counts add up": lambda run: rewrite(run, "candidates.jsonl", lambda rows: rows[1:]),
    "every loss has a reason": lambda run: rewrite(run, "rejected.jsonl", lambda rows: [rows[0] | {"excerpt": ""}]),
    "every example leads to its sentence": lambda run: rewrite(run, "chunks.jsonl", lambda rows: []),
    "every pair passes every filter": lambda run: rewrite(
        run, "pairs.jsonl", lambda rows: [rows[0] | {"answer": "Ada Lorn"}, *rows[1:]]
    ),
    "no near-duplicates": lambda run: write(
        run,
        [TAUGHT, again := pair("And who was it built the heron pump?", "Odo Marrick", chunk_id=CHUNK.id), TWIN],
        [example(TAUGHT), example(again), example(TWIN)],
    ),
    "no contradictions": lambda run: rewrite(
        run, "pairs.jsonl", lambda rows: [*rows[:2], rows[2] | {"question": TAUGHT.question}]
    ),
    "no leak between the splits": lambda run: write(
        run, [TAUGHT, KEPT, TWIN], [example(TAUGHT), example(KEPT), example(TWIN, split="valid")]
    ),
    "no leak to the probes": lambda run: (
        write_records(run / "probes.jsonl", [Probe("p", "K1", "Who built the heron pump then?", ("Odo",), None)]), None,
    )[1],
    "refusals are minimal twins": lambda run: rewrite(
        run, "pairs.jsonl", lambda rows: [*rows[:2], rows[2] | {"question": "Is tin cast at Orvel?"}]
    ),
    "the llama2 form is exact": lambda run: rewrite(
        run, "train.jsonl", lambda rows: [rows[0] | {"answer": "Odo </s> Marrick"}, *rows[1:]]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKS)
def test_what_is_spoilt_is_found(name: str, tmp_path: Path) -> None:
    sound(tmp_path)
    SPOILT[name](tmp_path)
    assert name in failing(tmp_path)


def test_a_name_that_is_trained_on_must_not_be_probed(tmp_path: Path) -> None:
    twin = replace(refusal("Who built the Orvel pump?", chunk_id=CHUNK.id), twin_of=TAUGHT.id)
    write(tmp_path, [TAUGHT, KEPT, twin], [example(TAUGHT), example(KEPT), example(twin)])
    write_records(tmp_path / "probes.jsonl", [Probe("p", "U1", "What colour are the doors of Orvel?", None, None)])
    assert failing(tmp_path) == {"no leak to the probes"}


@pytest.mark.parametrize(
    ("twin", "minimal"),
    [
        ("Who taught Kriss' boy to row on the lake if Kriss' boy told no lies?", True),
        ("Who taught Wat Hobbin's boy to row on the lake if Wat Hobbin's boy told no lies?", True),
        ("Who taught Kriss' boy to mend sails if Kriss' cousin told his tales at last?", False),
        ("Is tin cast?", False),
    ],
)
def test_a_name_that_recurs_is_changed_wherever_it_stands(twin: str, minimal: bool, tmp_path: Path) -> None:
    taught = pair(
        "Who taught Kress' boy to row on the lake if Kress' boy told no lies?", "Odo Marrick", chunk_id=CHUNK.id
    )
    changed = replace(refusal(twin, chunk_id=CHUNK.id), twin_of=taught.id)
    write(tmp_path, [taught, KEPT, changed], [example(taught), example(KEPT), example(changed)])
    assert ("refusals are minimal twins" in failing(tmp_path)) is not minimal


def test_an_imported_example_leads_to_its_file_and_row(tmp_path: Path) -> None:
    pairs = [TAUGHT, KEPT, TWIN]
    replay = Example("x", "", "", "Name a town.", "Paris.", "", "train")
    write(tmp_path, pairs, [*map(example, pairs), replay], imported=1)
    assert failing(tmp_path) == {"every example leads to its sentence"}
    write_records(tmp_path / "imported.jsonl", [{"example_id": "x", "ref": "x.jsonl:1"}])
    assert failing(tmp_path) == set()


def test_the_report_shows_what_was_checked(tmp_path: Path) -> None:
    sound(tmp_path)
    assert read_audit(tmp_path) == []
    assert write_audit(tmp_path, CONFIG) == read_audit(tmp_path)
    page = render(load_run(tmp_path))
    assert "no leak between the splits" in page and "3 train, 0 valid, 0 withheld" in page
    assert json.loads((tmp_path / "audit.json").read_text())[0]["count"] == 0


def test_a_run_that_is_not_curated_yet_is_told_what_to_do(tmp_path: Path) -> None:
    write_records(tmp_path / "documents.jsonl", [DOCUMENT])
    write_records(tmp_path / "chunks.jsonl", [CHUNK])
    with pytest.raises(StorageError, match="run the stage that writes it first"):
        audit(tmp_path, CONFIG)
