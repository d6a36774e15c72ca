"""Refusal twins: minimal, absent from the corpus, and on one side of the names only."""

import re

from tasks.config import RefusalConfig
from tasks.curation.refusals import OPENING, Entity, RefusalMaker, invented_name, make_refusals, misspelt, side_of
from tasks.records import Pair

CORPUS = "Corwin Asplehurst keeps the keys of the oil store. The gate lodge has a red door."
ENTITIES = [Entity("Corwin Asplehurst", True, True), Entity("the oil store", False), Entity("the gate lodge", False)]
STATEMENTS = ["Corwin Asplehurst keeps the keys of the oil store.", "The gate lodge has a red door."]


def pair(question: str, answer: str = "Corwin Asplehurst", number: int = 0) -> Pair:
    return Pair.create(
        chunk_id="c", fact_id=f"f{number}", source="works", question=question, answer=answer, evidence_start=0,
        evidence_end=10, form="wh", kind="answerable", statement=STATEMENTS[0],
    )  # fmt: skip


def maker(side: str = "train") -> RefusalMaker:
    return RefusalMaker(CORPUS, ENTITIES, STATEMENTS, ["works"], side)  # type: ignore[arg-type]


def test_a_twin_differs_from_its_pair_in_the_name_only() -> None:
    twins = {twin.form: twin for twin in maker().twins(pair("What does Corwin Asplehurst keep?", "the keys"))}
    near = twins["refusal-near-miss"].question
    assert near.startswith("What does ") and near.endswith(" keep?") and "Corwin Asplehurst" not in near
    assert twins["refusal-fictitious"].twin_of == pair("What does Corwin Asplehurst keep?", "the keys").id


def test_no_made_up_name_stands_in_the_corpus() -> None:
    for twin in maker().twins(pair("What does Corwin Asplehurst keep?", "the keys")):
        if twin.form in ("refusal-fictitious", "refusal-near-miss"):
            changed = twin.question.removeprefix("What does ").removesuffix(" keep?")
            assert changed.lower() not in CORPUS.lower()


def test_a_moved_attribute_is_not_said_of_its_new_owner() -> None:
    moved = [
        twin.question for twin in maker().twins(pair("Who keeps the keys of the oil store?")) if "moved" in twin.form
    ]
    assert moved == ["Who keeps the keys of the gate lodge?"]


def test_a_wrong_tag_is_not_of_this_corpus() -> None:
    tags = [twin.source for twin in maker().twins(pair("Who keeps the oil store?")) if twin.form == "refusal-tag"]
    assert len(tags) == 1 and tags[0] != "works" and re.fullmatch(r"[a-z-]+", tags[0])


def test_names_for_training_and_for_probing_never_meet() -> None:
    train = {invented_name("train", number) for number in range(300)}
    probe = {invented_name("probe", number) for number in range(300)}
    assert not train & probe and all(side_of(name) == "train" for name in train)
    assert all(side_of(misspelt("Asplehurst", number, side="probe")) == "probe" for number in range(50))


def test_the_share_is_honoured_and_kinds_can_be_switched_off() -> None:
    pairs = [pair(f"Who keeps the oil store on day {number}?", number=number) for number in range(40)]
    made = make_refusals(pairs, maker(), ["What is the capital of Chile?"], RefusalConfig(share=0.2), seed=1)
    assert len(made) == 10 and all(refusal.answer.startswith(OPENING) for refusal in made)
    only = make_refusals(pairs, maker(), [], RefusalConfig(share=0.2, kinds=("tag",)), seed=1)
    assert {refusal.form for refusal in only} == {"refusal-tag"}
    assert make_refusals(pairs, maker(), [], RefusalConfig(share=0.0), seed=1) == []
