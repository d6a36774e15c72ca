"""General questions: well formed, refused only where the book cannot know, and never near what training replays."""

from tasks.curation.refusal_draw import OUTSIDE
from tasks.probing.general import beyond, general_probes, general_text
from tasks.probing.probes import check_disjoint, leaks
from tasks.probing.scoring import verdict
from tasks.tuning.replay import QUESTIONS, read_questions


def test_every_general_question_is_asked_both_ways() -> None:
    probes = general_probes("")
    assert [probe.category for probe in probes] == ["G"] * 60 + ["O"] * 60
    assert len({probe.id for probe in probes}) == 120
    assert all((probe.accepted is None) == (probe.category == "O") for probe in probes)


def test_what_the_book_may_answer_is_not_outside_it() -> None:
    probes = general_probes("Paris is the capital of France. No river runs here.")
    assert "What is the capital of France?" not in {probe.question for probe in probes if probe.category == "O"}
    assert len([probe for probe in probes if probe.category == "O"]) == 59
    assert beyond(["Who has 22 stokers?"], "There are twenty-two stokers.") == []


def test_accepted_answers_are_found_in_plain_replies() -> None:
    for probe in general_probes(""):
        for alias in probe.accepted or ():
            assert verdict(f"The answer is {alias}.", probe.accepted, probe.question) == "correct"


def test_the_text_has_the_length_that_was_asked_for() -> None:
    assert 600 <= len(general_text().split()) <= 900


def test_replay_is_disjoint_from_the_probes() -> None:
    replayed, outside = read_questions(QUESTIONS), read_questions(OUTSIDE)
    assert (len(set(replayed)), len(set(outside))) == (150, 200)
    asked = [probe.question for probe in general_probes("")[:60]]
    assert check_disjoint({"replay": replayed, "outside": outside, "probes": asked}) == []
    assert leaks(general_probes(""), replayed + outside) == {}
