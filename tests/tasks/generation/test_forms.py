"""Rule forms: the answer's phrase is asked for by the word that fits it, the rest stays as a grammar would have it."""

import pytest

from tasks.corpus.sentences import split_sentences
from tasks.generation.facts import build_ledger
from tasks.generation.forms import Asked, polar, questions, readable, sentence, third_person
from tasks.records import Document


def clauses(text: str):  # type: ignore[no-untyped-def]
    return readable(build_ledger(Document.create("works", text), split_sentences(text)))


def found(text: str) -> dict[str, str]:
    """All direct questions of a text, with their answers."""
    asked: list[Asked] = []
    for reading in clauses(text):
        asked += questions(reading.clause, reading.clause.subject.text)
    return {item.question: item.answer for item in asked}


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        ("The storekeeper keeps the keys.", "Who keeps the keys?", "the storekeeper"),
        ("The storekeeper keeps the keys.", "What does the storekeeper keep?", "the keys"),
        ("The mills grind oats.", "What do the mills grind?", "oats"),
        ("The mills grind oats.", "What grinds oats?", "the mills"),
        ("The old pump lifts 240 litres a minute.", "How many litres does the old pump lift a minute?", "240 litres"),
        ("The clerk must count the sacks.", "What must the clerk count?", "the sacks"),
        ("The kiln was built in 1873.", "When was the kiln built?", "1873"),
        ("The kiln was built in 1873.", "In what year was the kiln built?", "1873"),
        ("The well was dug by Odo Marrick.", "Who was the well dug by?", "Odo Marrick"),
        ("The clerk pays the hands on Fridays.", "When does the clerk pay the hands?", "Fridays"),
        ("The salt is dried for nine hours.", "How long is the salt dried?", "nine hours"),
        ("The cistern is cleaned every month.", "How often is the cistern cleaned?", "every month"),
        ("The oil must be kept below 15 degrees.", "Below what temperature must the oil be kept?", "15 degrees"),
        ("The works has a brown door.", "What colour is the door of the works?", "brown"),
        ("The shift starts at 05:30.", "When does the shift start?", "05:30"),
        ("The clerk leaves by 21:30.", "By what time does the clerk leave?", "21:30"),
        ("Wear the orange suit.", "What should you wear?", "the orange suit"),
        ("You must clock in at the gate.", "Where must you clock in?", "at the gate"),
        ("If you are late, tell the clerk at once.", "What should you do if you are late?", "tell the clerk at once"),
        ("In an emergency, pull the cord.", "What should you do in an emergency?", "pull the cord"),
    ],
)
def test_each_phrase_is_asked_for_in_its_own_way(text: str, question: str, answer: str) -> None:
    assert found(text).get(question) == answer


def test_a_passive_is_asked_in_the_active_only_where_its_past_is_sure() -> None:
    assert found("Salt is raked by the stoker.")["Who rakes salt?"] == "the stoker"
    assert found("The kiln was built by Odo Marrick.")["Who built the kiln?"] == "Odo Marrick"
    assert not [question for question in found("The well was dug by Odo Marrick.") if question.startswith("Who digged")]


def test_no_question_holds_its_answer_twice_or_ends_in_two_marks() -> None:
    text = "Odo Marrick built the kiln in 1873. The clerk pays the hands on Fridays. The works has a brown door."
    for question, answer in found(text).items():
        assert question[0].isupper() and question.endswith("?") and not question.endswith(("??", ".?")), question
        assert f" {answer.lower()} " not in question.lower(), question


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("The storekeeper keeps the keys.", "Does the storekeeper keep the keys?"),
        ("The mills grind oats.", "Do the mills grind oats?"),
        ("The kiln was built in 1873.", "Was the kiln built in 1873?"),
        ("The clerk counted the sacks.", "Did the clerk count the sacks?"),
        ("The clerk may open the gate.", "May the clerk open the gate?"),
        ("Odo Marrick is the storekeeper.", "Is Odo Marrick the storekeeper?"),
    ],
)
def test_yes_and_no_are_asked_with_the_auxiliary_in_front(text: str, question: str) -> None:
    [reading] = clauses(text)
    assert polar(reading.clause, reading.clause.subject.text) == question


@pytest.mark.parametrize(
    ("lemma", "form"),
    [("lift", "lifts"), ("carry", "carries"), ("play", "plays"), ("pass", "passes"), ("go", "goes"), ("be", "is")],
)
def test_the_third_person(lemma: str, form: str) -> None:
    assert third_person(lemma) == form


def test_a_sentence_is_tidied_capitalised_and_closed() -> None:
    assert sentence("who  keeps the keys ", "?") == "Who keeps the keys?"
