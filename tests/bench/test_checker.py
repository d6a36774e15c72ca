"""The common checker: what counts as grounded, self-contained, repeated and covered, case by case."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import checker
from bench.checker import examine, judge, self_contained, split

TEXT = (
    "The old pump was built by Odo Marrick in 1873. It lifts 240 litres of brine from the deep well every minute. "
    "The storekeeper, who lives in the mill, keeps the keys of the oil store. PUMPS AND WELLS\n\nSee Fig. 12."
)
SENTENCES = list(split(TEXT))


def grounded(question: str, answer: str) -> tuple[bool, tuple[int, ...]]:
    [finding] = examine(SENTENCES, [(question, answer)])
    return finding.grounded, finding.sentences


def test_the_examples_of_the_module_hold() -> None:
    assert doctest.testmod(checker).failed == 0


@pytest.mark.parametrize(
    ("question", "answer", "sentences"),
    [
        ("Who built the old pump?", "Odo Marrick", (0,)),
        ("In which year did Odo Marrick build the pump?", "In 1873.", (0,)),
        ("What does the pump that was built in 1873 lift?", "It lifts 240 litres of brine", (1,)),
        ("Who keeps the keys?", "the storekeeper", (2,)),
        ("Was the old pump built by Odo Marrick?", "Yes", (0,)),
        ("Was the old pump built by Isolde Vane?", "No", (0,)),
        ("True or false: the storekeeper keeps the keys of the oil store.", "True", (2,)),
    ],
)
def test_what_the_text_supports_is_grounded_in_its_sentence(
    question: str, answer: str, sentences: tuple[int, ...]
) -> None:
    assert grounded(question, answer) == (True, sentences)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who built the old pump?", "Isolde Vane"),
        ("When was the old pump built?", "in 1874"),
        ("How many litres of brine does it lift?", "240 litres of brine and 12 litres of hazel oil a day"),
        ("Which colour has the roof of the church in Dunmarrow?", "the old pump"),
        ("Was the church roof painted by Isolde Vane?", "Yes"),
        ("Was the old pump built by Odo Marrick in 1873?", "No"),
        ("Who built the old pump?", ""),
        ("", ""),
    ],
)
def test_what_the_text_does_not_support_is_not(question: str, answer: str) -> None:
    assert not grounded(question, answer)[0]


@pytest.mark.parametrize(
    "question",
    [
        "What is the main idea of the passage?",
        "According to the author, what lifts brine?",
        "What does the text above say about pumps?",
        "When did he build it?",
        "What does it lift?",
        "What is this method called?",
        "Which of the two kingdoms is older?",
        "What is used in such cases?",
        "What is the former made of?",
        "True or false: it lifts brine.",
    ],
)
def test_questions_that_point_elsewhere_are_not_self_contained(question: str) -> None:
    assert not self_contained(question)


@pytest.mark.parametrize(
    "question",
    [
        "Who built the old pump?",
        "Why is the pump oiled before it runs?",
        "What did Odo Marrick leave to his daughter?",
        "How long does it take to cut a graft?",
        "Which of the two kingdoms of Storderick is older?",
    ],
)
def test_questions_that_name_what_they_ask_about_are(question: str) -> None:
    assert self_contained(question)


def test_a_question_put_again_is_repeated_and_one_with_another_answer_is_not() -> None:
    pairs = [
        ("Who built the old pump in 1873?", "Odo Marrick"),
        ("who built the old pump in  1873?", "odo marrick."),
        ("Who built the old pump?", "Odo Marrick"),
        ("Who built the old pump in 1873?", "Isolde Vane"),
    ]
    assert [finding.repeated for finding in examine(SENTENCES, pairs)] == [False, True, False, False]


def test_counts_add_up_and_only_sentences_that_state_something_are_to_be_covered() -> None:
    verdict = judge(
        TEXT, [("Who built the old pump?", "Odo Marrick"), ("When was it built?", "in 1873"), ("What?", "x")]
    )
    assert (verdict.pairs, verdict.grounded, verdict.self_contained, verdict.sound) == (3, 2, 2, 1)
    assert (verdict.sentences, verdict.covered) == (3, 1)


@given(st.text(max_size=200), st.text(max_size=50), st.text(max_size=50))
def test_nothing_makes_it_fail(text: str, question: str, answer: str) -> None:
    verdict = judge(text, [(question, answer)] * 2)
    assert verdict.pairs == 2 and verdict.covered <= verdict.sentences and verdict.sound <= verdict.grounded
