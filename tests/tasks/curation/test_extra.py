"""Facts about extra training data: what is taken, what is left out and why, and what a wrong option says."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tasks.config import Config, ImportConfig
from tasks.curation.extra import peek, take_imports
from tasks.curation.imports import Imported
from tasks.errors import UsageError
from tasks.records import Pair, Rejection
from tests.tasks.curation.corpus import CONFIG, pair, refusal


def far(asked: Sequence[str]) -> dict[str, str]:
    """No probe is near."""
    return {}


def rows(path: Path, *asked: str) -> Path:
    path.write_text("".join(json.dumps({"instruction": text, "output": "Paris."}) + "\n" for text in asked))
    return path


def take(wanted: ImportConfig, *pairs: Pair) -> tuple[list[Imported], list[Rejection]]:
    return take_imports([wanted], pairs, CONFIG, system="Closed book.", near=far)


def test_an_import_repeats_neither_itself_nor_the_run_s_own_questions(tmp_path: Path) -> None:
    own = pair("Who built the heron pump?", "Odo Marrick")
    path = rows(tmp_path / "x.jsonl", "Name a town.", "And who built the heron pump?", "name the town", "Name a river.")
    taken, left = take(ImportConfig(path=str(path)), own)
    assert [(one.example.prompt, one.ref) for one in taken] == [
        ("Name a town.", "x.jsonl:1"),
        ("Name a river.", "x.jsonl:4"),
    ]
    assert [(one.stage, one.reason, one.ref) for one in left] == [
        ("import", "duplicate", "x.jsonl:2"), ("import", "duplicate", "x.jsonl:3"),
    ]  # fmt: skip


def test_what_the_run_declines_may_be_answered_under_another_prompt_only(tmp_path: Path) -> None:
    declined = refusal("What is the capital of France?")
    path = rows(tmp_path / "x.jsonl", "What is the capital of France?")
    replay, _ = take(ImportConfig(path=str(path)), declined)
    assert [one.example.system for one in replay] == [""]
    closed, left = take(ImportConfig(path=str(path), closed=True), declined)
    assert closed == [] and [one.reason for one in left] == ["contradicts-another"]


def test_a_closed_import_is_asked_under_the_closed_domain_prompt(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("ask,say,tag\nWho built the mill at Orvel?,Ada,heron\n")
    wanted = ImportConfig.parse(f"{tmp_path}/x.csv,question=ask,answer=say,source=tag,closed=true")
    example = take(wanted)[0][0].example
    assert (example.system, example.source, example.answer, example.split) == ("Closed book.", "heron", "Ada", "train")


def test_what_is_near_a_probe_is_not_trained_on(tmp_path: Path) -> None:
    path = rows(tmp_path / "x.jsonl", "Name a town.")
    wanted = [ImportConfig(path=str(path))]
    taken, left = take_imports(wanted, [], CONFIG, system="", near=lambda asked: dict.fromkeys(asked, "8-gram"))
    assert taken == [] and left[0].reason == "near-a-probe"


def test_reading_ends_at_the_most(tmp_path: Path) -> None:
    path = rows(tmp_path / "x.jsonl", "Name a town.", "Name a river.", "Name a hill.")
    path.write_text(path.read_text() + "{broken")
    taken, left = take(ImportConfig(path=str(path), most=2))
    assert len(taken) == 2 and left == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x.csv,question=ask", "name the columns"),
        ("x.csv,system=role", "name the columns"),
        ("x.csv,most=none", "most='none'"),
        ("x.csv,most=0", "most='0'"),
    ],
)
def test_a_wrong_option_is_named(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ImportConfig.parse(text)


def test_an_option_becomes_a_setting_with_an_absolute_path() -> None:
    wanted = ImportConfig.parse("a,b.csv,question=ask,answer=say,most=5")
    assert Path(wanted.path) == Path("a,b.csv").resolve()
    assert Config.build("quick", [f"imports={json.dumps([wanted.model_dump()])}"]).imports == (wanted,)


def test_an_unreadable_import_is_told_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        peek([ImportConfig(path=str(tmp_path / "none.jsonl"))], CONFIG)
    (tmp_path / "x.jsonl").write_text('{"left": 1}\n')
    with pytest.raises(UsageError, match="name which hold"):
        peek([ImportConfig(path=str(tmp_path / "x.jsonl"))], CONFIG)
    (tmp_path / "empty.jsonl").write_text("")
    peek([ImportConfig(path=str(tmp_path / "empty.jsonl"))], CONFIG)
