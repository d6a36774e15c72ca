"""The plan: what can be counted is counted, what must be measured is, and nothing is left behind."""

import json
from pathlib import Path

import pytest

from flows.models import short
from flows.pace import Speed, note_speed
from flows.plan import BEFORE, NOW, UNKNOWN, plan
from tasks.config import Config
from tests.tiny import tiny_llama, tiny_tokenizer

TEXT = """The Tolvash Works was founded by Isolde Marrick in 1871. The works makes salt for the harbour.

The tower bell weighs 130 kilograms. Osric Vane rings the tower bell at six in the morning. The bell was cast in
Norrel in 1875, and it was hung by four masons. Corwin Asple oils the pump every Thursday with hazel oil.
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = tiny_tokenizer([TEXT], merges=300)
    llama = tiny_llama(tokenizer)
    llama.config.max_position_embeddings = 4096
    llama.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "tolvash.txt").write_text(TEXT)
    return tmp_path / "tolvash.txt"


def built(**settings: object) -> Config:
    settings |= {"generation.max_tokens": 4, "probing.max_new_tokens": 2, "tuning.replay_share": 0.0}
    return Config.build("quick", [f"{name}={json.dumps(value)}" for name, value in settings.items()])


@pytest.fixture
def speeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.pace.speeds_file", lambda: tmp_path / "speeds.json")


def test_models_that_lie_here_are_tried(model: Path, corpus: Path, speeds: None) -> None:
    config = built(**{"generation.generator": str(model), "tuning.student": str(model)})
    found = plan(corpus, config)
    assert found.words == len(TEXT.split()) and found.facts > 5 and found.examples > 10 and found.probes > 60
    assert found.prompt_tokens > found.calls * 100 and 0 < found.written_tokens <= 4 * found.calls
    assert {stage.basis for stage in found.stages} == {NOW}
    assert found.steps and found.memory_mb and found.minutes and found.tried
    assert {path.name for path in corpus.parent.iterdir()} <= {corpus.name, "speeds.json", ".speeds.json.lock"}

    config = built(**{"generation.generator": str(model), "tuning.student": str(model), "tuning.minutes": 0.00001})
    assert plan(corpus, config).steps == 1


def test_what_is_not_here_is_said_to_be_unknown(corpus: Path, speeds: None) -> None:
    config = built(**{"generation.generator": "http://127.0.0.1:9/v1", "tuning.student": "nobody/nothing"})
    found = plan(corpus, config)
    assert {stage.name: stage.basis for stage in found.stages if stage.seconds is None} == {
        "generate": UNKNOWN, "finetune": UNKNOWN, "probe": UNKNOWN,
    }  # fmt: skip
    assert found.minutes is None and found.memory_mb is None and found.steps is None
    assert found.calls and found.examples


def test_a_budget_ends_the_calls_after_the_batch_that_it_ends_in(model: Path, corpus: Path, speeds: None) -> None:
    settings = {"generation.generator": str(model), "tuning.student": "nobody/nothing", "generation.batch_size": 2}
    note_speed(f"generating {short(str(model))} 2", Speed(20.0))
    free, bound = (plan(corpus, built(**settings, **{"generation.budget_minutes": n})) for n in (60.0, 1.0))
    assert free.calls > 4 == bound.calls  # the third call ends the minute, the fourth its batch
    assert bound.prompt_tokens < free.prompt_tokens
    assert next(stage.seconds for stage in bound.stages if stage.name == "generate") == 80


def test_earlier_runs_are_remembered(corpus: Path, speeds: None) -> None:
    config = built(**{"generation.generator": "none", "tuning.student": "nobody/nothing", "tuning.epochs": 1})
    note_speed(f"training nobody/nothing lora {config.tuning.batch_size}", Speed(2.0, 900))
    note_speed("preparing nobody/nothing lora", Speed(10.0))
    note_speed("settling nobody/nothing lora", Speed(0.5))
    note_speed(f"probing nobody/nothing lora {config.probing.recitals}", Speed(0.25))
    found = plan(corpus, config)
    finetune, probe = (next(stage for stage in found.stages if stage.name == name) for name in ("finetune", "probe"))
    assert finetune.basis == probe.basis == BEFORE and found.calls == 0
    assert found.steps is not None and finetune.seconds is not None
    assert 10 + 2 * found.steps < finetune.seconds < 10 + 2 * found.steps + 0.5 * found.examples
    assert probe.seconds == pytest.approx(0.25 * found.probes) and found.memory_mb == 900 and not found.tried
