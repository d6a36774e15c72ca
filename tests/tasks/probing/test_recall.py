"""Recitals of a tiny model: what the beam finds, how a question is weighed behind them, when to refuse."""

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import pytest
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from tasks.generation.shared_head import ATTENTION
from tasks.probing.asking import ask_both
from tasks.probing.decoding import Decoding, Row, encode
from tasks.probing.recall import (
    CUE,
    FROM,
    MOST_GAIN,
    NOTHING,
    SEARCHED,
    UNRECALLED,
    Recital,
    answer_by_recital,
    question_likelihood,
    recite,
    relevance,
    unrecalled,
)
from tasks.records import Probe
from tests.tiny import tiny_llama, tiny_tokenizer

OPENING = " Not able to answer"
QUESTIONS = ["Who built the pump at Marrick?", "When?", "What lifts 240 litres a minute out of the well?"]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return tiny_tokenizer([*QUESTIONS, OPENING, CUE])


@pytest.fixture(scope="module")
def model(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    return tiny_llama(tokenizer)


@pytest.fixture(scope="module")
def rows(tokenizer: PreTrainedTokenizerFast) -> list[Row]:
    return [encode(tokenizer, question, OPENING, limit=12, question=question) for question in QUESTIONS]


def log_likelihoods(model: PreTrainedModel, prompt: list[int], continuation: list[int]) -> list[float]:
    with torch.no_grad():
        scores = model(torch.tensor([prompt + continuation])).logits[0].log_softmax(-1)
    return [float(scores[len(prompt) - 1 + i, token]) for i, token in enumerate(continuation)]


def test_recitals_differ_assert_something_and_bear_the_models_own_log_probabilities(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, rows: list[Row]
) -> None:
    refusals, found = recite(model, tokenizer, rows, candidates=4, limit=10)
    for row, refusal, recitals in zip(rows, refusals, found, strict=True):
        assert refusal == pytest.approx(sum(log_likelihoods(model, row.prompt, row.opening)), abs=1e-2)
        assert len({recital.text for recital in recitals}) == len(recitals) >= 2
        for recital in recitals:
            assert recital.tokens[0] != row.opening[0]
            plain = log_likelihoods(model, row.prompt, recital.tokens)
            # the first token's share was that among all tokens but the opening's
            assert recital.gains[1 : len(plain)] == pytest.approx(plain[1:], abs=1e-2)


def test_the_beam_finds_what_is_likelier_than_greedy_over_the_searched_tokens(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, rows: list[Row]
) -> None:
    _, greedy = recite(model, tokenizer, rows, candidates=1, limit=10)
    _, beams = recite(model, tokenizer, rows, candidates=6, limit=10)
    for one, several in zip(greedy, beams, strict=True):
        assert max(recital.head for recital in several) >= one[0].head - 1e-3


def test_a_rows_recitals_do_not_depend_on_its_batch(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, rows: list[Row]
) -> None:
    _, together = recite(model, tokenizer, rows, candidates=3, limit=10)
    for row, recitals in zip(rows, together, strict=True):
        _, alone = recite(model, tokenizer, [row], candidates=3, limit=10)
        assert [recital.text for recital in alone[0]] == [recital.text for recital in recitals]


def test_recitals_behind_prompts_that_are_kept_once_are_those_behind_copies(
    tokenizer: PreTrainedTokenizerFast, rows: list[Row]
) -> None:
    copying = tiny_llama(tokenizer)
    copying.set_attn_implementation("eager")
    sharing = tiny_llama(tokenizer)
    sharing.load_state_dict(copying.state_dict())
    _, copied = recite(copying, tokenizer, rows, candidates=5, limit=12)
    _, shared = recite(sharing, tokenizer, rows, candidates=5, limit=12)
    assert (copying.config._attn_implementation, sharing.config._attn_implementation) == ("eager", ATTENTION)
    for one, other in zip(copied, shared, strict=True):
        assert [recital.text for recital in one] == [recital.text for recital in other]
        for a, b in zip(one, other, strict=True):
            assert a.gains == pytest.approx(b.gains, abs=1e-3)


def test_question_likelihood_is_that_of_a_full_forward_pass(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
) -> None:
    contexts = ["The pump stands at Marrick.", "It is.", "Out of the well.", "It is.", "It is.", "Out of the well."]
    asked = [*QUESTIONS, *reversed(QUESTIONS)]
    found = question_likelihood(model, tokenizer, contexts, asked, size=4)
    for context, question, gains in zip(contexts, asked, found, strict=True):
        head = tokenizer(context + CUE)["input_ids"]
        tail = tokenizer(f" {question}", add_special_tokens=False)["input_ids"]
        assert gains.tolist() == pytest.approx(log_likelihoods(model, head, tail), abs=1e-2)


def test_relevance_is_capped_a_token(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    recitals = [[Recital([1], text, [-0.1]) for text in ("One.", "Two of them.")] for _ in QUESTIONS]
    found = relevance(model, tokenizer, QUESTIONS, recitals, size=4)
    for question, gains in zip(QUESTIONS, found, strict=True):
        tokens = tokenizer(f" {question}", add_special_tokens=False)["input_ids"]
        assert len(gains) == 2 and all(gain <= MOST_GAIN * len(tokens) for gain in gains)


def test_the_book_stands_before_every_recital_and_before_none(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
) -> None:
    (found,) = relevance(model, tokenizer, ["When?"], [[Recital([1], "One.", [-0.1])]], size=4, book="Heron works")
    lead = FROM.format("Heron works")
    alone, behind = question_likelihood(model, tokenizer, [f"{lead}{NOTHING}", f"{lead}One."], ["When?"] * 2, size=4)
    assert found == pytest.approx([float((behind - alone).clamp(max=MOST_GAIN).sum())], abs=1e-4)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What did Odo Marrick build?", False),
        ("What did Odo Marrock build?", True),
        ("What did odo build?", False),
        ("Zanzibar is where?", False),  # the first word is capital anyway
        ("How deep is the Old-Hill mine?", True),
    ],
)
def test_a_name_that_nothing_recalled_bears(question: str, expected: bool) -> None:
    assert unrecalled(question, ["A pump was built.", "Odo Marrick built the old pump."]) is expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What does the grade 5 lamp burn?", False),
        ("What does the grade 6 lamp burn?", True),
        ("What was built in 1,911?", False),  # written another way
        ("Which lamp has 12 wicks?", False),  # spelled out in the recital
        ("Was the pump built in 1912?", False),  # the answer is no
        ("When was the pump built, in 1911 or 1912?", False),
        ("What has six wicks?", False),
        ("How long does the grade 5 lamp burn on one filling?", False),
    ],
)
def test_a_number_that_nothing_recalled_bears(question: str, expected: bool) -> None:
    recitals = ["The grade 5 lamp burns colza oil and has twelve wicks.", "The pump was built in 1911."]
    assert unrecalled(question, recitals) is expected


