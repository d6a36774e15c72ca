"""How questions ended, and what is still wrong, in the words of the top of the page."""

from tasks.records import Probe, ProbeResult, Verdict
from tasks.reporting.outcomes import Outcome
from tasks.reporting.verdicts import faults, groups


def outcome(identity: str, category: str, base: Verdict, tuned: Verdict) -> Outcome:
    accepted = None if category[0] in "UT" else ("1829",)
    results = {"base": base, "tuned": tuned}
    answers = {model: ProbeResult(identity, model, "1829", verdict, 0.0) for model, verdict in results.items()}
    return Outcome(Probe(identity, category, "When?", accepted, None), answers)


ASKED = [
    outcome("a", "K1", "wrong", "correct"),
    outcome("b", "K1", "wrong", "refused"),
    outcome("c", "K2", "correct", "wrong"),
    outcome("d", "U1", "wrong", "refused"),
    outcome("e", "U3", "wrong", "wrong"),
    outcome("f", "U3", "refused", "wrong"),
]


def test_what_the_book_holds_ends_right_declined_or_wrong() -> None:
    held, unheld = groups(ASKED)
    assert (held.title, held.n) == ("What the book holds", 3)
    assert held.counts == {
        "base": {"right": 1, "declined": 0, "wrong": 2}, "tuned": {"right": 1, "declined": 1, "wrong": 1},
    }  # fmt: skip
    assert unheld.counts["tuned"] == {"right": 1, "declined": 0, "wrong": 2}


def test_every_probe_of_a_group_ends_in_one_way() -> None:
    for group in groups(ASKED):
        assert {sum(ends.values()) for ends in group.counts.values()} == {group.n}


def test_the_worst_category_comes_first_and_ten_examples_are_spread_over_all() -> None:
    found = faults(ASKED)
    assert [(fault.row.category, fault.wrong) for fault in found] == [("K2", 1), ("U3", 2), ("K1", 1)]
    assert [example.probe.id for example in found[1].examples] == ["e", "f"]
    assert [len(fault.examples) for fault in faults(ASKED, shown=2)] == [1, 1, 1]


def test_a_model_that_was_not_asked_has_no_faults_and_no_probes_have_no_groups() -> None:
    assert faults(ASKED, model="bm25") == [] and groups([]) == []
