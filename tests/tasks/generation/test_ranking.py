"""The cascade of likelihood checks: each reason by its figure, each threshold by its setting, cheapest first."""

from collections import deque

import pytest

from tasks.config import GenerationConfig
from tasks.generation.generators import ScriptedGenerator
from tasks.generation.prompts import asking, closed_book, open_book
from tasks.generation.ranking import (
    ELSEWHERE,
    GUESSED,
    NOT_BACK,
    OTHER_SPAN,
    UNLIKELY,
    Candidate,
    rank,
    settle,
)

CONFIG = GenerationConfig(
    least_fluency=-2.0, least_margin=4.0, least_answer=-3.0, most_drop=1.0, least_lead=2.0, least_gain=2.0
)
SAID, OTHER = "The Badger kiln burns peat.", "The Otter kiln burns beech."
BADGER = Candidate(
    "What does the Badger kiln burn?", "peat", SAID, "What is burnt by the Badger kiln?", ("the Badger kiln",), (OTHER,)
)
# log P(question | own sentence), under the other one; log P(answer), of the rival, of the rule's question, alone
GOOD = (-6.0, -18.0, -1.0, -9.0, -2.5, -8.0)


def verdict(figures: tuple[float, ...], candidate: Candidate = BADGER, config: GenerationConfig = CONFIG) -> str | None:
    [found] = rank(ScriptedGenerator(likelihoods=deque(figures)), [candidate], config)
    return found


def test_a_candidate_that_passes_every_check_holds() -> None:
    assert verdict(GOOD) is None


@pytest.mark.parametrize(
    ("place", "figure", "reason"),
    [
        (0, -12.1, UNLIKELY),  # six words at -2 each
        (1, -9.9, ELSEWHERE),
        (2, -3.1, NOT_BACK),
        (4, 0.1, NOT_BACK),  # the rule's question brings the answer back better, by more than 1
        (3, -2.9, OTHER_SPAN),
        (5, -2.9, GUESSED),
    ],
)
def test_every_check_has_its_reason_and_its_limit(place: int, figure: float, reason: str) -> None:
    assert verdict((*GOOD[:place], figure, *GOOD[place + 1 :])) == reason
    nearer = figure + (0.2 if place in (0, 2) else -0.2)
    assert verdict((*GOOD[:place], nearer, *GOOD[place + 1 :])) is None


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("least_fluency", -0.5, UNLIKELY),
        ("least_margin", 13.0, ELSEWHERE),
        ("least_answer", -0.5, NOT_BACK),
        ("least_lead", 9.0, OTHER_SPAN),
        ("least_gain", 9.0, GUESSED),
    ],
)
def test_every_threshold_is_read(setting: str, value: float, reason: str) -> None:
    assert verdict(GOOD, config=CONFIG.model_copy(update={setting: value})) == reason


def test_most_drop_is_read() -> None:
    figures = (*GOOD[:4], -0.4, GOOD[5])
    assert verdict(figures) is None
    assert verdict(figures, config=CONFIG.model_copy(update={"most_drop": 0.5})) == NOT_BACK


def test_what_a_check_drops_is_not_scored_by_the_next_one() -> None:
    generator = ScriptedGenerator(likelihoods=deque([-20.0]))
    assert rank(generator, [BADGER], CONFIG) == [UNLIKELY]
    assert generator.scored == [(asking(SAID), f" {BADGER.question}\n")]


def test_the_checks_ask_what_they_say() -> None:
    generator = ScriptedGenerator(likelihoods=deque(GOOD))
    rank(generator, [BADGER], CONFIG)
    book = open_book(SAID, BADGER.question)
    assert generator.scored == [
        (asking(SAID), f" {BADGER.question}\n"),
        (asking(OTHER), f" {BADGER.question}\n"),
        (book, " peat\n"),
        (book, " the Badger kiln\n"),
        (open_book(SAID, BADGER.rule), " peat\n"),
        (closed_book(BADGER.question), " peat\n"),
    ]


def test_a_part_of_the_answer_is_no_rival() -> None:
    candidate = Candidate("When is it oiled?", "on Tuesdays", SAID, rivals=("Tuesdays",))
    assert verdict((-1.0, -1.0, -5.0), candidate) is None


def test_verdicts_stand_in_the_order_of_the_candidates() -> None:
    plain = Candidate("What does the kiln burn?", "peat", SAID)
    figures = deque([-1.0, -99.0, -1.0, -1.0, -1.0, -5.0, -0.5])
    assert rank(ScriptedGenerator(likelihoods=figures), [plain, plain, plain], CONFIG) == [None, UNLIKELY, GUESSED]


def test_without_likelihoods_the_question_is_asked_back() -> None:
    generator = ScriptedGenerator(script=deque([" Peat.\nSentence:", " beech", ""]), scores=False)
    plain = Candidate("What does the Badger kiln burn?", "peat", SAID)
    assert rank(generator, [plain, plain, plain], CONFIG) == [None, NOT_BACK, NOT_BACK]
    assert [sampling.temperature for _, sampling in generator.history] == [0.0, 0.0, 0.0]
    assert generator.scored == []


def test_an_open_question_gets_the_likeliest_answer_that_fits() -> None:
    candidate = Candidate("What does the Badger kiln burn?", "wood", SAID, rivals=("peat", "640"))
    generator = ScriptedGenerator(likelihoods=deque([-4.0, -1.0]))
    [settled] = settle(generator, [candidate])
    assert (settled.answer, settled.rivals) == ("peat", ("wood", "640"))
    assert [said for _, said in generator.scored] == [" wood\n", " peat\n"]  # a number fits no such question


def test_a_question_that_no_span_fits_has_no_answer() -> None:
    [settled] = settle(ScriptedGenerator(), [Candidate("How many kilns are there?", "peat", SAID, rivals=("SAID",))])
    assert settled.answer == ""
