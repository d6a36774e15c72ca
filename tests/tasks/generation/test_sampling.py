"""Sampling controls: seed, temperature, top-p and the longest completion each do what they say."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.generation.generators import Sampling
from tasks.generation.sampling import NUCLEUS_WIDTH, log_probability, pick, uniform_draws
from tasks.generation.transformer import TransformersGenerator
from tests.tiny import tiny_llama, tiny_tokenizer

TOKENIZER = tiny_tokenizer(["the pump lifts brine from a deep well"] * 3)
PROMPTS = [f"Mill {number} grinds oats. Mill" for number in range(12)]
LOGITS = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()


def engine() -> TransformersGenerator:
    return TransformersGenerator(tiny_llama(TOKENIZER), TOKENIZER, name="tiny", batch_size=5)


def written(sampling: Sampling, seeds: list[int] | None = None) -> list[str]:
    return [draft.text for draft in engine().generate(PROMPTS, sampling, seeds)]


def shares(sampling: Sampling, count: int = 4000) -> list[float]:
    tokens, _ = pick(LOGITS.expand(count, -1), uniform_draws([3], count)[0], sampling)
    return (torch.bincount(tokens, minlength=4) / count).tolist()


def test_the_same_seed_writes_the_same_and_another_seed_something_else() -> None:
    one, again, other = (written(Sampling(1.0, 1.0, 8, seed, ())) for seed in (1, 1, 2))
    assert one == again
    assert sum(a != b for a, b in zip(one, other, strict=True)) > len(PROMPTS) / 2


def test_seeds_of_requests_go_before_the_seed_of_the_run() -> None:
    seeds = list(range(len(PROMPTS)))
    assert written(Sampling(1.0, 1.0, 8, 1, ()), seeds) == written(Sampling(1.0, 1.0, 8, 2, ()), seeds)


def test_temperature_zero_is_greedy_whatever_the_seed() -> None:
    assert written(Sampling(0.0, 1.0, 8, 1, ())) == written(Sampling(0.0, 0.1, 8, 2, ()))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_temperature_divides_the_logits(temperature: float) -> None:
    expected = (LOGITS / temperature).softmax(dim=0).tolist()
    assert shares(Sampling(temperature, 1.0)) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(("top_p", "kept"), [(0.3, 1), (0.5, 1), (0.51, 2), (0.79, 2), (0.9, 3), (1.0, 4)])
def test_top_p_keeps_the_fewest_tokens_that_hold_that_mass(top_p: float, kept: int) -> None:
    found = shares(Sampling(1.0, top_p))
    assert [share > 0 for share in found] == [number < kept for number in range(4)]
    expected = LOGITS.softmax(dim=0)[:kept] / LOGITS.softmax(dim=0)[:kept].sum()
    assert found[:kept] == pytest.approx(expected.tolist(), abs=0.03)


@given(st.floats(0.01, 1.0), st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_a_wide_vocabulary_gives_tokens_of_the_nucleus_only(top_p: float, seed: int) -> None:
    logits = torch.randn(1, 3 * NUCLEUS_WIDTH, generator=torch.Generator().manual_seed(seed))
    tokens, logprobs = pick(logits, uniform_draws([seed], 1)[0], Sampling(1.0, top_p))
    likelier = logits.softmax(dim=-1)[logits > logits[0, tokens[0]]].sum()
    assert likelier < top_p + 1e-6
    assert logprobs.tolist() == pytest.approx(log_probability(logits, tokens).tolist())


@pytest.mark.parametrize("longest", [1, 3, 9])
def test_no_completion_is_longer_than_asked(longest: int) -> None:
    drafts = engine().generate(PROMPTS, Sampling(1.0, 1.0, longest, 0, ()))
    assert max(draft.tokens for draft in drafts) == longest
    assert all(draft.finish_reason == "length" for draft in drafts if draft.tokens == longest and draft.text)


def test_draws_of_a_seed_are_the_same_beside_any_other() -> None:
    assert uniform_draws([7, 8], 5)[0].tolist() == uniform_draws([7], 5)[0].tolist()
    assert uniform_draws([7, 8], 5)[0].tolist() != uniform_draws([7, 8], 5)[1].tolist()
    assert ((uniform_draws([1], 500) >= 0) & (uniform_draws([1], 500) < 1)).all()
