"""A run that is killed goes on; a corpus that is changed costs what was changed; no result is anything but JSON."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from flows import batches
from flows.batches import batch_key
from flows.generate import generate
from flows.run_folder import begin
from tasks.config import Config
from tasks.generation.drafting import Request
from tasks.generation.passages import passages
from tasks.records import Fact, Pair
from tasks.storage import read_records
from tests.flows.conftest import ROOT, TEXT, PrefectServer
from tests.flows.killing import KILLS, SCRIPTED, Repeater

WHOLE = Config.model_validate({"generation": SCRIPTED | {"batch_size": 256}})  # every passage in one batch
FIRST = [
    f"The Basin {n} was dug in 18{n}. The Basin {n} holds {n}7 litres of brine. The Warden {n} oils the Sluice {n}."
    for n in range(10, 50)
]
SECOND = [text.replace("Basin", "Tower").replace("dug", "raised") for text in FIRST[:20]]


@pytest.mark.timeout(900)  # half a minute alone on 2 cores, many on a machine with five times its load
def test_twenty_kills_lose_a_batch_at_most_and_change_no_byte(server: PrefectServer, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "tolvash.txt").write_text(TEXT)
    quiet = {"PREFECT_LOGGING_TO_API_ENABLED": "false", "PREFECT_LOGGING_LEVEL": "CRITICAL"}
    subprocess.run(
        [sys.executable, "-m", "tests.flows.killing", str(tmp_path)], env=server.environment | quiet, cwd=ROOT,
        check=True, capture_output=True, timeout=800,
    )  # fmt: skip
    trials = json.loads((tmp_path / "trials.json").read_text())["trials"]
    assert sum(trial["killed"] for trial in trials) >= KILLS - 3  # a child may be done before its moment comes
    assert {trial["repeated"] for trial in trials} == {0}
    assert max(trial["lost"] for trial in trials) <= 1
    assert sum(trial["begun"] > 0 for trial in trials) > KILLS // 4  # kills hit generation, not only what is round it
    whole = sorted((tmp_path / "whole").glob("*.jsonl"))
    assert {"completions.jsonl", "pairs.jsonl", "train.jsonl", "valid.jsonl"} <= {path.name for path in whole}
    for run in {trial["run"] for trial in trials}:
        for path in whole:
            assert (tmp_path / run / path.name).read_bytes() == path.read_bytes(), f"{run}/{path.name}"


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a scripted generator in place of a model, and cut short passages, so that a small text has several."""
    repeater = Repeater()
    monkeypatch.setattr("tasks.generation.passages.FACTS_A_PASSAGE", 16)
    monkeypatch.setattr(batches, "opened", lambda *names: repeater)
    monkeypatch.setattr(batches, "identity", lambda name: name)


@dataclass(frozen=True, slots=True)
class Night:
    """What a nightly run generated, of how many batches, and what it came to."""

    anew: int
    batches: int
    pairs: list[Pair]
    passages: list[str]


