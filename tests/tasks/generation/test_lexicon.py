"""Closed word lists: what the rules look up is spelt as they look it up, and no word says two things at once."""

import pytest

from tasks.generation import lexicon

LISTS = [name for name in dir(lexicon) if name.isupper() and isinstance(getattr(lexicon, name), set)]


@pytest.mark.parametrize("name", LISTS)
def test_words_are_single_and_small(name: str) -> None:
    words = getattr(lexicon, name)
    assert words and all(word == word.lower().strip() and len(word.split()) == 1 for word in words)


def test_nobody_is_of_two_sexes_and_pronouns_are_no_people() -> None:
    assert not lexicon.FEMALE & lexicon.MALE
    assert not lexicon.PEOPLE & {"he", "she", "his", "her"}
    assert {"mother", "miller", "surgeon"} <= lexicon.PEOPLE


def test_times_and_temperatures_are_units_and_no_places() -> None:
    assert lexicon.TIME_UNITS | lexicon.TEMPERATURE <= lexicon.UNITS
    assert not (lexicon.WEEKDAYS | lexicon.MONTHS) & lexicon.PLACES
    assert (len(lexicon.WEEKDAYS), len(lexicon.MONTHS)) == (7, 12)


@pytest.mark.parametrize("verb", lexicon.SYNONYMS)
def test_a_synonym_is_another_verb(verb: str) -> None:
    base, *forms = lexicon.SYNONYMS[verb]
    assert base != verb and verb not in forms
