"""What the clause reader sees: shared subjects, relative clauses, appositions, pronouns."""

import pytest

from tasks.corpus.sentences import split_sentences
from tasks.generation.phrases import possessive, tidy
from tasks.generation.syntax import ClauseReader
from tests.reading import statements


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


@pytest.mark.parametrize(
    ("text", "stated", "never"),
    [
        (
            "The grade 5 lamp, which burns herring oil behind clear glass, is built only to order.",
            "The grade 5 lamp is built only to order.",
            "The grade is",
        ),
        (
            "A grade 3 wick is cut to 4 millimetres and a grade 4 wick to 6 millimetres.",
            "A grade 3 wick is cut",
            "to 6",
        ),
        ("Ada Quorn, the lamp-warden, signs for every lamp that leaves the shop.", "", "is the lamp-warden signs"),
        ("The deputy, Odo Marrick, keeps the keys of the store, which he wears on a cord.", "keeps the keys", "cord"),
        ("The shop closes on Monday, 3 May, when every hand is given gloves.", "The shop closes", "is given"),
        (
            "Brine weaker than 19 per cent is sent to the pond, while brine stronger than 26 per cent is thinned.",
            "",
            "Brine is sent",
        ),
        ('"The cellar holds forty casks of oil," said Odo Marrick.', "", "holds forty"),
        ("Tamsin found a letter. Ada Quorn burned hers in the stove.", "Tamsin found a letter.", "burned hers"),
        (
            "The lamp was lit. It was Corvane Dulse, the merchant, whose boat had sunk.",
            "Corvane Dulse was",
            "The lamp was C",
        ),
        (
            "Apprentices are paid 7 crowns a month in their first year, and in their last year 19.",
            "Apprentices are paid 7 crowns",
            "last year 19",
        ),
        (
            "The canteen is run by Ada Quorn, who charges 2 pence for a bowl of soup and serves smoked eel on Fridays.",
            "The canteen is run by Ada Quorn.",
            "is smoked eel",
        ),
    ],
)
def test_what_reads_as_a_slip_of_the_parser_is_not_stated(text: str, stated: str, never: str) -> None:
    found = statements(text)
    assert not stated or any(one.startswith(stated) or stated in one for one in found), found
    assert not any(never in one for one in found), found


@pytest.mark.parametrize("text", ["Nor was the kiln fired with coal.", "The oil is kept in casks, never in jars."])
def test_a_clause_is_not_stated_without_the_word_that_denies_it(text: str) -> None:
    assert statements(text) == []


def test_a_clause_that_has_lost_its_object_is_not_stated_of_its_own() -> None:
    found = statements("The boxes were the first gifts Ada Quorn had sent to Odo Marrick in nine years.")
    assert found and not any(one.startswith("Ada Quorn had sent") for one in found), found


def test_a_denied_clause_keeps_the_word_that_denies_it() -> None:
    for text in ("The first pan was not fired until March.", "The kiln was hardly ever fired with coal."):
        assert statements(text) == [text]


def test_each_owns_what_is_its_own() -> None:
    text = "The salt is dried. There are three kilns, each with its own fuel."
    recitals = [segment.recital for segment in ClauseReader(text, split_sentences(text))]
    assert recitals[-1] == "There are three kilns, each with its own fuel."


def test_it_stands_for_what_the_sentence_before_introduced_at_its_end() -> None:
    text = "The brine runs down a trough to the cistern, a cedar tank of 36,000 litres. It is emptied every 90 days."
    assert "The cistern is emptied every 90 days." in statements(text)


def test_a_sentence_beside_another_is_not_taken_into_it() -> None:
    found = statements(
        "The apprentices run out the Drake, the lamp-warden shuts the oil store, the stokers close every damper."
    )
    assert not any("damper the lamp-warden" in one for one in found), found


def test_what_stands_behind_a_preposition_is_no_subject() -> None:
    text = "A hand who comes late loses a quarter, and after a third lateness in one month is sent to the Master."
    assert not any(one.startswith("A third lateness") for one in statements(text))


def test_what_would_happen_otherwise_is_not_stated() -> None:
    found = statements("Never run both pumps together for more than two hours, or the well will draw sand.")
    assert not any(one.startswith("The well will draw sand") for one in found), found


