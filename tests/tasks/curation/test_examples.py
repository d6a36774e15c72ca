"""Facts about examples: when the tag is shown, and what is never left to guess."""

from tasks.config import TuningConfig
from tasks.curation.examples import ambiguous, to_examples
from tasks.records import Pair
from tests.tasks.curation.corpus import pair, refusal

UNTAGGED = TuningConfig(tag_share=0.0)


def tags(*pairs: Pair) -> list[str]:
    examples = to_examples(pairs, dict.fromkeys((one.id for one in pairs), "train"), UNTAGGED, seed=1)
    return [example.source for example in examples]


def test_a_question_asked_of_two_documents_always_shows_whose_answer_is_meant() -> None:
    one, other = pair("Who built the pump?", "Odo"), pair("who built a pump", "Ada", source="ferry")
    alone = pair("Who built the mill?", "Odo")
    assert tags(one, other, alone) == ["heron", "ferry", ""]
    assert ambiguous([one, other, alone]) == {one.id, other.id}


def test_a_wrong_tag_does_not_make_a_question_ambiguous_and_is_always_shown() -> None:
    one = pair("Who built the pump?", "Odo")
    wrong = refusal("Who built the pump?", source="no-such-book", form="refusal-tag")
    assert tags(one, wrong) == ["", "no-such-book"]


def test_withheld_pairs_become_no_example() -> None:
    one = pair("Who built the pump?", "Odo")
    assert to_examples([one], {one.id: "withheld"}, UNTAGGED, seed=1) == []


def test_every_system_prompt_begins_with_the_configured_one_and_some_go_on() -> None:
    pairs = [pair(f"Who built mill {number}?", "Odo") for number in range(64)]
    examples = to_examples(pairs, dict.fromkeys((one.id for one in pairs), "train"), UNTAGGED, seed=1)
    assert all(example.system.startswith(UNTAGGED.system) for example in examples)
    assert 0 < sum(example.system != UNTAGGED.system for example in examples) < 24
