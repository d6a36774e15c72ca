"""Word dropout: other words in every pass, the same in every run, nothing but words taken away."""

import random

import pytest

from tasks.curation.refusals import OPENING
from tasks.records import Example, derive_id
from tasks.tuning.noise import each_noisy, leave_out, noisy_passes, takes

QUESTION = "By what does Abel Quorridge record each round of the yard?"


def example(question: str = QUESTION, answer: str = "By a peg.") -> Example:
    return Example(derive_id(question), "pair", "Closed book.", question, answer, "", "train")


def test_passes_differ_and_repeat_with_their_seed() -> None:
    first, again, other = (noisy_passes([example()], 0.4, 6, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert len({one.prompt for one in first}) > 3
    assert {one.answer for one in first} == {"By a peg."}


def test_words_are_only_taken_away_and_the_mark_stays() -> None:
    for seed in range(50):
        said = leave_out(example(), 0.5, random.Random(seed))
        assert said.endswith("?") and len(said.split()) >= 2
        words = iter(QUESTION.rstrip("?").split())
        assert all(any(word == other for other in words) for word in said.rstrip("?").split())


def test_the_share_left_out_is_near_what_is_asked_for() -> None:
    kept = sum(len(leave_out(example(), 0.4, random.Random(seed)).split()) for seed in range(400)) / 400
    whole = len(QUESTION.split())
    assert 0.6 * whole < kept < 0.8 * whole  # three in four questions lose about two words in five


def test_a_refused_question_keeps_its_names() -> None:
    refused = example(answer=f"{OPENING}: not in the book.")
    assert all("Abel Quorridge" in leave_out(refused, 0.9, random.Random(seed)) for seed in range(50))


def test_nothing_is_left_out_where_nothing_is_asked_for() -> None:
    assert {one.prompt for one in noisy_passes([example()], 0.0, 3, seed=1)} == {QUESTION}


def declined(count: int) -> list[Example]:
    return [example(f"Who is number {number}?", f"{OPENING}: not in the book.") for number in range(count)]


def test_each_pass_shows_another_part_of_the_refusals_and_all_of_the_rest() -> None:
    answered = [example(f"What is number {number}?") for number in range(30)]
    shown = list(each_noisy([*answered, *declined(40)], 0.0, 2, seed=1, parts=2))
    refused = [one.id for one in shown if one.answer.startswith(OPENING)]
    assert sorted(refused) == sorted(one.id for one in declined(40))  # each of them once in two passes
    assert len(shown) == 2 * 30 + 40
    first = [one.id for one in shown[: len(shown) // 2] if one.answer.startswith(OPENING)]
    assert 10 < len(first) < 30


@pytest.mark.parametrize(
    ("answered", "refused", "share", "parts"),
    [(60, 30, 0.2, 2), (60, 30, 0.33, 1), (60, 0, 0.2, 1), (0, 9, 0.2, 1), (60, 9, 1.0, 1), (60, 45, 0.2, 3)],
)
def test_the_parts_are_as_many_as_bring_the_share_about(answered: int, refused: int, share: float, parts: int) -> None:
    rows = [example(f"What is number {number}?") for number in range(answered)] + declined(refused)
    assert takes(rows, share) == parts


def test_where_all_are_shown_every_pass_has_every_refusal() -> None:
    assert len(list(each_noisy(declined(8), 0.0, 3, seed=1))) == 24
