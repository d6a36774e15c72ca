"""What is tried again: a server that does not answer, in a run that nobody watches. Nothing else is."""

import time
from typing import Any

import pytest
from prefect.runtime import deployment

from flows import batches
from flows.batches import PAUSES, batch_key, complete_one
from flows.runners import here
from tasks.config import Config
from tasks.errors import GenerationError, ModelError, UnreachableServer
from tasks.generation.generators import Generator
from tests.flows.killing import SCRIPTED, Repeater

CONFIG = Config.model_validate({"generation": SCRIPTED})
KEY = batch_key([], CONFIG)


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """Let a generator fail to open with the errors put into this list, one an attempt; then it opens."""
    problems: list[Exception] = []

    def opened(*names: str) -> Generator:
        attempts.append(names[0])
        if problems:
            raise problems.pop(0)
        return Repeater()

    attempts: list[str] = []
    monkeypatch.setattr(batches, "opened", opened)
    monkeypatch.setattr(complete_one, "retry_delay_seconds", [0.0] * len(PAUSES))
    return problems


def unattended(monkeypatch: pytest.MonkeyPatch, deployed: str | None) -> None:
    monkeypatch.setattr(deployment, "id", deployed, raising=False)


def test_an_unattended_run_waits_for_its_server(
    prefect: Any, opening: list[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    unattended(monkeypatch, "nightly")
    opening += [UnreachableServer("connection refused")] * 3
    assert complete_one(KEY, [], CONFIG)["completions"] == []
    assert opening == []


@pytest.mark.parametrize(
    ("problem", "deployed"),
    [
        (ModelError("no such model"), "nightly"),
        (GenerationError("refused with 401"), "nightly"),
        (UnreachableServer("connection refused"), None),
    ],
)
def test_a_wrong_setting_and_a_run_that_is_watched_fail_at_once(
    prefect: Any,
    opening: list[Exception],
    monkeypatch: pytest.MonkeyPatch,
    problem: Exception,
    deployed: str | None,
) -> None:
    unattended(monkeypatch, deployed)
    opening += [problem, problem]
    with pytest.raises(type(problem)):
        complete_one(KEY, [], CONFIG)
    assert len(opening) == 1


def test_a_batch_that_hangs_is_given_up(prefect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(*names: str) -> Generator:
        time.sleep(20)
        return Repeater()

    monkeypatch.setattr(batches, "opened", hangs)
    monkeypatch.setattr("flows.runners.LONGEST_BATCH", 0.3)
    with pytest.raises(TimeoutError, match=r"timed out after 0\.3"):
        next(here([(KEY, [], CONFIG)]))