@pytest.fixture
def tonight(prefect: Path, scripted: None, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Callable[..., Night]:
    """Run generation on the texts given, always into the same folder."""

    def run(config: Config = WHOLE, **texts: list[str]) -> Night:
        corpus, folder = tmp_path / "corpus", tmp_path / "run"
        shutil.rmtree(corpus, ignore_errors=True)
        corpus.mkdir()
        for name, paragraphs in texts.items():
            (corpus / f"{name}.txt").write_text("\n\n".join(paragraphs))
        folder.mkdir(exist_ok=True)
        begin(corpus, folder, config)
        caplog.clear()
        generate(folder, config)
        said = re.search(r"(\d+) of (\d+) batches generated", caplog.text)
        assert said is not None
        facts = read_records(folder / "facts.jsonl", Fact)
        held: dict[int, str] = {}
        for fact_id, number in passages(facts).items():
            held[number] = held.get(number, "") + " ".join(fact.text for fact in facts if fact.id == fact_id) + " "
        pairs = read_records(folder / "candidates.jsonl", Pair)
        return Night(int(said[1]), int(said[2]), pairs, list(held.values()))

    return run


def test_a_night_costs_what_is_new(tonight: Callable[..., Night]) -> None:
    begun = tonight(first=FIRST)
    assert begun.anew == begun.batches == len(begun.passages) > 5
    assert tonight(first=FIRST).anew == 0

    more = tonight(first=FIRST, second=SECOND)
    assert more.anew == more.batches - begun.batches == len(more.passages) - len(begun.passages)

    fewer = tonight(first=FIRST)
    assert (fewer.anew, fewer.pairs) == (0, begun.pairs)
    assert {pair.source for pair in more.pairs} - {pair.source for pair in fewer.pairs} == {"second"}


def test_a_changed_paragraph_has_its_own_passage_generated_anew(tonight: Callable[..., Night]) -> None:
    tonight(first=FIRST)
    changed = [text.replace("The Warden 30 oils", "The Keeper 30 greases and paints") for text in FIRST]
    night = tonight(first=changed)
    assert night.anew == sum("Keeper 30" in passage for passage in night.passages) == 1


def test_what_is_put_in_front_moves_everything_and_regenerates_nothing_else(tonight: Callable[..., Night]) -> None:
    begun = tonight(first=FIRST)
    night = tonight(first=["The Old Basin was dug in 1790.", *FIRST])
    assert night.anew == sum("Old Basin" in passage for passage in night.passages) == 1
    assert night.batches - begun.batches <= 1
    text = "\n\n".join(["The Old Basin was dug in 1790.", *FIRST])
    drafted = [pair for pair in night.pairs if pair.generator != "rule"]
    assert drafted
    assert all(text[pair.evidence_start : pair.evidence_end] == pair.statement for pair in drafted)


def test_more_samples_leave_the_batches_of_the_first_ones_alone(tonight: Callable[..., Night]) -> None:
    small = Config.model_validate({"generation": SCRIPTED | {"batch_size": 1}})
    large = small.model_copy(update={"generation": small.generation.model_copy(update={"samples_per_fact": 2})})
    begun = tonight(small, first=FIRST[:6])
    assert tonight(large, first=FIRST[:6]).anew == begun.batches


def test_a_torn_result_is_made_again_and_all_results_are_json(prefect: Path, tonight: Callable[..., Night]) -> None:
    begun = tonight(first=FIRST)
    kept = sorted(prefect.iterdir())
    assert {json.loads(path.read_text())["metadata"]["serializer"]["type"] for path in kept} == {"json"}
    kept[0].write_text(kept[0].read_text()[:-40])
    night = tonight(first=FIRST)
    assert (night.anew, night.pairs) == (1, begun.pairs)


REQUEST = Request("r", "rewrite", "f", "", "heron", "Question: Who keeps the keys?", "Ada Lorn keeps the keys.")


@pytest.mark.parametrize(
    ("settings", "same"),
    [
        ({"seed": 18}, False),
        ({"generation": {"generator": "another"}}, False),
        ({"generation": {"temperature": 0.7}}, False),
        ({"generation": {"least_margin": 3.0}}, False),
        ({"generation": {"max_tokens": 32}}, False),
        ({"generation": {"batch_size": 8, "floor": 9, "rounds": 2, "budget_minutes": 1, "forms_per_fact": 5}}, True),
        ({"tuning": {"epochs": 3}, "curation": {"grounding": 0.5}}, True),
    ],
)
def test_a_batch_is_invalidated_by_what_it_depends_on(scripted: None, settings: dict[str, Any], same: bool) -> None:
    settings = {"generation": SCRIPTED | settings.pop("generation", {})} | settings
    assert (batch_key([REQUEST], Config.model_validate(settings)) == batch_key([REQUEST], WHOLE)) is same


def test_another_prompt_or_another_check_is_another_batch(scripted: None, monkeypatch: pytest.MonkeyPatch) -> None:
    known = batch_key([REQUEST], WHOLE)
    assert batch_key([replace(REQUEST, prompt=REQUEST.prompt + " ")], WHOLE) != known
    assert batch_key([replace(REQUEST, rivals=("Odo Marrick",))], WHOLE) != known
    monkeypatch.setattr(batches, "code_identity", lambda: "an edited parser")
    assert batch_key([REQUEST], WHOLE) != known
