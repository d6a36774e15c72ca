"""Cheap checks: each reason has a draft that it is given for, and good rewrites pass."""

import pytest

from tasks.generation.guards import Asked, example_stems, fits, objection
from tasks.generation.wordlists import asks_for, content, stem

LIFTS = Asked(
    "The pump Old Margery lifts 240 litres of brine a minute.",
    "240 litres",
    "How many litres does Old Margery lift a minute?",
    ("How many litres does Old Margery lift a minute?", "What does Old Margery lift a minute?"),
)
BUILT = Asked("The Badger kiln was built by Odo Marrick in 1873.", "Odo Marrick", "Who was the Badger kiln built by?")
FREE = Asked("The Badger kiln was built by Odo Marrick in 1873.", "1873")


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("What number of litres does Old Margery lift each minute?", LIFTS),
        ("How many litres does Old Margery raise a minute?", LIFTS),
        ("By whom was the Badger kiln built?", BUILT),
        ("In which year was the Badger kiln built by Odo Marrick?", FREE),
    ],
)
def test_a_good_question_passes(question: str, asked: Asked) -> None:
    assert objection(question, asked) is None


@pytest.mark.parametrize(
    ("question", "asked", "reason"),
    [
        ("Old Margery lifts a lot of brine", LIFTS, "no question"),
        ("Tell me what it lifts?", LIFTS, "no question"),
        ("What lifts brine?", LIFTS, "too short"),
        ("How many " + "litres of the brine " * 10 + "are lifted?", LIFTS, "too long"),
        ("How many litres and litres does Old Margery lift?", LIFTS, "repeats a word"),
        ("How many litres a minute does Old Margery lift?", LIFTS, "same words as a rule's"),
        ("What does Old Margery lift a minute?", LIFTS, "same words as a rule's"),
        ("In 1873, when was the Badger kiln built?", FREE, "answer in question"),
        ("How many litres does Old Marjorie lift a minute?", LIFTS, "new name or number"),
        ("How many litres does Old Margery lift in 60 seconds?", LIFTS, "new name or number"),
        ("How many litres does Old Margery lift every single working day of a week?", LIFTS, "too many new words"),
        ("How many litres does Old Margery fastest lift?", LIFTS, "new superlative"),
        ("How many liters does Old Margery lift a minute?", LIFTS, "misspells a word"),
        ("How many litres of its brine does Old Margery lift a minute?", LIFTS, "points at nothing"),
        ("When does Old Margery lift litres a minute?", LIFTS, "other kind of question"),
        ("How many litres does the pump lift a minute?", LIFTS, "lost name or number"),
        ("Who was the built Badger kiln?", BUILT, "roles swapped"),
    ],
)
def test_every_reason_has_a_draft_it_is_given_for(question: str, asked: Asked, reason: str) -> None:
    assert objection(question, asked) == reason


def test_words_of_the_examples_do_not_come_back() -> None:
    examples = example_stems(["Who runs the bakery in Elm Street?"])
    assert "bakeri" in examples
    assert objection("In which year was the bakery kiln built?", FREE, examples) == "taken from an example"


@pytest.mark.parametrize(
    ("question", "answer", "does"),
    [
        ("How many litres does the pump lift?", "240 litres", True),
        ("How many litres does the pump lift?", "brine", False),
        ("How many litres does the pump lift?", "3 pumps", False),
        ("How often is the pump oiled?", "every Thursday", True),
        ("How often is the pump oiled?", "hazel oil", False),
        ("When is the pump oiled?", "on Thursday", True),
        ("When is the pump oiled?", "hazel oil", False),
        ("Why is the pump oiled?", "to keep it quiet", True),
        ("Why is the pump oiled?", "Corwin Asple", False),
        ("Who oils the pump?", "Corwin Asple", True),
        ("Who oils the pump?", "3 men", False),
        ("What oils the pump?", "1873", False),
    ],
)
def test_an_answer_fits_the_kind_of_its_question(question: str, answer: str, does: bool) -> None:
    assert fits(question, answer, f"Corwin Asple and 3 men oil the pump, which lifts {answer}.") is does


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many times a week is it oiled?", "often"),
        ("How long does it last?", "long"),
        ("What amount of oil is used?", "count"),
        ("Which person oils it?", "person"),
        ("In which year was it built?", "time"),
        ("For what purpose is it oiled?", "reason"),
        ("What colour is it?", "colour"),
        ("At what temperature does it burn?", "heat"),
        ("In what place does it stand?", "place"),
        ("Which pump is it?", "thing"),
        ("How is it oiled?", "manner"),
        ("Is it oiled?", ""),
    ],
)
def test_what_a_question_asks_for(question: str, kind: str) -> None:
    assert asks_for(question) == kind


def test_stems_join_the_forms_of_a_word_and_content_leaves_out_the_rest() -> None:
    assert stem("lifted") == stem("lifts") == stem("Lifting") and stem("Marrick's") == stem("Marrick")
    assert content("How many litres does Old Margery lift a minute?") == ["litres", "Old", "Margery", "lift", "minute"]
