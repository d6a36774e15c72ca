"""Figures against published values, hand counts and properties."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.probing.metrics import (
    Figure,
    auroc,
    best_threshold,
    consistency,
    figures,
    mcnemar_p,
    measure,
    outcomes,
    share,
    wilson,
)
from tasks.records import Probe, ProbeResult, Verdict


def asked(rows: list[tuple[str, Verdict, float]], model: str = "tuned") -> tuple[list[Probe], list[ProbeResult]]:
    """Probes and results from (category, verdict, margin); U, T2, T3 and O probes accept nothing."""
    refusing = ("U", "T2", "T3", "O")
    probes = [
        Probe(f"p{i}", category, "?", None if category.startswith(refusing) else ("x",), None, group="g")
        for i, (category, _, _) in enumerate(rows)
    ]
    results = [
        ProbeResult(probe.id, model, "", verdict, margin)
        for probe, (_, verdict, margin) in zip(probes, rows, strict=True)
    ]
    return probes, results


def test_wilson_as_published() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263 and 15 of 148, and the ends.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(29, 29) == pytest.approx((0.8830, 1.0), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_its_share(case: tuple[int, int]) -> None:
    low, high = wilson(*case)
    assert 0 <= low <= case[0] / case[1] + 1e-12 and case[0] / case[1] - 1e-12 <= high <= 1


def test_mcnemar_is_an_exact_coin() -> None:
    assert mcnemar_p(0, 0) == 1.0
    assert mcnemar_p(6, 0) == mcnemar_p(0, 6) == pytest.approx(2 / 64)
    assert mcnemar_p(1, 1) == 1.0
    assert mcnemar_p(10, 2) == pytest.approx(2 * (1 + 12 + 66) / 4096)
    assert 0 < mcnemar_p(300, 3) < 1e-80


def test_auroc_counts_ties_half() -> None:
    assert auroc([0, 1], [2, 3]) == Figure(1.0, 4, 1.0, 1.0)
    assert auroc([1, 1], [1, 1]) is not None and auroc([1, 1], [1, 1])[0] == 0.5  # type: ignore[index]
    assert auroc([0, 2], [1, 2])[0] == pytest.approx((1 + 0 + 1 + 0.5) / 4)  # type: ignore[index]
    assert auroc([], [1]) is None


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=12), st.lists(st.integers(-4, 4), min_size=1, max_size=12))
def test_auroc_is_the_share_of_won_pairs(known: list[int], unknown: list[int]) -> None:
    won = sum((u > k) + (u == k) / 2 for u in unknown for k in known) / (len(known) * len(unknown))
    figure = auroc(known, unknown)
    assert figure is not None and figure.value == pytest.approx(won)
    assert figure.low <= figure.value <= figure.high


def test_the_threshold_lies_midway_where_the_sides_part() -> None:
    assert best_threshold([-9.0, -5.0], [3.0, 4.0]) == -1.0
    assert best_threshold([-9.0, -5.0, 6.0], [3.0, 4.0, 5.0]) == -1.0
    assert best_threshold([-9.0, -5.0, 3.5], [3.0, 4.0, 4.5], most_refused=0.0) == 3.75
    assert best_threshold([-9.0, -5.0, 5.0], [3.0, 4.0, 4.5], most_refused=0.5) == -1.0
    assert best_threshold([-9.0, -5.0, 5.0], [3.0, 4.0, 4.5], most_refused=0.1) == 6.0
    assert best_threshold([0.0], [0.0]) == 1.0  # nothing to gain: refuse least
    with pytest.raises(ValueError, match="needs margins"):
        best_threshold([], [1.0])


def test_of_thresholds_within_the_standard_error_the_highest_is_taken() -> None:
    known, unknown = [-4.0] * 45 + [3.5] * 5, [-5.0] * 5 + [1.0] * 2 + [3.0] * 43
    assert best_threshold(known, unknown) == -1.5  # 45 of 50 answered and 45 declined, with an error of 0.06
    assert best_threshold(known, unknown, errors=1) == 2.0  # 45 and 43: 0.04 less
    assert best_threshold(known, unknown, errors=0.5) == -1.5
    assert best_threshold([-2.0, -1.0], [1.0, 2.0], errors=3) == 0.0  # all told apart: no error, midway


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9), st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_no_other_threshold_does_better(known: list[int], unknown: list[int]) -> None:
    def gain(cut: float) -> float:
        return sum(k <= cut for k in known) / len(known) + sum(u > cut for u in unknown) / len(unknown)

    chosen = gain(best_threshold(known, unknown))
    assert all(chosen >= gain(cut / 2) - 1e-9 for cut in range(-11, 12))


def test_figures_by_hand() -> None:
    rows: list[tuple[str, Verdict, float]] = [
        ("K1", "correct", -5.0),
        ("K1", "correct", -4.0),
        ("K1", "refused", 2.0),
        ("K1", "wrong", -1.0),
        ("K2", "correct", -3.0),
        ("K2", "wrong", -2.0),
        ("U1", "refused", 5.0),
        ("U1", "wrong", -2.0),
        ("U3", "refused", 6.0),
        ("T2", "wrong", 0.0),
        ("O", "refused", 3.0),
        ("G", "correct", 0.0),
    ]
    found = figures(outcomes(*asked(rows), "tuned"))
    assert found["HPA"].value == 0.5 and found["HPA"].n == 4
    assert found["FDA"].value == 0.5
    assert found["false_refusal"].value == pytest.approx(1 / 6)
    assert found["refusal_U1"].value == 0.5 and found["refusal_U3"].value == 1.0
    assert found["refusal_T2"].value == 0.0 and found["refusal_O"].value == 1.0
    assert found["hallucination"].value == pytest.approx(1 / 3)
    assert found["balanced"].value == pytest.approx((0.75 + 1 - 1 / 6) / 2)
    assert found["score"].value == pytest.approx(3 / (2 + 2 + 1 / found["balanced"].value))
    assert found["AUROC"].value == pytest.approx((6 + 3.5 + 6) / 18)
    assert found["general"].value == 1.0
    assert "refusal_U4" not in found and "K0" not in found
    assert all(figure.low <= figure.value <= figure.high for figure in found.values())


def test_a_score_needs_all_its_parts() -> None:
    assert "score" not in figures(outcomes(*asked([("K1", "correct", 0.0), ("U1", "refused", 1.0)]), "tuned"))


def test_a_model_that_refuses_everything_scores_nothing() -> None:
    rows: list[tuple[str, Verdict, float]] = [(c, "refused", 0.0) for c in ("K1", "K2", "U1", "U2", "U3", "U4")]
    found = figures(outcomes(*asked(rows), "tuned"))
    assert found["balanced"].value == 0.5 and found["score"].value == 0.0


def test_consistency_is_over_pairs_of_phrasings() -> None:
    rows: list[tuple[str, Verdict, float]] = [
        ("P", "correct", 0.0),
        ("P", "correct", 0.0),
        ("P2", "wrong", 0.0),
        ("K1", "wrong", 0.0),
    ]
    found = consistency(outcomes(*asked(rows), "tuned"))
    assert found["consistency"] is not None and found["consistency"].n == 3
    assert found["consistency"].value == pytest.approx(1 / 3)
    assert found["worst_phrasing"] is not None and found["worst_phrasing"][:2] == (0.0, 1)


def test_metrics_compare_the_models_on_the_probes_both_answered() -> None:
    rows: list[tuple[str, Verdict, float]] = [("K1", "correct", -1.0), ("U1", "refused", 1.0), ("G", "correct", 0.0)]
    probes, tuned = asked(rows)
    _, base = asked([("K1", "wrong", 0.0), ("U1", "wrong", 0.0), ("G", "correct", 0.0)], model="base")
    perplexities = {"base": Figure(20.0, 700, 18.0, 22.0), "tuned": Figure(21.0, 700, 19.0, 23.0)}
    found = measure(probes, base + tuned, perplexities)
    assert found["mcnemar"] == {"p": 0.5, "n01": 2, "n10": 0}
    assert found["by_category"]["K1"]["base_right"] == 0 and found["by_category"]["K1"]["tuned_right"] == 1
    assert found["by_category"]["K1"]["n"] == 1
    assert found["tuned"]["general_kept"]["value"] == 1.0
    assert found["tuned"]["perplexity_change"]["value"] == pytest.approx(0.05)
    assert found["base"]["perplexity"]["n"] == 700
    perplexities |= {"tuned": perplexities["base"], "awake": Figure(30.0, 700, 28.0, 32.0)}
    asleep = measure(probes, base + tuned, perplexities)
    assert asleep["tuned"]["perplexity_change"]["value"] == 0.0
    assert asleep["tuned"]["perplexity_change_awake"]["value"] == pytest.approx(0.5)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_share_of_nothing_is_no_figure() -> None:
    assert share([]) is None
    figure = share([True, True])
    assert figure is not None and figure.value == 1.0 and math.isclose(figure.high, 1.0)
