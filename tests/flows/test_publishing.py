"""A dataset is published whole and checked, or the one published before stays."""

from pathlib import Path

import pytest
from prefect import flow

from flows.publishing import PUBLISHED, publish_dataset
from tasks.config import Config
from tasks.errors import UnusableResult
from tasks.records import Example
from tasks.storage import read_records, write_records
from tests.tasks.reporting.test_audit import sound

publishing = flow(name="publishing")(publish_dataset)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A curated run whose dataset keeps every law."""
    folder = tmp_path / "run"
    folder.mkdir()
    sound(folder)
    return folder


def published(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run / PUBLISHED).rglob("*") if path.is_file()}


def test_a_sound_dataset_takes_the_place_of_the_earlier_one(prefect: Path, run: Path) -> None:
    (run / PUBLISHED).mkdir()
    (run / PUBLISHED / "earlier").touch()
    publishing(run, Config())
    assert "dataset_dict.json" in published(run) and "earlier" not in published(run)
    assert not [path.name for path in run.iterdir() if path.name.startswith(".dataset")]


def test_a_broken_dataset_is_withdrawn_and_the_earlier_one_stays(prefect: Path, run: Path) -> None:
    publishing(run, Config())
    earlier = published(run)
    strange = Example("x", "no-such-pair", "", "Who?", "Nobody.", "", "train")
    write_records(run / "train.jsonl", [*read_records(run / "train.jsonl", Example), strange])
    with pytest.raises(UnusableResult, match="the dataset is not published: counts add up"):
        publishing(run, Config())
    assert published(run) == earlier
    assert not (run / ".dataset").exists()
