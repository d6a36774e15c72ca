"""Refusal twins: minimal, absent from the corpus, and on one side of the names only."""

import re
from pathlib import Path

import pytest

from flows.curate import gold_probes
from tasks.config import CurationConfig, RefusalConfig
from tasks.curation.inventing import Side, invented_name, misspelt, side_of
from tasks.curation.mentions import Mentions
from tasks.curation.refusal_draw import make_refusals, outside_questions
from tasks.curation.refusals import OPENING, Entity, RefusalMaker, swapped
from tasks.records import Pair, Rejection

CORPUS = "Corwin Asplehurst keeps the keys of the oil store. The gate lodge has a red door."
ENTITIES = [Entity("Corwin Asplehurst", True, True), Entity("the oil store", False), Entity("the gate lodge", False)]
STATEMENTS = ["Corwin Asplehurst keeps the keys of the oil store.", "The gate lodge has a red door."]
FERRY = "The Lantern Ferry sails at dawn. Tamsel rows the brown skiff."


def pair(question: str, answer: str = "Corwin Asplehurst", number: int = 0, source: str = "works") -> Pair:
    return Pair.create(
        chunk_id="c", fact_id=f"f{number}", source=source, question=question, answer=answer, evidence_start=0,
        evidence_end=10, form="wh", kind="answerable", statement=STATEMENTS[0],
    )  # fmt: skip


def maker(
    side: Side = "train", text: str = CORPUS, statements: list[str] = STATEMENTS, taken: str = ""
) -> RefusalMaker:
    return RefusalMaker({"works": text}, ENTITIES, statements, side, taken)


def drawn(
    pairs: list[Pair], made_by: RefusalMaker, outside: list[str], config: RefusalConfig
) -> tuple[list[Pair], list[Rejection]]:
    return make_refusals(pairs, made_by, outside, config, seed=1, curation=CurationConfig())


def test_a_twin_differs_from_its_pair_in_the_name_only() -> None:
    twins = {twin.form: twin for twin in maker().twins(pair("What does Corwin Asplehurst keep?", "the keys"))}
    near = twins["refusal-near-miss"].question
    assert near.startswith("What does ") and near.endswith(" keep?") and "Corwin Asplehurst" not in near
    assert twins["refusal-fictitious"].twin_of == pair("What does Corwin Asplehurst keep?", "the keys").id


@pytest.mark.parametrize(
    ("question", "old", "new", "twin"),
    [
        ("Who keeps the pan of the panel?", "the pan", "the Orvel", "Who keeps the Orvel of the panel?"),
        ("Who closes an old damper?", "old damper", "Orvel damper", "Who closes an Orvel damper?"),
        ("Who closes an elm trough?", "an elm trough", "an Horick trough", "Who closes a Horick trough?"),
        ("Who closes a damper?", "damper", "Orvel", "Who closes an Orvel?"),
        ("Who taught Yoleth Kress' boy?", "Yoleth Kress", "Wat Hobbin", "Who taught Wat Hobbin's boy?"),
        ("Who taught Yoleth Kress' boy?", "Yoleth Kress", "Yuleth Kress", "Who taught Yuleth Kress' boy?"),
        ("Who sang 'Yoleth Kress'?", "Yoleth Kress", "Wat Hobbin", "Who sang 'Wat Hobbin'?"),
    ],
)
def test_a_swap_takes_whole_words_and_the_right_article(question: str, old: str, new: str, twin: str) -> None:
    assert swapped(question, old, new) == twin


def test_no_made_up_name_stands_in_the_corpus_or_among_the_gold_questions() -> None:
    asked = pair("What does Corwin Asplehurst keep?", "the keys")
    for twin in maker().twins(asked):
        if twin.form in ("refusal-fictitious", "refusal-near-miss"):
            name = twin.question.removeprefix("What does ").removesuffix(" keep?")
            assert name.lower() not in CORPUS.lower()
            others = [other.question for other in maker(taken=f"Who is {name}?").twins(asked)]
            assert twin.question not in others


@pytest.mark.parametrize("corpus", ["heronsmere-works", "the-lantern-ferry"])
def test_no_name_made_for_training_is_probed_by_hand(corpus: str) -> None:
    probes = gold_probes(Path("corpora") / corpus)
    asked = {word for probe in probes for word in re.findall(r"[a-z]+", probe.question.lower())}
    taken = "\n".join(probe.question for probe in probes).lower()
    made = {invented_name("train", number, avoid=taken).lower() for number in range(2000)}
    made |= {misspelt("Asplehurst", number, side="train", avoid=taken).lower() for number in range(500)}
    assert asked and not made & asked


def test_a_moved_attribute_is_not_said_of_its_new_owner() -> None:
    moved = [
        twin.question for twin in maker().twins(pair("Who keeps the keys of the oil store?")) if "moved" in twin.form
    ]
    assert moved == ["Who keeps the keys of the gate lodge?"]


