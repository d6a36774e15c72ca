"""The journal of decisions: whole lines only, the last one holds, a torn end is no decision."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.curation.decisions import REVIEWS, Action, Decision, decision_key, journal, read_decisions
from tasks.errors import StorageError
from tasks.records import Pair, Probe

PAIR = Pair.create(
    chunk_id="c", fact_id="f", source="heron", question="Who built it?", answer="Odo Marrick", evidence_start=3,
    evidence_end=9, form="wh", kind="answerable", statement="Odo Marrick built it.",
)  # fmt: skip
PROBE = Probe("g-1", "K1", "Who made it?", ("Odo",), None)


def decide(run: Path, record: Pair | Probe, *actions: Action) -> None:
    with journal(run) as opened:
        for action in actions:
            opened.append(Decision.on(record, action, {"question": "Who built the pump?"} if action == "edit" else {}))


def test_the_last_decision_on_a_record_holds(tmp_path: Path) -> None:
    decide(tmp_path, PAIR, "accept", "reject", "edit")
    decide(tmp_path, PROBE, "reject")
    held = read_decisions(tmp_path)
    assert {each.id: each.action for each in held.values()} == {PAIR.id: "edit", "g-1": "reject"}
    assert held[decision_key(PAIR)].record == PAIR and held[decision_key(PROBE)].record == PROBE


def test_clearing_takes_a_decision_back(tmp_path: Path) -> None:
    decide(tmp_path, PAIR, "reject", "clear")
    assert read_decisions(tmp_path) == {}
    assert len((tmp_path / REVIEWS).read_text().splitlines()) == 2  # nothing is rewritten


def test_a_decision_follows_the_pair_to_another_place_in_the_text(tmp_path: Path) -> None:
    moved = replace(PAIR, id="other", fact_id="other", chunk_id="other", evidence_start=40, evidence_end=46)
    assert decision_key(moved) == decision_key(PAIR)
    assert decision_key(replace(PAIR, answer="Ada")) != decision_key(PAIR)


@pytest.mark.parametrize("cut", [1, 2, 40, -1])
def test_a_torn_last_line_is_no_decision_and_the_next_one_is_whole(tmp_path: Path, cut: int) -> None:
    decide(tmp_path, PAIR, "accept")
    whole = (tmp_path / REVIEWS).read_bytes()
    (tmp_path / REVIEWS).write_bytes(whole + whole[:cut])
    assert [each.action for each in read_decisions(tmp_path).values()] == ["accept"]
    decide(tmp_path, PROBE, "reject")
    assert [json.loads(line)["action"] for line in (tmp_path / REVIEWS).read_text().splitlines()] == [
        "accept",
        "reject",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 1 is no decision"),
        ("[]", "line 1 is no decision"),
        ('{"target": "pair"}', "line 1 is no decision"),
        ('{"target":"page","id":"x","action":"accept","at":"","original":{}}', "'accept' of 'page'"),
        ('{"target":"pair","id":"x","action":"burn","at":"","original":{}}', "'burn' of 'pair'"),
        (
            '{"target":"pair","id":"x","action":"edit","at":"","original":{},"changes":{"id":"y"}}',
            "changes are {'id': 'y'}",
        ),
        ('{"target":"pair","id":"x","action":"accept","at":"","original":{"id":"x"}}', "original is no pair"),
        ('{"target":"probe","id":"x","action":"accept","at":"","original":{"id":"x"}}', "original is no probe"),
    ],
)
def test_a_damaged_line_is_named_and_nothing_is_added_after_it(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / REVIEWS).write_text(line + "\n")
    with pytest.raises(StorageError, match=said.replace("{", r"\{")):
        read_decisions(tmp_path)
    with pytest.raises(StorageError), journal(tmp_path):
        pass
    assert (tmp_path / REVIEWS).read_text() == line + "\n"


def test_a_run_has_one_reviewer_at_a_time(tmp_path: Path) -> None:
    with journal(tmp_path), pytest.raises(StorageError, match="being reviewed in another process"), journal(tmp_path):
        pass
    with journal(tmp_path):
        pass  # the first one has let go


def test_a_decision_that_the_disk_refuses_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decide(tmp_path, PAIR, "accept")
    before = (tmp_path / REVIEWS).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with journal(tmp_path) as opened:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="not stored"):
            opened.append(Decision.on(PAIR, "reject"))
    assert (tmp_path / REVIEWS).read_bytes() == before
