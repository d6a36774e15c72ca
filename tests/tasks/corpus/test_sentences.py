"""Sentences: every character in exactly one span, and no span that ends at an abbreviation."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.corpus.sentences import split_sentences

CHARACTERS = st.text(
    alphabet=st.one_of(
        st.sampled_from(list("aAbB12 \n\r\f\t.?!:;,()[]\"'_#*-—°|“”。！\u200b\u0301\xa0\u2029")),  # noqa: RUF001
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=300,
)
WORDS = st.lists(
    st.sampled_from(["Fig.", "12.", "Dr.", "the", "The", "pump", "e.g.", "\n", "\n\n", "- ", "1.", "_Note._--", "(a)"]),
    max_size=60,
).map(" ".join)


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@settings(max_examples=200, deadline=None)
@given(st.one_of(CHARACTERS, WORDS))
def test_every_character_that_is_not_white_space_lies_in_exactly_one_trimmed_span(text: str) -> None:
    spans = split_sentences(text)
    covered = [0] * len(text)
    for start, end in spans:
        assert start < end and text[start:end] == text[start:end].strip()
        for offset in range(start, end):
            covered[offset] += 1
    assert spans == sorted(spans)
    assert all(count == 1 for count, character in zip(covered, text, strict=True) if not character.isspace())
    assert all(count <= 1 for count in covered)


@pytest.mark.parametrize(
    "sentence",
    [
        "See Fig. 12 and Figs. 13 to 15, p. 37.",
        "Dr. X saw Mr. J. W. Struthers and Prof. A. E. Wright of St. Mary's.",
        "Inject 10 c.c. of saline at 4 p.m. on Monday.",
        "A dose of 0.6 grm. is dissolved, i.e. shaken, in 1.5 per cent. novocain.",
        "Thomson et al. (1921) describe it, e.g. Vol. II, chap. iv.",
        "It boils at 212° F. in the open.",
        "Marrick & Co. Ltd. built No. 5 in Jan. 1829.",
        '"Who lit the lamp?" asked Tamsel.',
        "The U.S. Army bought it.",
        "He waited . . . and waited.",
        "The cistern (see p. 37.), a cedar tank, leaks.",
    ],
)
def test_abbreviations_initials_and_decimals_do_not_end_a_sentence(sentence: str) -> None:
    assert sentences(f"{sentence} It was so.") == [sentence, "It was so."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("They drank at 4 p.m. The pump ran.", ["They drank at 4 p.m.", "The pump ran."]),
        ("It held 10 c.c. He drank it.", ["It held 10 c.c.", "He drank it."]),
        ("It reached 105° F. Patients shiver.", ["It reached 105° F.", "Patients shiver."]),
        ("Lime holds vitamin C. It heals.", ["Lime holds vitamin C.", "It heals."]),
        ('She said "No." He left.', ['She said "No."', "He left."]),
        ("He said “stop.” Then ‘go!’ She went.", ["He said “stop.”", "Then ‘go!’", "She went."]),  # noqa: RUF001
        ("It is red in every case. A cure exists.", ["It is red in every case.", "A cure exists."]),
        ("Built in 1921. The pump is old.", ["Built in 1921.", "The pump is old."]),
        ("It _heals._ They go.", ["It _heals._", "They go."]),
        ("the pump runs. it lifts brine. it is red.", ["the pump runs.", "it lifts brine.", "it is red."]),
        ("水は塩。泵は赤い。", ["水は塩。", "泵は赤い。"]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_hard_wrapped_paragraph_is_one_flow_and_its_line_ends_stay_in_the_span() -> None:
    text = "The pump was built\r\nby Odo Marrick. It\r\nlifts brine.\r\n"
    assert sentences(text) == ["The pump was built\r\nby Odo Marrick.", "It\r\nlifts brine."]


@pytest.mark.parametrize("gap", ["\n\n", "\r\n\r\n", "\r\r", "\n \t\n", "\f", "\n\f\n", "\u2029"])
def test_blank_lines_and_form_feeds_end_a_sentence(gap: str) -> None:
    assert sentences(f"The pump lifts{gap}brine and salt") == ["The pump lifts", "brine and salt"]


def test_a_heading_ends_a_sentence_with_and_without_a_blank_line() -> None:
    body = "The works raises brine from beneath the Tolvash marsh,\nand boils it into salt."
    assert sentences(f"The Works\n\n{body}") == ["The Works", body]
    assert sentences(f"The Works\n{body}") == ["The Works", body]
    assert sentences(f"CHAPTER I\nREPAIR\n{body}") == ["CHAPTER I", "REPAIR", body]
    assert sentences(f"## The Works\n{body}") == ["## The Works", body]


def test_a_run_in_heading_is_a_span_of_its_own() -> None:
    assert sentences("#Healing by Union.#--The edges are close.") == ["#Healing by Union.#--", "The edges are close."]
    assert sentences("Treatment.--The edges are cut.") == ["Treatment.--", "The edges are cut."]


def test_list_items_and_table_rows_are_spans_of_their_own() -> None:
    assert sentences("Bring:\n- a lamp\n- a rope\n  of hemp") == ["Bring:", "- a lamp", "- a rope\n  of hemp"]
    assert sentences("1. Open the cock.\n2. Prime it.") == ["1. Open the cock.", "2. Prime it."]
    assert sentences("First Edition        1904\nSecond Edition       1907") == [
        "First Edition        1904",
        "Second Edition       1907",
    ]


def test_a_number_wrapped_to_a_line_start_is_no_list_item() -> None:
    assert sentences("It was built in the year\n12. a fine year, and lasted.") == [
        "It was built in the year\n12. a fine year, and lasted."
    ]


@pytest.mark.parametrize("text", ["", " \n\f ", "\u2029"])
def test_white_space_has_no_sentences(text: str) -> None:
    assert split_sentences(text) == []


@pytest.mark.parametrize("piece", ["The pump lifts brine. ", "word ", "a. ", ". ", "x", "ok.\n", "(p. 3), "])
def test_time_grows_in_line_with_the_text(piece: str) -> None:
    def seconds(characters: int) -> float:
        text = piece * (characters // len(piece))
        started = time.process_time()
        split_sentences(text)
        return time.process_time() - started

    assert seconds(8_000) < 9 * min(seconds(2_000), seconds(2_000)) + 0.05
