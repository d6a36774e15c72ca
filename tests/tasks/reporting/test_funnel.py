"""Tallies of batches add up to stages; whatever leaks is named."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import StorageError
from tasks.records import Rejection, Tally
from tasks.reporting.funnel import check_conservation, combine, load_funnel, save_funnel, unbalanced
from tasks.storage import write_records

STAGES = st.sampled_from(["parse", "filter", "dedup"])
REASONS = st.dictionaries(st.sampled_from(["echo", "ungrounded", "duplicate"]), st.integers(0, 50))


@st.composite
def balanced_tallies(draw: st.DrawFn) -> Tally:
    kept, rejected = draw(st.integers(0, 50)), draw(REASONS)
    return Tally(draw(STAGES), kept + sum(rejected.values()), kept, rejected)


@given(st.lists(balanced_tallies()))
def test_combining_conserves_every_count(tallies: list[Tally]) -> None:
    combined = combine(tallies)
    assert sum(tally.parsed for tally in combined) == sum(tally.parsed for tally in tallies)
    assert unbalanced(combined) == []
    assert len({tally.stage for tally in combined}) == len(combined)


@given(st.lists(balanced_tallies()))
def test_combining_twice_changes_nothing(tallies: list[Tally]) -> None:
    assert combine(combine(tallies)) == combine(tallies)


def test_combining_leaves_the_tallies_alone() -> None:
    tally = Tally("filter", 2, 1, {"echo": 1})
    combine([tally, tally])
    assert tally == Tally("filter", 2, 1, {"echo": 1})


def test_a_stage_that_loses_rows_is_named() -> None:
    assert unbalanced([Tally("filter", 10, 6, {"echo": 3})]) == ["filter: parsed 10 is not kept 6 + rejected 3"]


def test_a_rejection_that_was_counted_but_not_written_is_named(tmp_path: Path) -> None:
    write_records(tmp_path / "rejected.jsonl", [Rejection("filter", "echo", "x", "…")])
    problems = check_conservation(tmp_path, [Tally("filter", 5, 3, {"echo": 2})])
    assert problems == ["filter: 2 rejected as echo, but 1 written"]


def test_a_rejection_that_was_written_but_not_counted_is_named(tmp_path: Path) -> None:
    write_records(tmp_path / "rejected.jsonl", [Rejection("dedup", "duplicate", "x", "…")])
    assert check_conservation(tmp_path, []) == ["dedup: 0 rejected as duplicate, but 1 written"]


def test_a_saved_funnel_is_read_back_with_counts_of_the_files(tmp_path: Path) -> None:
    write_records(tmp_path / "candidates.jsonl", [{"id": 1}, {"id": 2}, {"id": 3}])
    write_records(tmp_path / "pairs.jsonl", [{"id": 1}, {"id": 2}])
    write_records(tmp_path / "train.jsonl", [{"id": 1}])
    write_records(tmp_path / "valid.jsonl", [{"id": 2}])
    write_records(tmp_path / "documents.jsonl", [{"text": "Ωmega."}])
    saved = save_funnel(tmp_path, [Tally("filter", 2, 2)], {"sentences": 1})
    assert load_funnel(tmp_path) == saved
    assert saved.levels() == [
        ("document", 1), ("characters", 6), ("sentence", 1), ("candidates", 3), ("pairs", 2), ("examples", 2),
    ]  # fmt: skip


def test_a_stage_that_is_run_again_keeps_its_place(tmp_path: Path) -> None:
    saved = save_funnel(tmp_path, [Tally(name, 1, 1) for name in ("sentences", "probe", "mine", "filter")])
    assert [tally.stage for tally in saved.stages] == ["sentences", "filter", "probe", "mine"]


def test_a_leaking_funnel_keeps_its_problems(tmp_path: Path) -> None:
    save_funnel(tmp_path, [Tally("filter", 3, 2)])
    assert load_funnel(tmp_path).problems == ("filter: parsed 3 is not kept 2 + rejected 0",)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"stage": "filter"}]'])
def test_a_damaged_funnel_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "funnel.json").write_text(text)
    if text == "{}":
        assert load_funnel(tmp_path).stages == ()
        return
    with pytest.raises(StorageError, match=r"funnel\.json: not a list of stages"):
        load_funnel(tmp_path)


def test_a_missing_funnel_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="closedbook curate"):
        load_funnel(tmp_path)