def test_the_threshold_decides_and_an_unrecalled_name_counts_for_refusing(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, rows: list[Row]
) -> None:
    def asked(threshold: float, given: list[Row]) -> list[tuple[str, float]]:
        decoding = Decoding(4, 10, threshold=threshold, recitals=3)
        answers = answer_by_recital(model, lambda: nullcontext(model), tokenizer, given, decoding)
        return [(answer.text, answer.margin) for answer in answers]

    assert {text for text, _ in asked(-1e6, rows)} == {OPENING.strip()}
    asserted = asked(1e6, rows)
    assert OPENING.strip() not in {text for text, _ in asserted}
    named = encode(tokenizer, QUESTIONS[0], OPENING, limit=12, question=QUESTIONS[0])
    nameless = Row(named.prompt, named.opening, QUESTIONS[0].lower())
    assert asked(0, [named])[0][1] - asked(0, [nameless])[0][1] == pytest.approx(UNRECALLED, abs=1e-3)


def test_a_declined_row_is_recited_only_as_far_as_its_margin_needs_and_its_recitals_are_not_weighed(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
) -> None:
    def unasked() -> AbstractContextManager[nn.Module]:
        raise AssertionError("the base was asked about recitals of which none will be an answer")

    named, nameless, counted = (
        encode(tokenizer, question, OPENING, limit=12, question=question)
        for question in ("Who built the pump at Marrick?", "Who built the pump?", "How many had 240 wheels?")
    )
    whole = [recite(model, tokenizer, [row], candidates=3, limit=10) for row in (named, nameless, counted)]
    likely, found = recite(model, tokenizer, [named, nameless, counted], candidates=3, limit=10, threshold=-math.inf)
    assert likely == pytest.approx([refusals[0] for refusals, _ in whole], abs=1e-3)
    assert found[1] == []
    for place in (0, 2):  # neither is borne by what a random model says: all of it has to be heard
        assert [one.text for one in found[place]] == [one.text for one in whole[place][1][0]]
    everything = Decoding(4, 10, threshold=1e6, recitals=3)
    answered = answer_by_recital(model, lambda: nullcontext(model), tokenizer, [named, nameless, counted], everything)
    nothing = replace(everything, threshold=-math.inf)
    declined = answer_by_recital(model, unasked, tokenizer, [named, nameless, counted], nothing)
    assert {answer.text for answer in declined} == {OPENING.strip()}
    assert [a.margin for a in declined] == pytest.approx([a.margin for a in answered], abs=1e-3)


@pytest.mark.parametrize(
    ("question", "expected"),
    [("Who saw Qu?", SEARCHED), ("Who saw Quill?", 10), ("What did Qu lift, and how many of the 240?", 10)],
)
def test_a_declined_row_is_heard_to_the_end_unless_its_names_were_said_at_the_beginning(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, rows: list[Row], question: str, expected: int
) -> None:
    _, (plain,) = recite(model, tokenizer, [rows[1]], candidates=3, limit=10)
    assert any("Qu" in tokenizer.decode(one.tokens[:SEARCHED]) for one in plain)
    _, (found,) = recite(
        model, tokenizer, [replace(rows[1], question=question)], candidates=3, limit=10, threshold=-math.inf
    )
    assert {len(one.tokens) for one in found} == {expected}


def test_tail_is_the_mean_behind_the_searched_tokens() -> None:
    assert Recital([], "", [-1.0] * SEARCHED + [-0.2, -0.4]).tail == pytest.approx(-0.3)
    assert Recital([], "", [-1.0] * SEARCHED).tail == 0.0


def test_only_the_tuned_model_refuses_what_is_barred_and_only_rows_with_their_question_are_recited(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
) -> None:
    probes = [Probe(str(number), "T3", question, None, "x") for number, question in enumerate(QUESTIONS)]
    results = list(
        ask_both(
            model, tokenizer, probes, render=lambda probe: probe.question, opening=OPENING, base=model,
            recalls=lambda probe: probe.id == "1", barred=lambda probe: probe.id == "0",
            decoding=Decoding(4, 10, threshold=1e6, recitals=3),
        )
    )  # fmt: skip
    said = {(result.probe_id, result.model): result for result in results}
    assert said["0", "tuned"].verdict == "refused" and said["0", "base"].verdict != "refused"
    assert said["0", "tuned"].margin > 10
    assert said["2", "tuned"].response == said["2", "base"].response
