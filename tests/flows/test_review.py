"""Reviewing from end to end: the command survives kill -9, and the next curation, training and probing obey."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.cli import execute
from flows.curate import REVIEWED, compose, out_of_date, refuse, select
from flows.generate import read
from flows.probe import collect
from flows.run_folder import begin
from tasks.config import Config
from tasks.curation.decisions import REVIEWS, Action, Decision, journal, read_decisions, reviews_hash
from tasks.records import Example, Pair, Probe, Rejection
from tasks.reporting.audit import audit
from tasks.reporting.funnel import load_funnel
from tasks.reviewing.server import KEY
from tasks.storage import iter_dicts, read_records, write_json
from tests.tasks.reviewing.folder import reviewable

TEXT = """The Tolvash Works was founded by Isolde Marrick in 1871. The tower bell weighs 130 kilograms.

The pump Old Margery lifts 240 litres a minute. Corwin Asple oils the pump every Thursday with hazel oil.
"""
GOLD = {"id": "t-1", "category": "K1", "question": "How heavy is the great bell?", "accepted": ["130"], "source": None}
CONFIG = Config.build("quick", ["generation.generator=none"])
DATASET = ("pairs", "train", "valid", "rejected")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Read a small text and make its candidates by rule."""
    corpus, folder = tmp_path / "tolvash", tmp_path / "run"
    corpus.mkdir()
    (corpus / "tolvash.txt").write_text(TEXT)
    (corpus / "probes.jsonl").write_text(json.dumps(GOLD) + "\n")
    begin(corpus, folder, CONFIG)
    read.fn(folder, CONFIG)
    curate(folder)
    return folder


def curate(run: Path) -> None:
    seen = reviews_hash(run)
    for task in (select, refuse, compose):
        task.fn(run, CONFIG)
    write_json(run / REVIEWED, {"reviews": seen})


def pairs_of(run: Path) -> list[Pair]:
    return read_records(run / "pairs.jsonl", Pair)


def decide(run: Path, record: Pair | Probe, action: Action, **changes: Any) -> None:
    with journal(run) as opened:
        opened.append(Decision.on(record, action, changes))


def first(run: Path, wanted: Callable[[Pair], bool]) -> Pair:
    return next(pair for pair in pairs_of(run) if wanted(pair))


def test_a_rejected_pair_leaves_the_dataset_and_a_cleared_decision_brings_it_back(run: Path) -> None:
    before = {name: (run / f"{name}.jsonl").read_bytes() for name in DATASET}
    pair = first(run, lambda each: each.kind == "answerable")
    decide(run, pair, "reject")
    assert out_of_date(run)
    curate(run)
    assert not out_of_date(run)
    assert pair.id not in {each.id for each in pairs_of(run)}
    assert pair.id not in {each.twin_of for each in pairs_of(run)}  # nor is a refusal made from it
    taught = [*read_records(run / "train.jsonl", Example), *read_records(run / "valid.jsonl", Example)]
    assert pair.id not in {example.pair_id for example in taught}
    rejections = read_records(run / "rejected.jsonl", Rejection)
    assert [each.ref for each in rejections if each.reason == "reviewer"] == [pair.id]
    funnel = load_funnel(run)
    assert funnel.problems == () and [each.stage for each in funnel.stages] == [
        "sentences",
        "review",
        "filter",
        "dedup",
        "refuse",
    ]
    decide(run, pair, "clear")
    curate(run)
    assert {name: (run / f"{name}.jsonl").read_bytes() for name in DATASET} == before


def test_an_edited_pair_is_taught_in_its_new_words_with_its_old_evidence(run: Path) -> None:
    pair = first(run, lambda each: "Isolde" in each.answer)
    decide(run, pair, "edit", question="Whose idea was the Tolvash Works?")
    curate(run)
    new = first(run, lambda each: each.question == "Whose idea was the Tolvash Works?")
    assert (new.fact_id, new.chunk_id, new.evidence_start) == (pair.fact_id, pair.chunk_id, pair.evidence_start)
    assert new.generator.endswith(", edited") and pair.id not in {each.id for each in pairs_of(run)}
    curate(run)
    assert new in pairs_of(run)  # the decision is about the original: it holds again


def test_refusals_are_reviewed_too(run: Path) -> None:
    refusal = first(run, lambda each: each.kind == "refusal")
    decide(run, refusal, "reject")
    curate(run)
    assert refusal.id not in {each.id for each in pairs_of(run)}
    funnel = load_funnel(run)
    assert funnel.problems == () and [each.stage for each in funnel.stages][-1] == "refusals"


