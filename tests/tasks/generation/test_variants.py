"""Rule-made pairs: grammatical, grounded, many forms, the same every time."""

import pytest

from tasks.corpus.sentences import split_sentences
from tasks.generation.facts import build_ledger
from tasks.generation.forms import third_person
from tasks.generation.variants import rule_pairs, sentence_gaps
from tasks.records import Document, Pair

TEXT = (
    "The Heron Works was founded in 1871 by Isolde Carrowmere. Old Pump lifts 240 litres a minute. "
    "Young Pump lifts 410 litres a minute. The oil store must be kept below 15 degrees."
)


def made(text: str = TEXT, limit: int = 60) -> list[Pair]:
    document = Document.create("works", text)
    return list(rule_pairs(build_ledger(document, split_sentences(text)), [], limit=limit, seed=1))


def asked(pairs: list[Pair]) -> dict[str, str]:
    return {pair.question: pair.answer for pair in pairs}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When was the Heron Works founded by Isolde Carrowmere?", "1871"),
        ("In what year was the Heron Works founded by Isolde Carrowmere?", "1871"),
        ("Who founded the Heron Works in 1871?", "Isolde Carrowmere"),
        ("Below what temperature must the oil store be kept?", "15 degrees"),
        ("Was the Heron Works founded in 1871 by Isolde Carrowmere?", "Yes"),
    ],
)
def test_questions_are_formed_as_a_grammar_would(question: str, answer: str) -> None:
    assert asked(made())[question] == answer


def test_a_false_question_takes_a_rival_answer_of_the_same_kind() -> None:
    denied = [pair.question for pair in made() if pair.form == "polar-no"]
    assert any("Old Pump lift 410 litres" in question for question in denied)


def test_every_answer_stands_in_its_statement_or_is_a_verdict() -> None:
    for pair in made():
        if pair.answer not in ("Yes", "No", "True", "False"):
            assert pair.answer.lower() in pair.statement.lower(), pair


def test_the_limit_is_kept_for_each_fact_and_no_question_is_asked_twice_of_it() -> None:
    pairs = made(limit=5)
    for fact in {pair.fact_id for pair in pairs}:
        questions = [pair.question for pair in pairs if pair.fact_id == fact]
        assert len(questions) <= 5 and len(set(questions)) == len(questions)


def test_the_same_text_and_seed_give_the_same_pairs() -> None:
    assert made() == made()


def test_a_sentence_without_a_clause_gets_gaps() -> None:
    found = list(sentence_gaps("Patience sails on Mondays and Prudence on 3 Thursdays."))
    assert ("3" in [gap.answer for gap in found]) and all("____" in g.question or "..." in g.question for g in found)


def test_third_person() -> None:
    assert [third_person(verb) for verb in ("carry", "pass", "have", "play", "go")] == [
        "carries", "passes", "has", "plays", "goes",
    ]  # fmt: skip
