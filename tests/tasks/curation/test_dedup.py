"""Facts about near-duplicate removal: what is one question, which wording stays, and independence of order."""

import random
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.config import CurationConfig
from tasks.curation.dedup import are_duplicates, bands_for, drop_duplicates, near_duplicates
from tasks.records import Pair
from tests.tasks.curation.corpus import CONFIG, pair, refusal


def kept_questions(pairs: list[Pair], config: CurationConfig = CONFIG) -> list[str]:
    return [kept.question for kept in drop_duplicates(pairs, config)[0]]


def test_the_same_form_asked_twice_keeps_one_and_names_it() -> None:
    first = pair("Who built the heron pump?", "Odo Marrick")
    second = pair("and who was it built the heron pump", "by Odo Marrick")
    kept, rejections = drop_duplicates([second, first], CONFIG)
    assert kept == [first]
    assert [(one.stage, one.reason, one.ref) for one in rejections] == [("dedup", "duplicate", second.id)]
    assert rejections[0].excerpt.startswith(f"1.00 like {first.id} 'Who built the heron pump?': ")


def test_forms_of_one_fact_are_no_duplicates() -> None:
    pairs = [
        pair("Who built the heron pump?", "Odo Marrick"),
        pair("Who was it built the heron pump?", "Odo Marrick", form="model-wh"),
        pair("Fill in the gap: the heron pump was built by ____.", "Odo Marrick", form="cloze"),
        pair("Complete: the heron pump was built by ...", "Odo Marrick", form="completion"),
    ]
    assert drop_duplicates(pairs, CONFIG) == (pairs, [])


def test_one_question_word_for_word_in_two_forms_is_asked_once() -> None:
    pairs = [
        pair("Who built the heron pump?", "Odo Marrick"),
        pair("who built a heron pump", "Odo Marrick", form="stem"),
    ]
    assert kept_questions(pairs) == ["Who built the heron pump?"]


def test_a_longer_answer_to_the_same_question_is_a_duplicate() -> None:
    pairs = [pair("How many stokers are there?", "22"), pair("how many stokers are there", "twenty-two stokers")]
    assert len(kept_questions(pairs)) == 1


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("What is opened in stage 2 of the long boiling?", "What is opened in stage 3 of the long boiling?"),
        ("Who keeps the old keys of the salt mill at Mirrow?", "Who keeps the old keys of the salt mill at Marrow?"),
        ("Who keeps the keys of the oil store by the gate?", "Who keeps the keys of the salt store by the gate?"),
        ("Must the brass valve be closed before firing?", "May the brass valve be closed before firing?"),
        ("Is the brass valve closed before firing the pan?", "Is the brass valve not closed before firing the pan?"),
        ("Does the crane lift the wagon?", "Does the wagon lift the crane?"),
    ],
)  # fmt: skip
def test_near_twins_stay(left: str, right: str) -> None:
    pairs = [pair(left, "Odo Marrick"), pair(right, "Odo Marrick")]
    assert drop_duplicates(pairs, CONFIG) == (pairs, [])


def test_the_same_question_of_another_source_or_with_another_answer_stays() -> None:
    pairs = [
        pair("Who built the heron pump?", "Odo Marrick"),
        pair("Who built the heron pump?", "Odo Marrick", source="other"),
        pair("Who has built the heron pump?", "Ada Lorn"),
        refusal("Who had built the heron pump?"),
    ]
    assert len(kept_questions(pairs)) == 4


def test_refusals_of_one_question_are_one_whatever_their_wording() -> None:
    first, second = refusal("Who built the Marrow pump?"), refusal("Who was it built the Marrow pump?")
    assert len(drop_duplicates([first, second], CONFIG)[0]) == 1


def test_the_threshold_is_honoured() -> None:
    pairs = [
        pair("What colour is the cord of the oil store keys?", "green"),
        pair("What colour is the cord of the oil store gate keys?", "green"),
    ]
    assert len(kept_questions(pairs, CurationConfig(duplicate_similarity=0.95))) == 2
    assert len(kept_questions(pairs, CurationConfig(duplicate_similarity=0.5))) == 1


