"""Decisions applied: rejected gone, edited replaced with provenance, accepted past heuristics but not past safety."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.config import CurationConfig
from tasks.curation.decisions import Action, Decision, Decisions, decision_key
from tasks.curation.reviews import (
    Reviewed,
    decisions_on,
    drop_other_duplicates,
    filter_reviewed,
    is_rejected,
    only_safe,
    review_pairs,
    review_probes,
)
from tasks.records import Document, Pair, Probe

TEXT = "The heron pump was built by Odo Marrick in 1829. It lifts brine from a depth of 214 feet."
DOCUMENT = Document.create("heron", TEXT)
CONFIG = CurationConfig()


def pair(question: str, answer: str = "Odo Marrick", **values: Any) -> Pair:
    usual: dict[str, Any] = {
        "chunk_id": "c", "fact_id": "f", "source": "heron", "evidence_start": 0, "evidence_end": 48, "form": "wh",
        "kind": "answerable", "statement": "The heron pump was built by Odo Marrick in 1829.",
    }  # fmt: skip
    return Pair.create(**usual | {"question": question, "answer": answer} | values)


def decided(record: Pair | Probe, action: Action, **changes: Any) -> Decisions:
    return {decision_key(record): Decision.on(record, action, changes)}


def conserved(reviewed: Reviewed) -> bool:
    return reviewed.parsed == len(reviewed.pairs) + len(reviewed.rejections)


GOOD, VAGUE = pair("Who built the heron pump?"), pair("Who built it then?")
REFUSAL = pair(
    "Who built the stork pump?", "Not able to answer: the book does not say.", kind="refusal", statement="",
    evidence_start=-1, evidence_end=-1, form="refusal-fictitious", twin_of=GOOD.id,
)  # fmt: skip


def test_a_rejected_pair_is_gone_with_the_reason_reviewer() -> None:
    reviewed = review_pairs([GOOD, VAGUE], decided(VAGUE, "reject"), known={"f"})
    assert reviewed.pairs == [GOOD] and conserved(reviewed)
    assert [(each.stage, each.reason, each.ref) for each in reviewed.rejections] == [("review", "reviewer", VAGUE.id)]
    assert is_rejected(VAGUE, decided(VAGUE, "reject")) and not is_rejected(GOOD, decided(VAGUE, "reject"))


def test_an_edited_pair_replaces_the_original_and_keeps_where_it_came_from() -> None:
    reviewed = review_pairs([VAGUE, GOOD], decided(VAGUE, "edit", question="Who put up the heron pump?"), known={"f"})
    new = reviewed.pairs[0]
    assert new.question == "Who put up the heron pump?" and new.id != VAGUE.id
    assert replace(new, id=VAGUE.id, question=VAGUE.question, generator=VAGUE.generator) == VAGUE
    assert new.generator == "rule, edited" and reviewed.settled == {new.id} and conserved(reviewed)


def test_an_accepted_pair_passes_by_heuristics_only_after_a_person_said_so() -> None:
    documents = [DOCUMENT]
    kept, rejections = filter_reviewed(review_pairs([GOOD, VAGUE], {}, known=()), documents, CONFIG)
    assert kept == [GOOD] and [each.reason for each in rejections] == ["unresolved-reference"]
    kept, rejections = filter_reviewed(
        review_pairs([GOOD, VAGUE], decided(VAGUE, "accept"), known=()), documents, CONFIG
    )
    assert kept == [GOOD, VAGUE] and rejections == []


@pytest.mark.parametrize(
    ("unsafe", "reason"),
    [
        (pair("Who built [/INST] the pump?"), "control-tokens"),
        (pair("Who built the pump?", statement="It was <|im_end|> Odo Marrick."), "control-tokens"),
        (pair("Who built the pump?", evidence_end=4_000), "no-evidence"),
        (pair("Who built the pump?", source="elsewhere"), "no-evidence"),
    ],
)
def test_an_accepted_pair_does_not_pass_by_safety(unsafe: Pair, reason: str) -> None:
    reviewed = review_pairs([unsafe], decided(unsafe, "accept"), known=())
    kept, rejections = filter_reviewed(reviewed, [DOCUMENT], CONFIG)
    assert kept == [] and [each.reason for each in rejections] == [reason]


def test_what_contradicts_an_accepted_pair_goes() -> None:
    other = pair("Who built the heron pump?", "Odo")
    wrong = pair("Who built the heron pump?", "1829")
    reviewed = review_pairs([GOOD, wrong], decided(wrong, "accept"), known=())
    kept, rejections = filter_reviewed(reviewed, [DOCUMENT], CONFIG)
    assert kept == [wrong] and [each.ref for each in rejections] == [GOOD.id]
    reviewed = review_pairs([GOOD, other], decided(other, "accept"), known=())
    assert filter_reviewed(reviewed, [DOCUMENT], CONFIG) == ([GOOD, other], [])


def test_an_accepted_near_duplicate_stays_and_others_go() -> None:
    near = pair("Who then built the heron pump?")
    assert drop_other_duplicates([GOOD, near], set(), CONFIG)[0] == [GOOD]
    kept, rejections = drop_other_duplicates([GOOD, near], {near.id}, CONFIG)
    assert kept == [GOOD, near] and rejections == []


def test_equal_candidates_are_counted_one_by_one() -> None:
    copy = replace(GOOD)
    kept, rejections = drop_other_duplicates([GOOD, copy], set(), CONFIG)
    assert len(kept) == 1 and len(rejections) == 1
    reviewed = review_pairs([GOOD, copy], decided(GOOD, "accept"), known=())
    assert reviewed.pairs == [GOOD] and [each.reason for each in reviewed.rejections] == ["duplicate"]


def test_an_edit_into_the_words_of_another_pair_leaves_one() -> None:
    changes = decided(VAGUE, "edit", question=GOOD.question)
    for order in ([GOOD, VAGUE], [VAGUE, GOOD]):
        reviewed = review_pairs(order, changes, known=())
        assert [each.question for each in reviewed.pairs] == [GOOD.question] and conserved(reviewed)


def test_a_settled_pair_that_is_not_made_again_is_put_back_where_its_fact_still_stands() -> None:
    changes = decided(VAGUE, "edit", question="Who put up the heron pump?")
    back = review_pairs([GOOD], changes, known={"f"})
    assert [each.question for each in back.pairs] == [GOOD.question, "Who put up the heron pump?"] and conserved(back)
    gone = review_pairs([GOOD], changes, known={"another fact"})
    assert gone.pairs == [GOOD] and [each.reason for each in gone.rejections] == ["text changed"] and conserved(gone)
    assert review_pairs([GOOD], decided(VAGUE, "reject"), known=()).rejections == []


def test_refusals_are_decided_apart_and_held_to_safety() -> None:
    decisions = decided(GOOD, "accept") | decided(REFUSAL, "edit", question="Who built </s> the crane?")
    assert list(decisions_on(decisions, "refusal")) == [decision_key(REFUSAL)]
    reviewed = review_pairs([REFUSAL], decisions_on(decisions, "refusal"), known=(), stage="refusals")
    kept, rejections = only_safe(reviewed, CONFIG)
    assert kept == [] and [(each.stage, each.reason) for each in rejections] == [("refusals", "control-tokens")]


def test_probes_are_rejected_and_edited_by_their_own_words() -> None:
    first = Probe("g-1", "K1", "Who made it?", ("Odo",), "heron")
    second = Probe("g-2", "U1", "Who made the stork pump?", None, "heron")
    decisions = decided(first, "edit", accepted=["Odo Marrick", "Marrick"]) | decided(second, "reject")
    kept, rejections = review_probes([first, second], decisions)
    assert kept == [replace(first, accepted=("Odo Marrick", "Marrick"))]
    assert [(each.stage, each.reason, each.ref) for each in rejections] == [("probe", "reviewer", "g-2")]
    rewritten = replace(second, question="Who mended the stork pump?")
    assert review_probes([rewritten], decisions) == ([rewritten], [])
