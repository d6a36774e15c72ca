"""Rule-made pairs: grammatical, grounded, many forms, the same every time."""

import pytest

from tasks.corpus.sentences import split_sentences
from tasks.generation.exercises import sentence_gaps
from tasks.generation.facts import build_ledger
from tasks.generation.forms import third_person
from tasks.generation.variants import of_oneself, rule_pairs
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


def test_a_when_is_reworded_by_the_kind_of_time_that_answers_it() -> None:
    text = (
        "The canal was opened in 1871. The fair is held on Tuesdays. The gate is shut at noon. "
        "The kiln must cool before anyone goes inside. The mill closes on 17 September."
    )
    stems = {pair.answer: pair.question for pair in made(text) if pair.form == "stem" and "17 S" not in pair.answer}
    found = " ".join(pair.question for pair in made(text))
    assert stems["1871"].startswith("In which year")
    assert stems["Tuesdays"].startswith("On which day")
    assert "On what date does the mill close" in found
    assert "At what time must" not in found and "On what date must" not in found


def test_a_machine_called_she_is_asked_for_as_a_thing() -> None:
    text = (
        "Old Margery dates from 1896. Old Margery is tended by a boy who oils her clutch. Old Margery lifts 240 litres."
    )
    questions = [pair.question for pair in made(text)]
    assert "What dates from 1896?" in questions
    assert "What lifts 240 litres?" in questions
    assert not any("lifts" in question and question.startswith(("Who", "Which person")) for question in questions)


def test_what_is_denied_of_one_thing_is_not_what_the_text_says_of_it_together_with_another() -> None:
    text = (
        "The grade 3 lamp and the grade 4 lamp have brass bodies. The grade 3 lamp has amber glass. "
        "The grade 5 lamp has iron hoops."
    )
    denied = [pair.question for pair in made(text) if pair.answer in ("No", "False")]
    assert denied
    assert not any("grade 3 lamp ha" in question and "brass bodies" in question for question in denied)


def test_a_ban_is_not_turned_into_a_leave() -> None:
    text = "Nobody may enter the cistern alone. Anyone may enter the kiln in pairs. The Drake is kept in the shed."
    assert not any(pair.answer in ("No", "False") and "obody" in pair.question for pair in made(text))


def test_one_time_is_denied_only_where_another_of_its_kind_is_sure() -> None:
    text = "Today 96 people are employed here. The horn is blown when fire is rung. The mill was built in 1871."
    assert not any("employed here when fire" in pair.question for pair in made(text))


def test_no_open_question_is_asked_where_the_text_gives_two_objects() -> None:
    text = "The grade 3 lamp has amber glass. The grade 3 lamp has a brass body. The stoker has a broom."
    found = asked(made(text))
    assert "What does the grade 3 lamp have?" not in found
    assert not any("lamp has ..." in question for question in found)
    assert found["What does the stoker have?"] == "a broom"


def test_how_long_ends_at_the_unit_and_by_half_is_no_means() -> None:
    text = "Every lamp is hung for two hours in the draught box. The damper is closed by half. Goods go by cart."
    found = asked(made(text))
    assert found["How long is every lamp hung in the draught box?"] == "two hours"
    assert not any(question.startswith("How is the damper") for question in found)
    assert not any("go by half" in question for question in found)


def test_only_a_name_answers_what_somebody_s_name_is() -> None:
    found = asked(made("A hand who comes late loses a quarter of the pay. Odo Marrick keeps the keys."))
    assert found["What is the name of the person who keeps the keys?"] == "Odo Marrick"
    assert not any("name of the person who loses" in question for question in found)


def test_what_somebody_was_among_other_things_is_not_asked_for_openly() -> None:
    found = asked(made("The mill was founded by Isolde Carrowmere, a boatbuilder's widow."))
    assert not any(answer == "a boatbuilder's widow" and "who" in q.lower() for q, answer in found.items())
    assert "Was Isolde Carrowmere a boatbuilder's widow?" in found


