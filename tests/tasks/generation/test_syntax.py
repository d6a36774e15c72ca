"""What the clause reader sees: shared subjects, relative clauses, appositions, pronouns."""

import pytest

from tasks.corpus.sentences import split_sentences
from tasks.generation.syntax import ClauseReader, possessive, tidy


def statements(text: str) -> list[str]:
    return [
        clause.statement
        for segment in ClauseReader(text, split_sentences(text))
        for clause in segment.clauses
        if clause.resolved
    ]


def test_coordinated_verbs_share_their_subject_and_auxiliary() -> None:
    found = statements("The cistern is emptied every week and scrubbed with brooms.")
    assert found == ["The cistern is emptied every week.", "The cistern is scrubbed with brooms."]


def test_a_pronoun_is_replaced_by_the_subject_before_it() -> None:
    found = statements("The oil store is a vaulted cellar. It holds seventy casks.")
    assert "The oil store holds seventy casks." in found


def test_a_possessive_whose_owner_stands_in_the_clause_stays() -> None:
    found = statements("The warden learned his trade at a glassworks.")
    assert found == ["The warden learned his trade at a glassworks."]


def test_a_relative_clause_is_a_fact_of_its_own() -> None:
    found = statements("The tower bell, which was cast in 1880, weighs 130 kilograms.")
    assert "The tower bell was cast in 1880." in found
    assert "The tower bell weighs 130 kilograms." in found


def test_a_narrowing_relative_clause_stays_with_an_indefinite_noun() -> None:
    assert statements("A lamp that fails once is marked with chalk.") == [
        "A lamp that fails once is marked with chalk."
    ]


def test_an_apposition_tells_who_somebody_is() -> None:
    assert "Wilmot Sandiferry is the storekeeper." in statements("The storekeeper, Wilmot Sandiferry, sees the sick.")


def test_an_unresolved_pronoun_yields_no_statement() -> None:
    assert statements("It was emptied on Friday.") == []


def test_offsets_point_into_the_document() -> None:
    text = "Heading\n\nThe mill grinds oats. The miller, Ada Quorn, lives at Threnby."
    for segment in ClauseReader(text, split_sentences(text)):
        assert segment.sentence[0] <= segment.start < segment.end <= segment.sentence[1]
        for clause in segment.clauses:
            assert segment.start <= clause.start < clause.end <= segment.end
            assert clause.evidence[1] == segment.sentence[1]


def test_a_recital_repeats_the_sentence_with_its_pronouns_resolved() -> None:
    text = "The warden sleeps here. He walks his round; he has a dog, whose name is Bracken."
    recitals = [segment.recital for segment in ClauseReader(text, split_sentences(text))]
    assert recitals[1:] == ["The warden walks his round.", "The warden has a dog, whose name is Bracken."]


def test_tidy_and_possessive() -> None:
    assert tidy(" a ,  b , , c ") == "a, b, c"
    assert possessive("the boys") == "the boys'" and possessive("Ada") == "Ada's"


@pytest.mark.parametrize(
    "text",
    [
        "While the speed at which kilns cool is constant there are draughts that alter it one way or another.",
        "There are draughts that alter it, and a kiln that has it burns them.",
    ],
)
def test_a_pronoun_never_stands_for_the_phrase_that_holds_it(text: str) -> None:
    assert all("alter draughts" not in statement for statement in statements(text))