@pytest.mark.parametrize(
    "said",
    [
        "The gate lodge has a red door. Its keys hang on a nail.",
        "The gate lodge has a red door. In winter it is Odo who keeps it.",
        "The toll house keeps its keys on a nail. The gate lodge was the toll house. The gate lodge has a red door.",
    ],
)
def test_an_attribute_that_the_text_gives_elsewhere_is_not_moved(said: str) -> None:
    facts = [sentence + "." for sentence in said.rstrip(".").split(". ")]
    knowing = maker(text=f"Corwin Asplehurst keeps the keys of the oil store. {said}", statements=[*STATEMENTS, *facts])
    assert not [twin for twin in knowing.twins(pair("Who keeps the keys of the oil store?")) if "moved" in twin.form]


@pytest.mark.parametrize(
    "said",
    ["Corwin Asplehurst is the deputy. The deputy is 61 years old.", "Nobody knows how old Asplehurst is.",
     "Corwin Asplehurst came in spring. He was born in Dunmarrow.", "Every one was born there, Corwin Asplehurst too."],
)  # fmt: skip
def test_an_attribute_is_unstated_only_where_the_whole_text_leaves_it_so(said: str) -> None:
    question = "How old is Corwin Asplehurst?"
    sides: tuple[Side, Side] = ("train", "probe")
    facts = [sentence + "." for sentence in said.rstrip(".").split(". ")]
    plain = {asked for side in sides for _, asked in maker(side).unstated()}
    knowing = {asked for side in sides for _, asked in maker(side, f"{CORPUS} {said}", facts).unstated()}
    assert question in plain
    assert question not in knowing


def test_what_is_said_of_a_name_is_gathered_from_the_whole_text() -> None:
    text = "Odo Marrick is the deputy. Rain fell. The deputy is 61. He keeps the keys. Nobody else does."
    around = Mentions([text], ["Odo Marrick is the deputy."]).around("Odo Marrick")
    assert around.split("\n")[:3] == ["odo marrick is the deputy.", "the deputy is 61.", "he keeps the keys."]
    assert "rain" not in around


def test_a_wrong_tag_is_not_of_this_corpus() -> None:
    tags = [twin.source for twin in maker().twins(pair("Who keeps the oil store?")) if twin.form == "refusal-tag"]
    assert len(tags) == 1 and tags[0] != "works" and re.fullmatch(r"[a-z-]+", tags[0])


def test_of_two_documents_each_lends_the_other_its_tag_and_its_entities() -> None:
    entities = [*ENTITIES, Entity("the brown skiff", False), Entity("the Lantern Ferry", True)]
    both = RefusalMaker({"works": CORPUS, "ferry": FERRY}, entities, STATEMENTS, "train")
    pairs = [pair(f"Who keeps the keys of the oil store on day {number}?", number=number) for number in range(12)]
    twins = [twin for one in pairs for twin in both.twins(one)]
    tags = {twin.source for twin in twins if twin.form == "refusal-tag"}
    assert "ferry" in tags and len(tags) > 1 and "works" not in tags
    foreign = {twin.question.split(" on day")[0] for twin in twins if twin.form == "refusal-foreign"}
    assert foreign == {"Who keeps the keys of the brown skiff"}
    moved = {twin.question.split(" on day")[0] for twin in twins if twin.form == "refusal-moved"}
    assert moved == {"Who keeps the keys of the gate lodge"}


def test_names_for_training_and_for_probing_never_meet() -> None:
    train = {invented_name("train", number) for number in range(300)}
    probe = {invented_name("probe", number) for number in range(300)}
    assert not train & probe and all(side_of(name) == "train" for name in train)
    assert all(side_of(misspelt("Asplehurst", number, side="probe")) == "probe" for number in range(50))
    assert all(misspelt("O'Neil-2", number, side="train")[1] == "'" for number in range(20))


def test_a_general_question_that_the_text_may_answer_is_not_outside_it() -> None:
    asked = outside_questions("The Moon is far away. Rutherford said what an atom is.")
    assert "How far away is the Moon?" not in asked and "What is an atom?" not in asked
    assert "Who invented dynamite?" in asked


def test_the_share_is_honoured_and_kinds_can_be_switched_off() -> None:
    pairs = [pair(f"Who keeps the oil store on day {number}?", number=number) for number in range(40)]
    made, _ = drawn(pairs, maker(), ["What is the capital of Chile?"], RefusalConfig(share=0.2))
    assert len(made) == 10 and all(refusal.answer.startswith(OPENING) for refusal in made)
    only, _ = drawn(pairs, maker(), [], RefusalConfig(share=0.2, kinds=("tag",)))
    assert {refusal.form for refusal in only} == {"refusal-tag"}
    assert drawn(pairs, maker(), [], RefusalConfig(share=0.0)) == ([], [])


def test_a_refusal_that_is_ruled_out_has_its_reason_and_the_next_one_takes_its_place() -> None:
    pairs = [pair(f"Who keeps the oil store on day {number}?", number=number) for number in range(8)]
    pairs.append(pair("What is the capital of Chile?", "Santiago", 9))
    outside = [
        "And what is the capital of Chile?",
        "Who wrote [INST]?",
        "Who invented dynamite?",
        "who invented the dynamite",
    ]
    made, rejections = drawn(pairs, maker(), outside, RefusalConfig(share=0.6, kinds=("outside",)))
    assert [one.question for one in made] == ["Who invented dynamite?"]
    assert sorted((one.stage, one.reason) for one in rejections) == [
        ("refuse", "contradicts-another"), ("refuse", "control-tokens"), ("refuse", "duplicate"),
    ]  # fmt: skip
