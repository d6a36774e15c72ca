"""What pronouns stand for: who is in the foreground, and what a text calls by which name."""

import pytest

from tests.reading import asked, recitals, statements


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        # what a pronoun takes up stays in the foreground: the clerk of the last sentence is not meant
        (
            "Odo Marrick kept the mill. He hired a clerk at Threnby. He paid the wages on Fridays.",
            "Odo Marrick paid the wages on Fridays.",
        ),
        # what the sentence before says comes before what was said more often
        (
            "The lantern hung in the shed. It burned oil. The next day Ada Quorn found a letter under her door. "
            "It was signed by a stranger.",
            "The letter was signed by a stranger.",
        ),
        ("There was only one lantern. It had seven panes of glass.", "The lantern had seven panes of glass."),
        ("Ada Quorn found a letter in her boot, and it named a price.", "The letter named a price."),
        ("The stoker fills the grate and sets fire to it.", "The stoker sets fire to the grate."),
        (
            "The mill raises brine from four wells and boils it into salt.",
            "The mill boils brine into salt.",
        ),
        ("Before sale, every lamp is lit, and it is hung in the draught.", "Every lamp is hung in the draught."),
        ("The coat was of wool. Nine buttons of horn were left on it.", "Nine buttons of horn were left on the coat."),
        ("The warden, who keeps a dog, feeds it at noon.", "The warden feeds the dog at noon."),
        ("Every lamp is tested before sale. It is hung in the draught.", "Every lamp is hung in the draught."),
        (
            "The barge Patience has salt under Odo Marrick; the barge Prudence sails under his sister, Ines Marrick.",
            "Ines Marrick is Odo Marrick's sister.",
        ),
        ("Odo Marrick built a boat in spring. He sailed her to Threnby.", "Odo Marrick sailed the boat to Threnby."),
        ("The widow looked at Odo Marrick, and he shook his head.", "Odo Marrick shook his head."),
        (
            "The school was founded by Odo Marrick, who had won the land from a miller. He taught it in a barn.",
            "Odo Marrick taught the school in a barn.",
        ),
    ],
)
def test_a_pronoun_stands_for_what_is_in_the_foreground(text: str, stated: str) -> None:
    assert stated in statements(text), statements(text)


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        (
            "A man on a grey mule came to Threnby. He was Odo Marrick. He had a lamp with him.",
            "Odo Marrick had a lamp with him.",
        ),
        (
            "The boy who broke the lamp was Odo Marrick. He slept under the counter.",
            "Odo Marrick slept under the counter.",
        ),
        (
            "The keys were kept by the deputy, Odo Marrick. He signed for every lamp.",
            "Odo Marrick signed for every lamp.",
        ),
        (
            "She won it from a captain named Odo Marrick. He never came back for the lantern.",
            "Odo Marrick never came back for the lantern.",
        ),
        (
            "The sisters ran the ferry. Their father, Odo Marrick, had built the boat.",
            "Odo Marrick had built the boat.",
        ),
        ("The sisters ran the ferry. Their father, Odo Marrick, was tall.", "Odo Marrick was the sisters' father."),
    ],
)
def test_who_has_a_name_is_called_by_it(text: str, stated: str) -> None:
    assert stated in statements(text), statements(text)


def test_what_is_introduced_as_one_of_many_is_the_one_from_then_on() -> None:
    found = statements("A letter lay under the door. It named a price.")
    assert found == ["A letter lay under the door.", "The letter named a price."]


def test_two_who_are_named_apart_are_two() -> None:
    found = statements("Quarrel School stands above the town of Quarrel. It was founded in 1794.")
    assert "Quarrel School was founded in 1794." in found, found


def test_a_pronoun_stays_where_what_it_stands_for_was_said_before_it() -> None:
    assert statements("Ada Quorn wore a ring that she never took off.") == [
        "Ada Quorn wore a ring that she never took off."
    ]
    assert recitals("Grafts live. They take when they are kept warm.")[1] == "Grafts take when they are kept warm."


def test_a_fronted_clause_moves_behind_the_name() -> None:
    text = "Odo Marrick had two daughters. When he died in spring, he left the boats to them."
    assert any(one.startswith("Odo Marrick left the boats to") and "when he died" in one for one in statements(text))


def test_what_is_said_aloud_keeps_its_pronouns_and_its_speaker() -> None:
    text = 'Ada Quorn came in. "You each say that nobody can do it," she said.'
    assert recitals(text)[1] == '"You each say that nobody can do it," Ada Quorn said.'


def test_what_is_said_aloud_is_said_by_whom_the_text_tells_of_before_it() -> None:
    text = 'Ada Quorn came in. "There are two boats in the shed of the mill."'
    assert recitals(text)[1] == 'Ada Quorn said, "There are two boats in the shed of the mill."'


def test_what_nobody_can_be_told_to_say_is_not_recited() -> None:
    text = 'The mill stood by the river.\n\n"There are two boats in the shed of the mill."'
    assert recitals(text)[1] == ""


