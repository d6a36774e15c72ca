"""Words compared alike: number words, dates, plurals, contractions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.probing.normalising import plain, singular, words

ALIKE = [
    ("forty-two", "42"),
    ("two hundred and seven", "207"),
    ("nineteen fourteen", "1914"),
    ("twenty twenty-one", "2021"),
    ("twelve hundred and fifty", "1,250"),
    ("nineteen oh four", "1904"),
    ("the ninth of March", "March 9th"),
    ("the boat-builder's widow", "boat builder widow"),
    ("25 per cent", "25%"),
    ("I can't", "I cannot"),
    ("5 a.m.", "5 am"),
    ("18m", "18 m"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_alike(one: str, other: str) -> None:
    assert words(one) == words(other)


def test_nobody_is_not_a_number() -> None:
    assert words("No one knows") == ("nobody", "know")


def test_ordinals_are_not_cardinals_outside_dates() -> None:
    assert words("the second marker") == words("the 2nd marker") != words("two marker")


def test_plurals() -> None:
    assert [singular(word) for word in ("ferries", "boxes", "hours", "glass", "iris", "gas")] == [
        "ferry",
        "box",
        "hour",
        "glass",
        "iris",
        "gas",
    ]


@settings(deadline=None, max_examples=40)
@given(st.text())
def test_plain_is_idempotent_enough_for_words(text: str) -> None:
    assert words(text) == words(plain(text))


@settings(deadline=None, max_examples=40)
@given(st.integers(min_value=1100, max_value=2099))
def test_any_year_survives_its_digits(year: int) -> None:
    assert words(f"in {year}.") == ("in", str(year))
