"""Batches of generation: named by all that their result depends on, sampled as configured."""

from collections import deque
from dataclasses import replace

import pytest

from flows.batches import batch_key, complete_one
from tasks.config import Config
from tasks.generation.drafting import Request
from tasks.generation.generators import ScriptedGenerator
from tasks.generation.prompts import render
from tasks.records import derive_id


def request(number: int) -> Request:
    question = f"What does mill {number} grind?"
    return Request(
        id=derive_id("request", number), kind="rewrite", fact_id=f"fact-{number}", chunk_id="c", source="works",
        prompt=render("rewrite", question=question), statement=f"Mill {number} grinds oats.", answer="oats",
        question=question, evidence_start=0, evidence_end=9,
    )  # fmt: skip


def config(**settings: object) -> Config:
    return Config.build(
        "quick", ['generation.generator="http://nowhere/v1"'] + [f"{k}={v}" for k, v in settings.items()]
    )


@pytest.mark.parametrize(
    "setting", ["seed", "generation.temperature", "generation.top_p", "generation.max_tokens", "generation.least_gain"]
)
def test_what_changes_a_result_changes_the_name_of_its_batch(setting: str) -> None:
    batch = [request(1), request(2)]
    given = {"generation.top_p": 0.5}.get(setting, 5 if setting != "generation.temperature" else 0.1)
    assert batch_key(batch, config()) == batch_key(list(batch), config())
    assert batch_key(batch, config(**{setting: given})) != batch_key(batch, config())


def test_another_prompt_or_order_is_another_batch_and_a_budget_is_not() -> None:
    batch = [request(1), request(2)]
    names = {batch_key(b, config()) for b in (batch, batch[::-1], batch[:1], [batch[0], replace(batch[1], prompt="x")])}
    assert len(names) == 4
    assert batch_key(batch, config(**{"generation.budget_minutes": 9, "generation.rounds": 3})) in names


def test_a_batch_is_sampled_as_configured_and_comes_back_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = ScriptedGenerator(deque(["", " Which grain does mill 2 grind?"]))
    monkeypatch.setattr("flows.batches.opened", lambda *names: generator)
    settings = {"seed": 3, "generation.temperature": 0.3, "generation.top_p": 0.7, "generation.max_tokens": 9}
    batch, steered = [request(1), request(2)], config(**settings)
    result = complete_one.fn(batch_key(batch, steered), batch, steered)
    sampled = {(s.temperature, s.top_p, s.max_tokens, s.seed) for _, s in generator.history}
    assert sampled == {(0.3, 0.7, 9, 3)}
    assert len(result["completions"]) == 2 and len(result["pairs"]) + len(result["rejections"]) == 2
    assert result["tokens"] == generator.tokens_generated > 0
