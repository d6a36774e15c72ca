"""Facts about comparable wording."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.curation.wording import (
    answer_key,
    compatible,
    content_words,
    names,
    normalise,
    similarity,
    word_list,
    wording,
)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Who built the pump?", "who built a pump"),
        ("How many of the twenty-two hands?", "How many of the 22 hands"),
        ("What is Odo's trade?", "What is Odo\u2019s trade?"),
        ("Which pump is it?", "What pump is it?"),
        ("What holds 1,200 casks?", "What holds 1200 casks?"),
        ("It isn't red.", "It is not red."),
    ],
)
def test_case_punctuation_articles_and_number_words_make_no_difference(left: str, right: str) -> None:
    assert set(normalise(left).split()) - {"is"} == set(normalise(right).split()) - {"is"}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("What happens in stage 2?", "What happens in stage 3?"),
        ("What happens in stage two?", "What happens in stage 3?"),
        ("What happens in the second stage?", "What happens in the third stage?"),
        ("What happens in stage II?", "What happens in stage III?"),
        ("What happens in stage A?", "What happens in stage B?"),
        ("Who owns the mill of Mirrow?", "Who owns the mill of Marrow?"),
        ("Who was the father of Tamsel Orrowick?", "Who was the father of Orrowick?"),
        ("Is the pump worked by hand?", "Is the pump not worked by hand?"),
        ("When was the pump built?", "Where was the pump built?"),
        ("Who keeps the keys of the oil store?", "Who keeps the keys of the salt store?"),
        ("Complete: Odo built the ____ in 1829.", "Complete: ____ built the pump in 1829."),
    ],
)
def test_texts_that_differ_in_what_tells_facts_apart_are_not_similar(left: str, right: str) -> None:
    assert similarity(wording(left), wording(right)) == 0.0


def test_the_same_question_with_another_small_word_is_similar() -> None:
    left, right = (
        wording("What year was the pump of the mill built?"),
        wording("In what year was the pump built of mill?"),
    )
    assert 0.5 < similarity(left, right) < 1.0


def test_word_order_counts() -> None:
    left, right = wording("does the crane lift the wagon"), wording("does the wagon lift the crane")
    assert similarity(left, right) < 0.5


def test_names_are_capitalised_words_after_the_first() -> None:
    assert names("Which pump did Odo Marrick buy from the Drake?") == {"odo", "marrick", "drake"}
    assert names("Pumps are bought by whom?") == frozenset()
    assert names("Odo Marrick bought what?") == {"odo", "marrick"}


def test_a_gap_is_a_word() -> None:
    assert word_list("The ____ pump") == ["____", "pump"]


def test_content_words_keep_numbers_and_negations() -> None:
    assert content_words("It was not built by the 22 stokers") == ["not", "built", "22", "stokers"]


@pytest.mark.parametrize(
    ("left", "right"),
    [("Odo Marrick", "by Odo Marrick"), ("1829", "in 1829."), ("twelve", "12"), ("The pump", "a pump")],
)
def test_one_answer_in_two_wordings_has_one_key(left: str, right: str) -> None:
    assert answer_key(left) == answer_key(right)


def test_a_longer_answer_is_compatible_and_another_is_not() -> None:
    assert compatible("22", "22 stokers")
    assert not compatible("22 stokers", "23 stokers")
    assert not compatible("yes", "no")


@given(st.text())
def test_any_text_can_be_worded_and_equals_itself(text: str) -> None:
    assert similarity(wording(text), wording(text)) == 1.0
    assert normalise(normalise(text)) == normalise(normalise(normalise(text)))


@given(st.text(), st.text())
def test_similarity_is_symmetric_and_a_share(left: str, right: str) -> None:
    score = similarity(wording(left), wording(right))
    assert score == similarity(wording(right), wording(left))
    assert 0.0 <= score <= 1.0
