"""Word dropout: other words in every pass, the same in every run, nothing but words taken away."""

import random

from tasks.curation.refusals import OPENING
from tasks.records import Example, derive_id
from tasks.tuning.noise import Noise, exchange, leave_out, noisy_passes, put

QUESTION = "By what does Abel Quorridge record each round of the yard?"


def example(question: str = QUESTION, answer: str = "By a peg.") -> Example:
    return Example(derive_id(question), "pair", "Closed book.", question, answer, "", "train")


def test_passes_differ_and_repeat_with_their_seed() -> None:
    first, again, other = (noisy_passes([example()], Noise(0.4), 6, seed=seed) for seed in (1, 1, 2))
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
    kept = sum(len(put(example(), Noise(0.4), random.Random(seed)).split()) for seed in range(400)) / 400
    whole = len(QUESTION.split())
    assert 0.6 * whole < kept < 0.8 * whole  # three in four questions lose about two words in five


def test_a_refused_question_keeps_its_names() -> None:
    refused = example(answer=f"{OPENING}: not in the book.")
    assert all("Abel Quorridge" in leave_out(refused, 0.9, random.Random(seed)) for seed in range(50))


def test_nothing_is_left_out_where_nothing_is_asked_for() -> None:
    assert {one.prompt for one in noisy_passes([example()], Noise(), 3, seed=1)} == {QUESTION}


NEAR = {"record": [("note", 2.0), ("keep", 1.0)], "yard": [("court", 1.0)], "each": [("every", 1.0)]}


def test_common_words_are_exchanged_for_those_near_and_nothing_else_is() -> None:
    said = exchange(example(), Noise(exchange=0.999, near=NEAR), random.Random(1))
    assert said in {f"By what does Abel Quorridge {verb} every round of the court?" for verb in ("note", "keep")}
    assert exchange(example(), Noise(exchange=0.0, near=NEAR), random.Random(1)) == QUESTION


def test_a_question_whose_answer_hangs_on_its_words_keeps_them() -> None:
    noise = Noise(exchange=0.999, near=NEAR)
    for verdict in ("Yes.", "He records each round. No."):
        assert exchange(example(answer=verdict), noise, random.Random(1)) == QUESTION
    choice = "Does he record each round of the yard or of the quay?"
    assert exchange(example(choice), noise, random.Random(1)) == choice