def test_an_age_is_no_time() -> None:
    assert not any(pair.question.startswith("When") for pair in made("Apprentices are taken at fifteen."))


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("Primary union takes place in three days.", "What does primary union take"),
        ("On the other hand muscle does not retain its vitality.", "On whom"),
        ("The actual number of organisms is an important factor.", "What is the actual number"),
        ("Tendons will also be referred to in the third chapter.", "What will be referred to"),
        ("Brine does not freeze in mild winters.", "Does brine freeze"),
        ("Nobody may enter the cistern.", "May nobody enter the"),
        ("The kiln is capable of work in the highest degree.", "what temperature"),
    ],
)
def test_set_phrases_and_half_of_what_is_said_are_not_asked_for(text: str, never: str) -> None:
    assert not any(never.lower() in pair.question.lower() for pair in made(text)), [p.question for p in made(text)]


def test_what_lasts_until_something_is_asked_for_by_until_when() -> None:
    found = asked(made("The tissue must keep its vitality until it has formed new vessels."))
    assert found["Until when must the tissue keep its vitality?"] == "until it has formed new vessels"
    assert not any(question.startswith("When") for question in found)


def test_for_what_reason_asks_with_the_verb_in_front() -> None:
    stems = [
        pair.question for pair in made("Grafts should be cut oval because they heal sooner.") if pair.form == "stem"
    ]
    assert "For what reason should grafts be cut oval?" in stems
    assert "What is the reason grafts should be cut oval?" in stems


def test_times_with_last_first_and_front_are_asked_for() -> None:
    found = asked(made("The fair is held on the last Friday of May. The mill was rebuilt in the 1890s."))
    assert any(answer.startswith("the last Friday") and q.startswith("When") for q, answer in found.items()), found
    assert any(answer == "the 1890s" and q.startswith("When") for q, answer in found.items()), found


def test_yes_says_nothing_to_a_denial() -> None:
    found = asked(made("Odo Marrick was not consulted about the name. Ada Quorn kept no animal in the mill."))
    assert not any(question.startswith(("Was Odo", "Did Ada")) for question in found), found


def test_what_is_told_twice_of_somebody_is_not_asked_without_what_tells_it_apart() -> None:
    found = asked(made("Odo Marrick ran to the stair in spring. Odo Marrick ran to the steps in autumn."))
    assert "To what did Odo Marrick run?" not in found and "To what did Odo Marrick run in spring?" in found, found


def test_a_time_of_day_is_no_number_of_minutes() -> None:
    found = asked(made("The lantern came in under the jetty at ten minutes to eleven."))
    assert found["When did the lantern come in under the jetty?"] == "at ten minutes to eleven", found
    assert not any("how many minutes" in question.lower() for question in found), found


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("Drinking water is fetched from the spring at Gannock Acre.", "From when"),
        ("Ada Quorn held the door.", "contain"),
        ("Ada Quorn lifted the dome for the first time since autumn.", "For what"),
        ("Ada Quorn asked when the road would be open.", "When did Ada Quorn ask"),
        ("In a flood everyone climbs instead to the loft of the salt house.", "Instead to what"),
        ("The sick are seen by the storekeeper on other days.", "What is seen"),
        ("Odo Marrick ran his hand along the front of the coat.", "Who did Odo Marrick run"),
        ("Odo Marrick left the flour there.", "leave"),
    ],
)
def test_what_no_reader_would_ask_is_not_asked(text: str, never: str) -> None:
    found = asked(made(text))
    assert not any(never in question for question in found), found


def test_what_the_reader_is_told_is_asked_as_the_reader_would() -> None:
    found = asked(made("If you are ill, tell the clerk at once. You must clock in at the gate."))
    assert found["What should you do if you are ill?"] == "tell the clerk at once"
    assert found["What should I do if I am ill?"] == "tell the clerk at once"
    assert found["Where must I clock in?"] == "at the gate"


@pytest.mark.parametrize(
    ("question", "mine"),
    [
        ("When are you paid for your leave?", "When am I paid for my leave?"),
        ("What did you sign when you were hired?", "What did I sign when I was hired?"),
        ("What must you do where the warden asks you?", ""),
        ("What should you keep by you?", ""),
    ],
)
def test_a_question_that_names_the_reader_otherwise_is_left_alone(question: str, mine: str) -> None:
    assert of_oneself(question) == mine
