"""Prompts: strict templates over one shared head, read back by their own parsers."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import GenerationError
from tasks.generation.prompts import (
    ASKED,
    CLOSED_BOOK,
    OPEN_BOOK,
    SAME_QUESTION,
    TEMPLATES,
    Template,
    asking,
    closed_book,
    one_line,
    open_book,
    parse,
    render,
)

VALUES = {
    "rewrite": {"question": "Who built the pump?"},
    "question": {"statement": "Odo Marrick built the pump.", "answer": "Odo Marrick"},
    "free": {"statement": "Odo Marrick built the pump."},
}


@pytest.mark.parametrize("kind", TEMPLATES)
def test_all_prompts_of_a_kind_begin_with_its_head_and_end_where_the_model_goes_on(kind: str) -> None:
    prompt = render(kind, **VALUES[kind])  # type: ignore[arg-type]
    template = TEMPLATES[kind]  # type: ignore[index]
    assert prompt.startswith(template.head) and prompt.endswith(":")
    assert all(value in prompt[len(template.head) :] for value in VALUES[kind].values())


@pytest.mark.parametrize(
    "values",
    [{}, {"question": ""}, {"question": " \n"}, {"question": "Who?", "answer": "Odo"}, {"statement": "It runs."}],
)
def test_a_value_that_is_missing_empty_or_unknown_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(GenerationError, match="takes question, each of them non-empty"):
        render("rewrite", **values)


def test_text_with_lines_and_labels_of_its_own_stays_on_one_line() -> None:
    prompt = render("rewrite", question="Who?\n\nQuestion: Who else?\nIn other words: Me")
    tail = prompt.removeprefix(TEMPLATES["rewrite"].head)
    assert tail == "Question: Who? Question: Who else? In other words: Me\nIn other words:"


def test_braces_in_a_text_are_text() -> None:
    assert render("rewrite", question="Who built {name} and {0}?").endswith("{name} and {0}?\nIn other words:")


@pytest.mark.parametrize(
    "other",
    [
        ("rewrite", "a", "{x}:", (), ""),
        ("free", "b", "{x}:", (), ""),
        ("free", "a", "{x}:", ("?",), ""),
        ("free", "a", "{x}:", (), "root"),
    ],
)
def test_a_changed_word_of_a_template_gives_another_id(other: tuple[str, str, str, tuple[str, ...], str]) -> None:
    assert Template(*other).id != Template("free", "a", "{x}:", (), "").id  # type: ignore[arg-type]


@pytest.mark.parametrize(("asked", "other"), SAME_QUESTION)
def test_a_rewrite_is_read_back_as_it_was_shown(asked: str, other: str) -> None:
    shown = f"Question: {asked}\nIn other words:"
    written = TEMPLATES["rewrite"].head.partition(shown)[2].partition("\n")[0]
    assert [drafted.question for drafted in parse("rewrite", written)] == [other]


@pytest.mark.parametrize(("said", "asked", "answer"), ASKED)
def test_a_free_question_and_its_answer_are_read_back_as_they_were_shown(said: str, asked: str, answer: str) -> None:
    written = TEMPLATES["free"].head.partition(f"Sentence: {said}\nQuestion:")[2].partition("\n\n")[0]
    assert parse("free", written) == [(asked, answer)]


@given(st.text())
def test_no_completion_makes_a_parser_fail(text: str) -> None:
    for kind in TEMPLATES:
        assert all(drafted.question.endswith("?") for drafted in parse(kind, text))


def test_round_trips_end_where_the_answer_or_the_question_goes() -> None:
    assert open_book("It runs\non peat.", "What does it run on?").endswith(
        "Sentence: It runs on peat.\nQuestion: What does it run on?\nAnswer:"
    )
    assert closed_book("What does it run on?") == f"{CLOSED_BOOK}Question: What does it run on?\nAnswer:"
    assert asking("It runs on peat.") == f"{OPEN_BOOK}Sentence: It runs on peat.\nQuestion:"


def test_the_examples_share_no_name_with_the_demo_corpora() -> None:
    texts = " ".join(path.read_text(encoding="utf-8") for path in sorted(Path("corpora").glob("*/*.*")))
    shown = " ".join(word for example in (*SAME_QUESTION, *ASKED) for word in example)
    names = {word.strip(".,?'s") for word in shown.split() if word[0].isupper() and word.strip("?.,") not in _OPENERS}
    assert names and not {name for name in names if f" {name} " in texts}


_OPENERS = {word.split()[0] for example in (*SAME_QUESTION, *ASKED) for word in example}


@given(st.text())
def test_folding_is_idempotent_and_leaves_one_line(text: str) -> None:
    assert one_line(one_line(text)) == one_line(text) and len(one_line(text).splitlines()) <= 1
