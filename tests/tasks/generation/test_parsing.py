"""Completions: labels are matched loosely, what is no pair gives nothing, nothing makes it fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.generation.parsing import LONGEST, parse_pairs, parse_question


@pytest.mark.parametrize(
    ("text", "question"),
    [
        (" which person built the pump\nIn other words: no", "Which person built the pump?"),
        ("Who built it? Who owns it?", "Who built it?"),
        ("Question: Who built it?", "Who built it?"),
        ("**Q1:** *Who built it*?", "Who built it?"),
        ('"Who  built it?"', "Who built it?"),
        ("  \n", ""),
        ("?!...", ""),
        ("1873", ""),
        ("", ""),
    ],
)
def test_a_question_is_the_first_line_up_to_its_mark(text: str, question: str) -> None:
    assert parse_question(text) == question


@pytest.mark.parametrize(
    "text",
    [
        "Question: Who built it?\nAnswer: Odo Marrick.",
        "1. Question: Who built it?\n   Answer: Odo Marrick",
        "**Question 1:** Who built it?\n**Answer:** Odo Marrick;",
        "- Q: Who built it?\n- A: Odo Marrick\n\nI hope this helps.",
        "Here you are.\n\nq) who built it\na) Odo\n   Marrick",
        "Answer: nobody\nQuestion: Who built it?\nAnswer: Odo Marrick",
    ],
)
def test_labels_vary(text: str) -> None:
    assert parse_pairs(text) == [("Who built it?", "Odo Marrick")]


@pytest.mark.parametrize(
    "text",
    ["Question: Who built it?", "Answer: Odo", "Question: Who?\nQuestion: What?", "Question:\nAnswer: Odo", "no"],
)
def test_half_a_pair_is_none(text: str) -> None:
    assert parse_pairs(text) == []


def test_every_pair_counts_the_last_one_too() -> None:
    text = "".join(f"Question: Who built mill {i}?\nAnswer: Odo {i}\n" for i in range(5))
    assert [answer for _, answer in parse_pairs(text)] == [f"Odo {i}" for i in range(5)]


def test_a_completion_without_end_is_read_to_a_limit() -> None:
    assert parse_pairs("x" * LONGEST + "\nQuestion: Who?\nAnswer: Odo") == []


@given(st.lists(st.sampled_from(["Question: ", "Answer: ", "Q1.", "A)", "**", "\n", "who?", "Odo", " ", "?", "1. "])))
def test_no_shuffle_of_labels_makes_it_fail(parts: list[str]) -> None:
    for question, answer in parse_pairs("".join(parts)):
        assert question.endswith("?") and answer and "\n" not in question + answer