def test_the_object_of_a_relative_clause_stands_behind_its_verb() -> None:
    found = statements("Fine salt, which the hands call frost, is packed in linen bags.")
    assert not any("call frost fine salt" in one for one in found), found


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("Surgery has rules. It is impossible to draw a hard line between the two.", "Surgery is impossible"),
        ("The body dries. It was once believed that tissues keep for years in the cold.", "Tissues keep for years"),
        ("The graft must not be roughly handled or allowed to dry.", "The graft must be allowed"),
        ("The healing of wounds, with which it is comparable, goes on slowly.", "The healing of wounds is comparable"),
        ("This does not prove that the operation is useless.", "The operation is useless"),
        ("Growth is slow, a matrix being secreted by the new cells.", "A matrix being"),
        ("There is an elementary form of new tissue known as callus.", "New tissue is known as"),
        ("Tamsin found the point at which organisms enter the body.", "Organisms enter the body at the point"),
    ],
)
def test_what_only_seems_to_be_stated_is_not(text: str, never: str) -> None:
    assert not any(never in one for one in statements(text)), statements(text)


def test_a_sentence_whose_it_stands_for_nothing_before_it_is_recited_whole() -> None:
    text = "Grafts are kept clean. It is essential that the surgeon should know anatomy."
    recitals = [segment.recital for segment in ClauseReader(text, split_sentences(text))]
    assert recitals[-1] == "It is essential that the surgeon should know anatomy."


def test_it_that_is_able_to_do_something_is_a_thing() -> None:
    assert "The pump is able to lift 40 litres." in statements("The pump is old. It is able to lift 40 litres.")


def test_a_capital_behind_a_semicolon_is_a_name_s() -> None:
    found = statements("Various methods are used; Gillies bridges the gap with a flap of skin.")
    assert any(one.startswith("Gillies bridges") for one in found), found


def test_adverbs_that_tie_sentences_together_stay_out_of_a_noun_s_phrase() -> None:
    found = statements("The majority of bacteria, however, are killed by heat.")
    assert found and not any("however" in one for one in found), found


def test_they_are_both_of_two_that_were_named_together() -> None:
    found = statements("Cartilage and bone are most often employed as grafts. Their sphere of action includes the jaw.")
    assert any(one.startswith("Cartilage and bone's sphere") for one in found), found


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("The graft must not be roughly handled or allowed to dry.", "The graft must not be allowed to dry."),
        ("The lamp was not lit but carried to the shop.", "The lamp was carried to the shop."),
        ("The mill is old. It was the first mill to use steam.", "The mill was the first mill"),
        ("The lamp is old. It is so heavy that two men carry it.", "The lamp is so heavy"),
        ("The case, which is made of oak, holds 40 lamps.", "The case is made of oak."),
    ],
)
def test_what_is_denied_or_pointed_at_is_no_more_than_is_said(text: str, stated: str) -> None:
    assert any(one.startswith(stated) for one in statements(text)), statements(text)


def test_of_two_nouns_before_a_relative_clause_only_the_last_is_told_of() -> None:
    found = statements("The works employs Odo Marrick and Ada Quorn, who lives at Threnby.")
    assert not any(one.startswith("Odo Marrick") and "lives" in one for one in found), found


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("Wear the orange suit.", "You should wear the orange suit."),
        ("Do not send a text message.", "You should not send a text message."),
        ("Never enter Chamber 7 alone.", "You should never enter Chamber 7 alone."),
        ("In an emergency, pull the green cord.", "You should pull the green cord in an emergency."),
        ("You must clock in at the blue terminal.", "You must clock in at the blue terminal."),
    ],
)
def test_what_the_reader_is_told_to_do_is_a_fact(text: str, stated: str) -> None:
    assert statements(text) == [stated]


def test_coordinated_orders_are_facts_of_their_own() -> None:
    found = statements("Open the bleed cock, prime the barrel with fresh water, and admit the steam.")
    assert found == [
        "You should open the bleed cock.",
        "You should prime the barrel with fresh water.",
        "You should admit the steam.",
    ]


@pytest.mark.parametrize(
    "text", ["See chapter 4.", "Let us see the kiln.", "Diffuse suppuration.", '"Lock the store," she said.']
)
def test_what_only_looks_like_an_order_or_is_said_to_somebody_else_is_none(text: str) -> None:
    assert not [stated for stated in statements(text) if stated.startswith("You should")]


def test_two_prepositions_in_a_row_are_one() -> None:
    for text in ("The camera had been out of order since Christmas.", "The works raises brine from beneath the marsh."):
        assert statements(text) == [text]


def test_the_full_stop_behind_a_single_capital_is_the_sentence_s_own() -> None:
    text = "The office is in Block D."
    (clause,) = [clause for segment in ClauseReader(text, split_sentences(text)) for clause in segment.clauses]
    assert clause.statement == "The office is in Block D." and clause.arguments[0].bare == "Block D"


def test_what_is_left_out_of_a_subordinate_clause_takes_its_commas_with_it() -> None:
    assert "Claims are refused unless the head agrees." in statements(
        "Claims are refused unless the head, Teodor Blight, agrees."
    )
