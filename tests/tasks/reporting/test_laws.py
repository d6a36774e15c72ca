"""What forbids a dataset's publication is named; what only weakens it is left to the reader of the report."""

from pathlib import Path

import pytest

from tasks.curation.hub import write_folder
from tasks.records import Example
from tasks.reporting.audit import LOOKS, Check
from tasks.reporting.laws import LAWS, broken_laws
from tasks.storage import read_records, write_records
from tests.tasks.reporting.synthetic import build_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with both sides, and its dataset folder."""
    run = build_run(tmp_path / "run")
    examples = read_records(run / "train.jsonl", Example)
    write_records(run / "valid.jsonl", examples[:2])
    write_records(run / "train.jsonl", examples[2:])
    write_folder(run, run / "staged")
    return run


def test_every_law_is_a_check_of_the_audit() -> None:
    assert set(LAWS) <= set(LOOKS)


def test_a_sound_dataset_breaks_none(run: Path) -> None:
    assert broken_laws([Check(name, "all") for name in LAWS], run, run / "staged") == []


def test_a_broken_law_is_named_and_a_mere_flaw_is_not(run: Path) -> None:
    checks = [Check("no contradictions", "9 pairs", ("a and b",), 1), Check(LAWS[0], "6 stages", ("3 lost",), 1)]
    assert broken_laws(checks, run, run / "staged") == [f"{LAWS[0]}: 3 lost"]


def test_a_folder_that_lacks_rows_is_named(run: Path) -> None:
    examples = read_records(run / "valid.jsonl", Example)
    write_records(run / "valid.jsonl", examples * 2)
    assert broken_laws([], run, run / "staged") == ["validation: 2 rows for 4 examples"]
