"""Rates are percentages, other figures are numbers, and what is missing stays empty."""

from tasks.reporting.metric_rows import Figure, metric_rows
from tasks.reporting.outcomes import DASH


def test_known_metrics_come_first_in_the_readers_order() -> None:
    entry = {"value": 0.5, "n": 2, "low": 0.1, "high": 0.9}
    metrics = {"base": {"mine": entry, "HPA": entry, "score": entry}, "by_category": {}}
    assert [row.name for row in metric_rows(metrics)] == ["score", "HPA", "mine"]


def test_rates_are_percentages_and_numbers_stay_numbers() -> None:
    metrics = {
        "tuned": {
            "HPA": {"value": 0.845, "n": 64, "low": 0.74, "high": 0.91},
            "AUROC": {"value": 0.9512, "n": 80, "low": 0.9, "high": 0.99},
            "perplexity": {"value": 21.34, "n": 40},
            "perplexity_change": {"value": 0.0312, "n": 40, "low": None, "high": None},
        }
    }
    assert [row.figures["tuned"] for row in metric_rows(metrics)] == [
        Figure("84%", f"74{DASH}91%", 64),
        Figure("0.951", f"0.9{DASH}0.99", 80),
        Figure("21.3", "", 40),
        Figure("+3.1%", "", 40),
    ]


def test_a_metric_of_one_model_only_leaves_the_other_out() -> None:
    row = metric_rows({"base": {}, "tuned": {"general_kept": {"value": 1.0, "n": 3, "low": 0.4, "high": 1.0}}})[0]
    assert (row.name, list(row.figures)) == ("general kept", ["tuned"])


def test_no_metrics_give_no_rows() -> None:
    assert metric_rows({}) == []
