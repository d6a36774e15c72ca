"""Facts about the split: nothing stands on two sides, shares are honoured, order makes no difference."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.config import ChunkConfig, CurationConfig, SplitConfig
from tasks.corpus.chunking import chunk_document
from tasks.curation import splits
from tasks.curation.splits import assign_splits, check_splits, what_is_taught
from tasks.curation.ties import Ties
from tasks.curation.wording import similarity, wording
from tasks.records import Document, Fact, Pair, Split
from tests.tasks.curation.corpus import pair, refusal

NOUNS = ["pump", "lamp", "kiln", "wagon", "barge", "ferry", "crane", "mill"]


def town_pairs(count: int, seed: int) -> list[Pair]:
    """Pairs about a made-up town; overlapping windows make the pairs of one fact again, under another chunk."""
    source = random.Random(seed)
    sentences, facts = [], []
    for number in range(count):
        noun, name = source.choice(NOUNS), source.choice(["Odo", "Ada", "Joram"])
        # Sometimes one statement is made twice, at two places of the text.
        sentences.append(
            f"{name} keeps the {noun} of yard {source.randint(1, count)} and paints it every {number + 2} days."
        )
    text = " ".join(sentences)
    document = Document.create("town", text)
    place = 0
    for sentence in sentences:
        start = text.index(sentence, place)
        place = start + len(sentence)
        clause = sentence.split(" and ")[0]
        facts.append(Fact.create(document, start, start + len(clause), f"{clause}."))
        facts.append(Fact.create(document, start, place, sentence))
    pairs = []
    for chunk in chunk_document(document, ChunkConfig(window=30, stride=15)):
        for fact in facts:
            if chunk.start <= fact.start and fact.end <= chunk.end:
                pairs += fact_pairs(fact, chunk.id)
    return pairs


def fact_pairs(fact: Fact, chunk_id: str) -> list[Pair]:
    """A question in three wordings, a cloze and a refusal twin for one fact."""
    name, _, rest = fact.text.rstrip(".").partition(" ")
    common: dict[str, Any] = {
        "chunk_id": chunk_id, "fact_id": fact.id, "source": fact.source, "evidence_start": fact.start,
        "evidence_end": fact.end, "statement": fact.statement,
    }  # fmt: skip
    asked = [("wh", f"Who {rest}?"), ("stem", f"Which person {rest}?"), ("indirect", f"Tell me who {rest}.")]
    pairs = [pair(question, name, **(common | {"form": form})) for form, question in asked]
    pairs.append(pair(f"Fill in the gap: ____ {rest}.", name, **(common | {"form": "cloze"})))
    twin = refusal(
        f"Who {rest.replace('the ', 'the orvel ', 1)}?", fact_id=fact.id, source=fact.source, chunk_id=chunk_id
    )
    return [*pairs, replace(twin, twin_of=pairs[0].id)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(1, 14),
    st.integers(0, 99),
    st.sampled_from([0.0, 0.1, 0.3, 0.6]),
    st.sampled_from([0.0, 0.05, 0.2]),
    st.randoms(use_true_random=False),
)
def test_nothing_leaks_over_overlapping_windows(
    count: int, seed: int, withheld: float, valid: float, source: random.Random
) -> None:
    pairs = town_pairs(count, seed)
    config = SplitConfig(withheld=withheld, valid=valid)
    splits = assign_splits(pairs, config, seed)
    assert set(splits) == {one.id for one in pairs}
    assert check_splits(pairs, splits) == []
    facts = {one.fact_id for one in pairs}
    gone = {one.fact_id for one in pairs if splits[one.id] == "withheld"}
    assert len(gone) <= round(withheld * len(facts))
    assert assign_splits(source.sample(pairs, len(pairs)), config, seed) == splits


@pytest.mark.parametrize("seed", range(6))
def test_a_text_that_stands_under_two_tags_does_not_leak(seed: int) -> None:
    one = town_pairs(12, seed)
    pairs = [
        *one,
        *(replace(each, source="copy", id=f"x{each.id}", fact_id=f"x{each.fact_id}", twin_of="") for each in one),
    ]
    splits = assign_splits(pairs, SplitConfig(withheld=0.3, valid=0.1), seed)
    assert check_splits(pairs, splits) == []
    assert all(splits[each.id] == splits[f"x{each.id}"] for each in one if each.kind == "answerable")


def test_shares_are_honoured_and_the_seed_matters() -> None:
    pairs = [one for number in range(40) for one in town_pairs_of_one(number)]
    config = SplitConfig(withheld=0.25, valid=0.1)
    splits = assign_splits(pairs, config, 1)
    gone = {one.fact_id for one in pairs if splits[one.id] == "withheld"}
    taught = [one for one in pairs if splits[one.id] != "withheld" and one.kind == "answerable"]
    assert len(gone) == 10
    assert 0.05 < sum(splits[one.id] == "valid" for one in taught) / len(taught) <= 0.1
    assert assign_splits(pairs, config, 2) != splits


def town_pairs_of_one(number: int) -> list[Pair]:
    document = Document.create(f"town{number}", f"Odo keeps the lamp of yard {number}.")
    fact = Fact.create(document, 0, len(document.text), document.text)
    return fact_pairs(fact, "c")


def test_a_validation_question_is_taught_in_another_form() -> None:
    pairs = [one for number in range(40) for one in town_pairs_of_one(number)]
    splits = assign_splits(pairs, SplitConfig(valid=0.2), 1)
    given = {what_is_taught(one) for one in pairs if splits[one.id] == "train" and one.kind == "answerable"}
    asked = [one for one in pairs if splits[one.id] == "valid" and one.kind == "answerable"]
    assert asked
    assert all(what_is_taught(one) in given and one.form != "cloze" for one in asked)


def test_the_only_question_for_an_answer_stays_in_training() -> None:
    pairs = [pair(f"Who built pump {number}?", "Odo", fact_id=f"f{number}", source=f"s{number}") for number in range(9)]
    assert set(assign_splits(pairs, SplitConfig(valid=0.4), 1).values()) == {"train"}


def test_a_refusal_goes_with_its_twin() -> None:
    pairs = [one for number in range(30) for one in town_pairs_of_one(number)]
    splits = assign_splits(pairs, SplitConfig(withheld=0.2, valid=0.2), 3)
    sides = {splits[one.id] for one in pairs if one.kind == "refusal"}
    assert sides == {"train", "valid", "withheld"}
    assert all(splits[one.id] == splits[one.twin_of] for one in pairs if one.twin_of)


def test_a_refusal_that_is_nobody_s_twin_may_be_validated() -> None:
    pairs = [refusal(f"Who built the mill of Zor{number}ak town?", fact_id="") for number in range(40)]
    splits = assign_splits(pairs, SplitConfig(valid=0.1), 3)
    assert sum(side == "valid" for side in splits.values()) == 4


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"fact_id": "fact-0"}, "fact fact-0 is withheld and taught"),
        ({"evidence_start": 4, "evidence_end": 12}, "share text"),
        ({"statement": "Odo Marrick builds a lamp in 1829."}, "statement"),
        ({"question": "And who built lamps in 1829?"}, "question"),
    ],
)
def test_the_check_sees_a_leak(change: dict[str, object], problem: str) -> None:
    taught = pair(
        "Who built lamps in 1829?",
        "Odo",
        evidence_start=0,
        evidence_end=10,
        statement="Odo Marrick builds the lamp in 1829.",
    )
    other = pair(
        "What lifts brine?", "the pump", fact_id="g", evidence_start=90, evidence_end=99, statement="It lifts."
    )
    leaking = replace(other, **change)  # type: ignore[arg-type]
    sides: dict[str, Split] = {taught.id: "train", other.id: "withheld"}
    assert check_splits([taught, other], sides) == []
    assert any(problem in line for line in check_splits([taught, leaking], sides))


def test_the_check_sees_a_missing_side_a_lost_twin_and_an_untaught_answer() -> None:
    one = pair("Who built lamps in 1829?", "Odo")
    twin = replace(refusal("Who built mills?"), twin_of=one.id)
    assert check_splits([one], {}) == [f"pair {one.id} has no side"]
    assert "its twin" in check_splits([one, twin], {one.id: "train", twin.id: "valid"})[0]
    assert "training never gives" in check_splits([one], {one.id: "valid"})[0]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20))))
def test_tied_items_share_a_group(couples: list[tuple[int, int]]) -> None:
    ties = Ties(range(21))
    for one, other in couples:
        ties.tie(one, other)
    groups = ties.groups()
    assert sorted(item for group in groups for item in group) == list(range(21))
    assert all(ties.find(one) == ties.find(other) for one, other in couples)


words_of = st.lists(st.sampled_from("lamp salt pan kiln wagon gate Odo Marrick 3 not".split()), max_size=12).map(
    " ".join
)


@settings(max_examples=200, deadline=None)
@given(st.lists(words_of, max_size=8), st.lists(words_of, max_size=8), st.sampled_from([0.3, 0.5, 0.7, 0.8, 1.0]))
def test_near_texts_of_two_sides_are_those_that_comparing_all_with_all_finds(
    left: list[str], right: list[str], threshold: float
) -> None:
    one_side, other_side = ([pair(text, "Odo") for text in side] for side in (left, right))
    expected = [
        (one, other)
        for one in dict.fromkeys(filter(None, left))
        for other in dict.fromkeys(filter(None, right))
        if similarity(wording(one), wording(other)) >= threshold
    ]
    found = splits._near(one_side, other_side, "question", CurationConfig(duplicate_similarity=threshold))
    assert [(line.split("'")[1], line.split("'")[3]) for line in found] == expected
