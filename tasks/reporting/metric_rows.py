"""``metrics.json`` turns into rows to show: a name, what it says, and the figure of each model as text.

    metric_rows({"base": {"HPA": {"value": 0.047, "n": 64, "low": 0.016, "high": 0.129}}, "tuned": {…}})
    [MetricRow("HPA", "held-out paraphrase accuracy", {"base": Figure("5%", "2 to 13%", 64), …})]

Rates are shown as percentages; what is no rate (AUROC, perplexity) as the number it is.
"""

from dataclasses import dataclass
from typing import Any

from tasks.reporting.outcomes import DASH

# The names of tasks.probing.metrics, in the order in which a reader wants them, and what each says.
NAMES = {
    "score": "harmonic mean of HPA, FDA and balanced",
    "HPA": "held-out paraphrase accuracy",
    "FDA": "fact-derived accuracy",
    "balanced": "refuses where due and answers where due",
    "false_refusal": "declines what it was taught; lower is better",
    "hallucination": "asserts a value where none is known; lower is better",
    "AUROC": "how well the refusal margin tells known from unknown",
    "K0": "training questions, word for word",
    "K3": "stands in the text, got no question",
    "consistency": "two phrasings of one fact, same verdict",
    "worst_phrasing": "facts right in every phrasing",
    "general": "general questions answered correctly",
    "general_kept": "general questions the base got right, still right",
    "perplexity": "on general text; lower is better",
    "perplexity_change": "against the base",
    "perplexity_change_awake": "the same text behind the book's system prompt, which alone wakes the adapter",
}
PLAIN = ("AUROC", "perplexity")  # numbers, not rates


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure as it is shown; ``interval`` is "" and ``n`` None where there is none."""

    value: str
    interval: str
    n: int | None


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of all models."""

    name: str
    meaning: str
    figures: dict[str, Figure]


def metric_rows(metrics: dict[str, Any]) -> list[MetricRow]:
    """Turn ``metrics.json`` into rows: the metrics that ``NAMES`` knows first, in its order, then any other."""
    models = [model for model in ("base", "tuned") if model in metrics]
    present = dict.fromkeys(name for model in models for name in metrics[model])
    ordered = [name for name in NAMES if name in present] + [name for name in present if name not in NAMES]
    return [
        MetricRow(
            name.replace("_", " "),
            NAMES.get(name, ""),
            {m: _figure(name, metrics[m][name]) for m in models if name in metrics[m]},
        )
        for name in ordered
    ]


def _figure(name: str, entry: dict[str, Any]) -> Figure:
    low, high = entry.get("low"), entry.get("high")
    if name in PLAIN:
        ends = "" if low is None or high is None else f"{low:.3g}{DASH}{high:.3g}"
        return Figure(f"{entry['value']:.3g}", ends, entry.get("n"))
    ends = "" if low is None or high is None else f"{100 * low:.0f}{DASH}{100 * high:.0f}%"
    signed = f"{entry['value']:+.1%}" if name.startswith("perplexity_change") else f"{entry['value']:.0%}"
    return Figure(signed, ends, entry.get("n"))
