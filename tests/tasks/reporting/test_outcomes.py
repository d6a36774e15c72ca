"""Probes and results become shares, in the evaluation's order and words."""

import pytest

from tasks.probing.metrics import wilson
from tasks.records import Probe, ProbeResult, Verdict
from tasks.reporting.outcomes import DASH, Outcome, Share, by_category, headline, join, models_of


def probe(identity: str, category: str, accepted: tuple[str, ...] | None = ("1829",)) -> Probe:
    return Probe(identity, category, "When?", accepted, None)


def result(identity: str, verdict: Verdict, model: str = "tuned") -> ProbeResult:
    return ProbeResult(identity, model, "1829", verdict, 0.0)


@pytest.mark.parametrize(
    ("accepted", "verdict", "right"),
    [(("a",), "correct", True), (("a",), "refused", False), (None, "refused", True), (None, "wrong", False)],
)
def test_a_refusal_is_right_only_where_no_value_is_known(
    accepted: tuple[str, ...] | None, verdict: Verdict, right: bool
) -> None:
    assert Outcome(probe("p", "K1", accepted), {"tuned": result("p", verdict)}).right("tuned") is right


def test_probes_without_an_answer_are_left_out() -> None:
    outcomes = join([probe("a", "K1"), probe("b", "K1")], [result("b", "correct")])
    assert [outcome.probe.id for outcome in outcomes] == ["b"]


def test_base_and_tuned_come_before_controls() -> None:
    results = [result("a", "wrong", model) for model in ("bm25", "tuned", "base")]
    assert models_of(join([probe("a", "K1")], results)) == ["base", "tuned", "bm25"]


def test_categories_stand_in_the_order_of_the_evaluation_and_unknown_ones_last() -> None:
    names = ["mine", "U1", "K2", "K1"]
    outcomes = join([probe(name, name) for name in names], [result(name, "correct") for name in names])
    assert [row.category for row in by_category(outcomes)] == ["K1", "K2", "U1", "mine"]


def test_a_share_carries_its_n_and_wilson_interval() -> None:
    share = Share.of([True] * 54 + [False] * 10)
    assert (share.count, share.n, share.low, share.high) == (54, 64, *wilson(54, 64))
    assert share.words() == f"54 of 64, 84% (74{DASH}91%)"


def test_an_empty_share_is_nothing_with_full_doubt() -> None:
    assert Share.of([]) == Share(0, 0, 0.0, 1.0)
    assert Share.of([]).value == 0.0


def test_the_headline_counts_taught_unknown_and_false_refusals() -> None:
    probes = [probe("a", "K1"), probe("b", "K1"), probe("c", "K2"), probe("d", "U2", None)]
    verdicts: list[Verdict] = ["correct", "refused", "wrong", "refused"]
    outcomes = join(probes, [result(p.id, verdict) for p, verdict in zip(probes, verdicts, strict=True)])
    found = {figure.title: (figure.shares["tuned"].count, figure.shares["tuned"].n) for figure in headline(outcomes)}
    assert found == {"Knows": (1, 2), "Declines when it should": (1, 1), "Declines when it should not": (1, 3)}


def test_a_figure_that_no_probe_measures_is_left_out() -> None:
    assert [figure.title for figure in headline(join([probe("a", "U1", None)], [result("a", "refused")]))] == [
        "Declines when it should"
    ]
