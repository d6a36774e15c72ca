"""A run's folder: what it was begun with, what it lost, and a manifest that comes last."""

import json
from pathlib import Path

import pytest

from flows.run_folder import account, begin, held, measured, read_setup, seal
from tasks.config import Config
from tasks.errors import StorageError, UsageError
from tasks.records import Rejection, Tally
from tasks.storage import file_hash, iter_dicts, read_manifest


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Begin a run."""
    (tmp_path / "heron.txt").write_text("The pump lifts brine.")
    begin(tmp_path / "heron.txt", tmp_path / "run", Config.build("full", ["seed=3"]))
    return tmp_path / "run"


def test_a_stage_finds_what_the_run_was_begun_with(run: Path) -> None:
    setup = read_setup(run)
    assert setup.corpus == run.parent / "heron.txt"
    assert setup.config == Config.build("full", ["seed=3"])


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds letter\.txt and is no run"):
        begin(tmp_path / "letter.txt", tmp_path, Config())


def test_two_processes_cannot_hold_one_run(run: Path) -> None:
    with held(run), pytest.raises(StorageError, match="another closedbook"), held(run):
        pass


def test_a_stage_done_again_replaces_its_own_losses_only(run: Path) -> None:
    first = [Rejection("filter", "ungrounded", "a", "…"), Rejection("dedup", "duplicate", "b", "…")]
    tallies = [Tally("filter", 3, 2, {"ungrounded": 1}), Tally("dedup", 2, 1, {"duplicate": 1})]
    account(run, tallies, first, sentences=9)
    account(run, [Tally("dedup", 2, 0, {"duplicate": 2})], [Rejection("dedup", "duplicate", ref, "…") for ref in "cd"])
    assert [row["ref"] for row in iter_dicts(run / "rejected.jsonl")] == ["a", "c", "d"]
    rows = json.loads((run / "funnel.json").read_text())
    assert [(row["stage"], row["parsed"], row["kept"]) for row in rows[1:]] == [("filter", 3, 2), ("dedup", 2, 0)]
    assert rows[0]["counts"]["sentences"] == 9
    assert rows[0]["problems"] == []


def test_the_manifest_names_every_file_by_its_hash_and_goes_when_the_run_begins_anew(run: Path) -> None:
    with measured(run, "curate"):
        account(run, [Tally("filter", 1, 1)], [])
    seal(run)
    manifest = read_manifest(run)
    assert manifest["inputs"] == {"heron.txt": file_hash(run.parent / "heron.txt")}
    assert manifest["outputs"]["funnel.json"] == file_hash(run / "funnel.json")
    assert manifest["stages"][0]["stage"] == "curate"
    assert manifest["seed"] == 3
    begin(run.parent / "heron.txt", run, Config())
    with pytest.raises(StorageError, match="not finished"):
        read_manifest(run)