def test_the_audit_of_a_reviewed_run_holds_and_counts_every_step(run: Path) -> None:
    taught = [pair for pair in pairs_of(run) if pair.kind == "answerable"]
    touched = {pair.id for pair in taught[:4]}
    refusals = [pair for pair in pairs_of(run) if pair.kind == "refusal" and pair.twin_of not in touched]
    decide(run, taught[0], "reject")
    decide(run, taught[1], "edit", question="That one?")  # no filter would let it pass
    decide(run, taught[2], "accept")
    decide(run, refusals[0], "reject")
    decide(run, refusals[-1], "edit", question="And what of it?", answer="Nobody says.")
    unmade = replace(taught[3], question="Who, then?", id="of another run")
    decide(run, unmade, "accept")
    curate(run)
    asked = {pair.question for pair in pairs_of(run)}
    assert {"That one?", "And what of it?", "Who, then?"} <= asked and taught[0].question not in asked
    assert {check.name: check.problems for check in audit(run, CONFIG) if check.count} == {}


def test_a_decision_outlives_a_text_that_grows_above_it(run: Path, tmp_path: Path) -> None:
    pair = first(run, lambda each: "Isolde" in each.answer)
    decide(run, pair, "reject")
    (tmp_path / "tolvash" / "tolvash.txt").write_text("Lime is burnt on Fridays by the stokers.\n\n" + TEXT)
    read.fn(run, CONFIG)
    curate(run)
    assert pair.question not in {each.question for each in pairs_of(run) if each.answer == pair.answer}
    assert load_funnel(run).problems == ()


def test_a_rejected_probe_is_not_asked_and_no_probe_is_drawn_from_a_rejected_pair(run: Path) -> None:
    gold = Probe("t-1", "K1", GOLD["question"], ("130",), None)  # type: ignore[arg-type]
    collect.fn(run, CONFIG)
    assert "t-1" in {row["id"] for row in iter_dicts(run / "probes.jsonl")}
    decide(run, gold, "reject")
    for pair in pairs_of(run):
        decide(run, pair, "reject")
    collect.fn(run, CONFIG)
    asked = list(iter_dicts(run / "probes.jsonl"))
    assert {row["category"] for row in asked} <= {"G", "O", "T3"} and "t-1" not in {row["id"] for row in asked}
    rejections = read_records(run / "rejected.jsonl", Rejection)
    assert [each.ref for each in rejections if each.reason == "reviewer"] == ["t-1"]
    assert load_funnel(run).problems == ()


def test_decisions_survive_kill_9_and_ctrl_c_ends_well(tmp_path: Path) -> None:
    run = reviewable(tmp_path)
    ids = [pair.id for pair in pairs_of(run)][:2]
    for number, record in enumerate(ids, 1):
        with started(run) as (process, address, key):
            with httpx.Client(base_url=address, headers={KEY: key}, trust_env=False) as client:
                wanted = {"target": "pair", "id": record, "action": "reject"}
                assert client.post("/api/decisions", json=wanted).json()["decided"] == number
            process.send_signal(signal.SIGKILL if number == 1 else signal.SIGINT)
            said, _ = process.communicate(timeout=20)
        if number == 1:
            with (run / REVIEWS).open("ab") as stream:
                stream.write(b'{"target": "pair", "id": "torn')
    assert process.returncode == 0 and "2 decisions in" in said
    assert sorted(each.id for each in read_decisions(run).values()) == sorted(ids)
    assert all(json.loads(line) for line in (run / REVIEWS).read_text().splitlines())


def test_a_folder_without_pairs_and_a_folder_that_is_no_run_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(tmp_path, tmp_path / "run", CONFIG)
    assert execute(["review", str(tmp_path / "run")]) == 1
    assert re.fullmatch(r"closedbook: .*/run: no pairs in it to review; .*\n", capsys.readouterr().err)
    assert execute(["review", str(tmp_path / "none")]) == 1
    assert "none: no run in it" in capsys.readouterr().err


@contextmanager
def started(run: Path) -> Iterator[tuple["subprocess.Popen[str]", str, str]]:
    """Run the command; yield it with the address and the key that it prints."""
    env = os.environ | {"PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", "from flows.cli import main; main()", "review", str(run), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"(http://127\.0\.0\.1:\d+)/#key=(\S+)", process.stdout.readline())
            assert found is not None
            yield process, found[1], found[2]
        finally:
            process.kill()