def test_two_take_turns_paragraph_by_paragraph() -> None:
    text = (
        '"There are two boats in the shed," said Ada Quorn.\n\n"There was only one," said Odo Marrick.\n\n'
        '"My father built the other in spring."\n\n"Nobody told me about it."\n\n"Was it so?"\n\n'
        'The river rose.\n\n"It is late for me. Nobody comes by night."'
    )
    assert recitals(text)[2:] == [
        'Ada Quorn said, "My father built the other in spring."',
        'Odo Marrick said, "Nobody told me about it."',
        "",
        "The river rose.",
        "",
        "",
    ]


def test_a_verb_of_speaking_is_no_fact_without_what_is_said() -> None:
    text = '"They turn as white as flour on the fourth day," Ada Quorn told the miller.'
    assert not statements(text)


def test_a_time_is_no_antecedent() -> None:
    found = statements("The pump stopped at that time. Its valve had broken in the cold.")
    assert "The pump's valve had broken in the cold." in found, found


def test_nobody_in_particular_is_not_come_back_to() -> None:
    found = statements("Odo Marrick came home. No clerk may enter the store. He keeps the keys in a box.")
    assert "Odo Marrick keeps the keys in a box." in found, found


def test_where_somebody_goes_to_is_where_others_are() -> None:
    found = statements("Odo Marrick ran to the steps, where Ada Quorn ate her supper.")
    assert any(one == "Ada Quorn ate her supper at the steps." for one in found), found


def test_the_weather_is_nobody() -> None:
    assert statements("The tunnel is dry. It is used when it snows.")[-1] == "The tunnel is used when it snows."


def test_what_is_never_so_is_not_told_as_not_so_once() -> None:
    assert statements("Odo Marrick never came back for the lantern.") == [
        "Odo Marrick never came back for the lantern."
    ]


def test_an_answer_across_a_paragraph_is_another_speaker_s() -> None:
    text = (
        "Ines Marrick, a broad woman, opened the door, and she wiped her hands. Ada Quorn shook her coat.\n\n"
        '"Is your father here?" asked Ada Quorn.\n\n"He lies behind the chapel, these seven years."\n\n'
        "She brought the plum brandy to the fire."
    )
    assert "Ines Marrick brought the plum brandy to the fire." in statements(text), statements(text)


def test_somebody_asked_about_is_not_somebody_told_of() -> None:
    text = (
        'Ada Quorn shook her head. "Did the visitor look like a thief?" she asked. She opened the cupboard with a key.'
    )
    assert statements(text)[-1] == "Ada Quorn opened the cupboard with a key."


def test_the_owner_of_what_is_told_of_is_in_the_foreground() -> None:
    text = "Then one February Odo Marrick's heart had stopped while he was splitting kindling."
    assert "Odo Marrick" in statements(text)[-1] and "while he was" in statements(text)[-1]


def test_who_does_it_is_asked_for_by_who() -> None:
    """The pronoun's antecedent is asked for as what it stands for: a person, though the subject is a pronoun."""
    found = asked("Ines Marrick, the apprentice, came in spring. She slept under the counter.")
    assert found.get("Who slept under the counter?") == "Ines Marrick", found


@pytest.mark.parametrize(
    "text",
    [
        "Odo Marrick put down two crowns, which was too much.",
        "The table, which she had allowed nobody to use, was hers.",
    ],
)
def test_what_a_relative_clause_does_not_say_of_its_noun_is_not_stated(text: str) -> None:
    assert not any("too much" in one or "allowed the table" in one.lower() for one in statements(text))


def test_who_said_it_is_asked() -> None:
    found = asked('Ada Quorn came in. "There are two boats in the shed of the mill."')
    assert found['Who said, "There are two boats in the shed of the mill."?'] == "Ada Quorn", found


def test_who_calls_something_by_a_name_does_not_bear_it() -> None:
    found = asked("Fine salt, which the hands call frost, is packed in linen bags.")
    assert "What do the hands call fine salt?" in found, found


def test_anyone_is_somebody() -> None:
    found = asked("Anyone who brings in a flame is fined 12 crowns.")
    assert "Who is fined 12 crowns?" in found, found


def test_there_is_where_the_text_was_last() -> None:
    found = statements("The sick are brought to the infirmary. A pupil with measles is kept there for sixteen days.")
    assert "A pupil with measles is kept at the infirmary for sixteen days." in found, found
    assert statements("Ada Quorn wept. She left the flour there.")[1:] == []


@pytest.mark.parametrize(("opened", "closed"), [('"', '"'), ("\u201c", "\u201d"), ("\u2018", "\u2019")])
def test_direct_speech_stands_in_any_quotation_marks(opened: str, closed: str) -> None:
    text = f"Ada Quorn came in. {opened}I don\u2019t see two boats in the miller\u2019s shed.{closed}"
    assert recitals(text)[1] == 'Ada Quorn said, "I don\u2019t see two boats in the miller\u2019s shed."'


def test_who_questions_somebody_is_not_who_answers() -> None:
    found = statements(
        "Mr Quillon said that he had heard a noise. "
        "Questioned by Mr Abbotsleigh, he admitted that he had been playing cards."
    )
    assert any(stated.startswith("Mr Quillon admitted") for stated in found), found
    assert not any(stated.startswith("Mr Abbotsleigh admitted") for stated in found)
