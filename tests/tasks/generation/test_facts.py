"""The ledger: every sentence stands in it, boilerplate and headings do not, spans are exact."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.corpus.sentences import split_sentences
from tasks.generation.facts import aliases, build_ledger, entities, is_prose
from tasks.records import Document

TEXT = "Posts\n\nThe storekeeper, Wilmot Sandiferry, sees the sick. He is sixty. The mill grinds oats."


def ledger(text: str) -> tuple[Document, list]:  # type: ignore[type-arg]
    document = Document.create("works", text)
    return document, build_ledger(document, split_sentences(text))


def test_every_sentence_of_prose_has_a_fact_and_headings_have_none() -> None:
    document, readings = ledger(TEXT)
    sentences = ["The storekeeper, Wilmot Sandiferry, sees the sick.", "He is sixty.", "The mill grinds oats."]
    starts = [document.text.index(sentence) for sentence in sentences]
    assert {reading.evidence[1] for reading in readings} == {
        start + len(sentence) for start, sentence in zip(starts, sentences, strict=True)
    }
    assert all(reading.topic == "Posts" for reading in readings)


def test_facts_are_cut_from_the_document() -> None:
    document, readings = ledger(TEXT)
    for reading in readings:
        assert document.text[reading.fact.start : reading.fact.end] == reading.fact.text


def test_names_and_roles_stand_for_each_other() -> None:
    _, readings = ledger(TEXT)
    assert aliases(readings) == {
        "Wilmot Sandiferry": ("the storekeeper",),
        "the storekeeper": ("Wilmot Sandiferry",),
    }
    assert ("Wilmot Sandiferry", True, True) in entities(readings)


def test_roles_told_of_and_shorter_names_stand_for_their_bearer() -> None:
    text = (
        "Ada Quorn wept in spring. Ada was the apprentice. Odo Marrick explained the lamp. Jorun Marrick smiled at "
        "Marrick. Nan told Edda of it. Edda was Jorun Marrick's niece. The deputy was a widow."
    )
    called = aliases(build_ledger(Document.create("a text", text), split_sentences(text)))
    assert set(called["Ada"]) == {"the apprentice", "Ada Quorn"} and set(called["Ada Quorn"]) == {
        "the apprentice",
        "Ada",
    }
    assert called["Edda"] == ("Jorun Marrick's niece",)
    assert not any("Marrick" in others for others in called.values()), called  # two bear it
    assert "a widow" not in called


def test_headings_and_table_lines_are_not_prose() -> None:
    assert (
        not is_prose("Lamps and Oil") and not is_prose("THE HERON WORKS, 1871.") and is_prose("The mill grinds oats.")
    )


@settings(max_examples=25, deadline=None)
@given(st.text(alphabet="abc ABC.,;:-'\"\n?!0123456789éß—", max_size=120))
def test_no_text_crashes_the_ledger(text: str) -> None:
    _, readings = ledger(text)
    assert all(0 <= reading.fact.start < reading.fact.end <= len(text) for reading in readings)


def test_other_languages_and_endless_lines_are_no_prose() -> None:
    assert is_prose("The pump lifts the brine out of the well and into the cistern.")
    assert not is_prose("Die Pumpe fördert stündlich zweihundert Liter Sole aus dem alten Brunnen herauf.")
    assert not is_prose("The pump lifts brine, " * 200 + "and stops.")


def test_a_sentence_that_leans_on_another_and_yields_no_clause_states_nothing() -> None:
    _, readings = ledger("They gave the boat to Ebbin Strake, after him.")
    assert {reading.fact.statement for reading in readings} == {""}
