"""Trackers: nothing is required, what is asked for is passed on, what is missing is told before a run begins."""

import os
from pathlib import Path

import pytest

from flows.models import check_needs
from tasks.config import Config, TuningConfig
from tasks.errors import UsageError
from tasks.records import Example
from tasks.tuning.sft import finetune
from tasks.tuning.trackers import TENSORBOARD, check_tracker
from tests.tiny import tiny_llama, tiny_tokenizer


def test_tensorboard_gets_the_figures_of_a_training_in_a_folder_that_stays(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer(["Who built the pump?"])
    tokenizer.save_pretrained(tmp_path / "student")
    tiny_llama(tokenizer).save_pretrained(tmp_path / "student")
    examples = [Example(str(number), "pair", "", f"Who built {number}?", "Odo.", "", "train") for number in range(8)]
    config = TuningConfig(student=str(tmp_path / "student"), epochs=1.0, replay_share=0.0, report_to="tensorboard")
    finetune(examples, config, tmp_path / "run", seed=1)
    written = b"".join(path.read_bytes() for path in (tmp_path / "run" / "tensorboard").glob("events.*"))
    for name in (b"train/loss", b"train/learning_rate", b"train/grad_norm"):
        assert name in written
    assert TENSORBOARD not in os.environ


def test_a_tracker_that_is_not_installed_is_told_before_anything_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config.build("quick", ["tuning.report_to=wandb", "generation.generator=none"])
    monkeypatch.setattr("tasks.tuning.trackers.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="report_to=wandb: not installed; `pip install wandb`"):
        check_needs(config)
    monkeypatch.setattr("tasks.tuning.trackers.find_spec", lambda name: object())
    check_needs(config)


def test_no_tracker_needs_nothing() -> None:
    check_tracker("none")


def test_an_unknown_tracker_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="report_to='frob'"):
        Config.build("quick", ["tuning.report_to=frob"])