def test_a_rule_made_wording_is_kept_before_a_model_s() -> None:
    rule = pair("Who was it that the heron pump was built by?", "Odo Marrick")
    model = pair("Who built the heron pump that was?", "Odo Marrick", generator="model")
    assert drop_duplicates([model, rule], CurationConfig(duplicate_similarity=0.3))[0] == [rule]


def test_a_pair_is_only_dropped_for_one_that_is_kept() -> None:
    short = pair("Who built the heron pump?", "Odo Marrick")
    longer = pair("And who was it built the heron pump?", "Odo Marrick")
    same_in_another_form = pair("and who was it built the heron pump", "Odo Marrick", form="stem")
    kept, rejections = drop_duplicates([same_in_another_form, longer, short], CONFIG)
    assert kept == [same_in_another_form, short]
    assert [one.ref for one in rejections] == [longer.id]


@pytest.mark.parametrize("missed", [0.01, 0.2])
@pytest.mark.parametrize(("threshold", "permutations"), [(0.8, 256), (0.8, 128), (0.5, 128), (0.95, 64), (0.3, 128)])
def test_bands_miss_little_and_divide_the_signature(threshold: float, permutations: int, missed: float) -> None:
    bands = bands_for(threshold, permutations, missed)
    assert permutations % bands == 0
    assert (1 - threshold ** (permutations // bands)) ** bands <= missed
    assert bands <= bands_for(threshold, permutations, missed / 10)


def test_nothing_comes_of_nothing() -> None:
    assert drop_duplicates([], CONFIG) == ([], [])
    assert list(near_duplicates([], CONFIG)) == []
    assert list(near_duplicates([[], ["one"], []], CONFIG)) == []


def test_all_matches_within_each_group_are_found() -> None:
    groups = [["the red lamp"], ["a red lamp", "the blue lamp", "red lamp", "that red lamp"]]
    found = {match[:3] for match in near_duplicates(groups, CONFIG)}
    assert found == {(1, 2, 0), (1, 3, 0), (1, 3, 2)}


openings = ["Who", "And who", "who was it", "Which man", "In 2 who", "Who not"]
middles = ["keeps the keys of the oil store", "keeps keys of that oil store", "keeps the keys of oil and salt store"]
questions = st.builds(
    lambda a, b, c: f"{a} {b}{c}", st.sampled_from(openings), st.sampled_from(middles), st.sampled_from("?. ")
)
some_pairs = st.builds(
    lambda question, answer, form, chunk: pair(question, answer, form=form, chunk_id=chunk),
    questions,
    st.sampled_from(["Odo", "by Odo", "Odo Marrick", "22"]),
    st.sampled_from(["wh", "stem"]),
    st.sampled_from(["c1", "c2"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(some_pairs, max_size=14), st.randoms(use_true_random=False))
def test_idempotent_conserved_and_independent_of_order(pairs: list[Pair], source: random.Random) -> None:
    kept, rejections = drop_duplicates(pairs, CONFIG)
    assert len(kept) + len(rejections) == len(pairs)
    by_id = {one.id: one for one in pairs}
    kept_ids = {one.id for one in kept}
    for rejection in rejections:
        rival = rejection.excerpt.split()[2]
        assert rival in kept_ids
        assert are_duplicates(by_id[rejection.ref], by_id[rival], CONFIG.duplicate_similarity)
    for one, other in combinations(kept, 2):
        assert not are_duplicates(one, other, CONFIG.duplicate_similarity)
    assert drop_duplicates(kept, CONFIG) == (kept, [])
    shuffled = source.sample(pairs, len(pairs))
    again, _ = drop_duplicates(shuffled, CONFIG)
    assert sorted(map(repr, again)) == sorted(map(repr, kept))
