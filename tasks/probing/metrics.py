"""Probe results to the figures of ``metrics.json``, each with its n and a 95% interval.

    12 of 16 K1 probes correct            ->  "HPA": {"value": 0.75, "n": 16, "low": 0.505, "high": 0.898}
    base right on 3, tuned on 9 of 12 …   ->  "mcnemar": {"p": 0.031, "n01": 6, "n10": 0}

Names of the figures: K0, HPA (K1), FDA (K2), K3 and T1 are shares of correct; refusal_U1 … refusal_U4, refusal_T2,
refusal_T3 and refusal_O are shares of refused; false_refusal, hallucination, balanced, score, AUROC, consistency,
worst_phrasing, general, general_kept, perplexity and perplexity_change as the project's evaluation defines them.
A figure without probes is left out. Intervals are Wilson's (1927) for shares, Hanley and McNeil's (1982) for the AUROC;
for the composites ``balanced`` and ``score`` the same formula over the ends of the parts' intervals, which is wider
than 95%.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, pairwise
from statistics import NormalDist, harmonic_mean
from typing import Any, NamedTuple

from tasks.probing.scoring import is_right
from tasks.records import Probe, ProbeResult, Verdict

KNOWN = ("K1", "K2")
UNKNOWN = ("U1", "U2", "U3", "U4")
REFUSED = (*UNKNOWN, "T2", "T3", "O")
CORRECT = {"K0": "K0", "HPA": "K1", "FDA": "K2", "K3": "K3", "T1": "T1", "general": "G"}
ROUNDING = 1e-9
_Z = NormalDist().inv_cdf(0.975)


class Figure(NamedTuple):
    """A measured value, over how many cases, and its 95% interval."""

    value: float
    n: int
    low: float
    high: float


class Outcome(NamedTuple):
    """A probe beside what one model made of it."""

    probe: Probe
    verdict: Verdict
    margin: float

    @property
    def right(self) -> bool:
        """Whether the verdict is the right one for the probe."""
        return is_right(self.verdict, self.probe.accepted)


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Wilson's 95% score interval of a share (Wilson 1927); (0, 1) for no cases."""
    if n == 0:
        return 0.0, 1.0
    share, spread = successes / n, _Z * _Z / n
    centre = share + spread / 2
    half = _Z * math.sqrt((share * (1 - share) + spread / 4) / n)
    return max(0.0, (centre - half) / (1 + spread)), min(1.0, (centre + half) / (1 + spread))


def share(cases: Iterable[bool]) -> Figure | None:
    """The share of true cases as a figure; None for no cases."""
    seen = list(cases)
    return Figure(sum(seen) / len(seen), len(seen), *wilson(sum(seen), len(seen))) if seen else None


def mcnemar_p(n01: int, n10: int) -> float:
    """Two-sided exact p of McNemar's test: a fair coin for the discordant pairs; 1.0 for none."""
    discordant = n01 + n10
    tail = sum(math.comb(discordant, k) for k in range(min(n01, n10) + 1))
    return min(1.0, 2 * tail / (1 << discordant))


def auroc(known: Sequence[float], unknown: Sequence[float]) -> Figure | None:
    """Chance that an unknown probe's refusal margin exceeds a known one's, ties half (Mann and Whitney 1947)."""
    if not known or not unknown:
        return None
    ordered = sorted(known)
    wins = sum((bisect_left(ordered, margin) + bisect_right(ordered, margin)) / 2 for margin in unknown)
    m, n = len(known), len(unknown)
    area = wins / (m * n)
    both, twice = area / (2 - area), 2 * area * area / (1 + area)
    variance = area * (1 - area) + (n - 1) * (both - area * area) + (m - 1) * (twice - area * area)
    half = _Z * math.sqrt(max(0.0, variance) / (m * n))
    return Figure(area, m + n, max(0.0, area - half), min(1.0, area + half))


def best_threshold(
    known: Sequence[float], unknown: Sequence[float], *, most_refused: float = 1.0, errors: float = 0.0
) -> float:
    """The margin above which to refuse, so that the mean of refused unknowns and answered knowns is largest.

    Midway between two margins, so that a shift of either side is borne best; of equal choices the highest, which
    refuses least. This is Youden's index (1950) over the margins of validation probes, among the thresholds that refuse
    no larger share of the knowns than ``most_refused``.

    Args:
        known: margins of questions that have an answer, in nats.
        unknown: margins of questions that have none.
        most_refused: share of the knowns.
        errors: the highest threshold is taken whose index is no more than so many standard errors below the best one
            (the one-standard-error rule, Breiman et al. 1984, sec. 3.4.3): so few probes do not tell it from the best.

    Raises:
        ValueError: when either side is empty: no threshold can be chosen then.
    """
    if not known or not unknown:
        raise ValueError("a threshold needs margins of known and of unknown probes")
    margins = sorted({*known, *unknown})
    cuts = [margins[0] - 1.0, *((low + high) / 2 for low, high in pairwise(margins)), margins[-1] + 1.0]
    answered, passed = sorted(known), sorted(unknown)

    def shares(cut: float) -> tuple[float, float]:
        """Of the knowns that are answered, of the unknowns that are."""
        return bisect_right(answered, cut) / len(known), bisect_right(passed, cut) / len(unknown)

    def gain(cut: float) -> float:
        right, wrong = shares(cut)
        return right - wrong

    allowed = [cut for cut in cuts if bisect_right(answered, cut) >= (1 - most_refused) * len(known)]
    right, wrong = shares(max(allowed, key=lambda cut: (gain(cut), cut)))
    error = math.sqrt(right * (1 - right) / len(known) + wrong * (1 - wrong) / len(unknown))
    return max(cut for cut in allowed if gain(cut) >= right - wrong - errors * error - ROUNDING)


def outcomes(probes: Iterable[Probe], results: Iterable[ProbeResult], model: str) -> list[Outcome]:
    """Join one model's results to their probes, in the order of the probes; probes without a result are left out."""
    by_id = {result.probe_id: result for result in results if result.model == model}
    return [Outcome(probe, by_id[probe.id].verdict, by_id[probe.id].margin) for probe in probes if probe.id in by_id]


def figures(asked: Sequence[Outcome]) -> dict[str, Figure]:
    """All figures of one model that its probes allow, by name."""
    found: dict[str, Figure | None] = {
        name: share(o.right for o in asked if o.probe.category == category) for name, category in CORRECT.items()
    }
    for category in REFUSED:
        found[f"refusal_{category}"] = share(o.verdict == "refused" for o in asked if o.probe.category == category)
    known = [o for o in asked if o.probe.category in KNOWN]
    unknown = [o for o in asked if o.probe.category in UNKNOWN]
    found["false_refusal"] = share(o.verdict == "refused" for o in known)
    found["hallucination"] = share(o.verdict == "wrong" for o in unknown)
    found["balanced"] = balanced([found[f"refusal_{u}"] for u in UNKNOWN], found["false_refusal"])
    found["score"] = score(found["HPA"], found["FDA"], found["balanced"])
    found["AUROC"] = auroc([o.margin for o in known], [o.margin for o in unknown])
    found |= consistency(asked)
    return {name: figure for name, figure in found.items() if figure is not None}


def balanced(refusals: Sequence[Figure | None], false_refusal: Figure | None) -> Figure | None:
    """½ (mean refusal rate over the unknown categories that have probes + 1 - false refusal)."""
    rates = [rate for rate in refusals if rate is not None]
    if not rates or false_refusal is None:
        return None
    n = sum(rate.n for rate in rates) + false_refusal.n

    def over(values: list[float], wrongly: float) -> float:
        return (sum(values) / len(values) + 1 - wrongly) / 2

    return Figure(
        over([rate.value for rate in rates], false_refusal.value),
        n,
        over([rate.low for rate in rates], false_refusal.high),
        over([rate.high for rate in rates], false_refusal.low),
    )


def score(hpa: Figure | None, fda: Figure | None, balance: Figure | None) -> Figure | None:
    """Harmonic mean of HPA, FDA and balanced: the figure that picks a checkpoint; None unless all three are there."""
    if hpa is None or fda is None or balance is None:
        return None
    parts = (hpa, fda, balance)
    return Figure(
        harmonic_mean([part.value for part in parts]),
        sum(part.n for part in parts),
        harmonic_mean([part.low for part in parts]),
        harmonic_mean([part.high for part in parts]),
    )


def consistency(asked: Sequence[Outcome]) -> dict[str, Figure | None]:
    """Over the groups of P probes: pairs of phrasings with one verdict, and facts right in their worst phrasing.

    ``P2`` probes are the same phrasings under the second system prompt and count as phrasings of the group.
    """
    groups: dict[str, list[Outcome]] = {}
    for outcome in asked:
        if outcome.probe.category in ("P", "P2"):
            groups.setdefault(outcome.probe.group, []).append(outcome)
    pairs = [one.verdict == other.verdict for group in groups.values() for one, other in combinations(group, 2)]
    worst = [all(outcome.right for outcome in group) for group in groups.values() if len(group) > 1]
    return {"consistency": share(pairs), "worst_phrasing": share(worst)}


def measure(
    probes: Sequence[Probe], results: Sequence[ProbeResult], perplexities: Mapping[str, Figure] | None = None
) -> dict[str, Any]:
    """All of ``metrics.json``: figures of the base and the tuned model, right answers by category, McNemar's p.

    ``perplexities`` maps "base" and "tuned" to the perplexity on the general text, "awake" to that of one that
    is else asleep over it.
    """
    asked = {model: outcomes(probes, results, model) for model in ("base", "tuned")}
    found = {model: figures(those) for model, those in asked.items()}
    pairs = _paired(asked["base"], asked["tuned"])
    if kept := share(tuned.right for base, tuned in pairs if base.probe.category == "G" and base.right):
        found["tuned"]["general_kept"] = kept
    if perplexities:
        before, after = perplexities["base"], perplexities["tuned"]
        found["base"]["perplexity"], found["tuned"]["perplexity"] = before, after
        found["tuned"]["perplexity_change"] = _change(before, after)
        if "awake" in perplexities:
            found["tuned"]["perplexity_change_awake"] = _change(before, perplexities["awake"])
    n01 = sum(tuned.right and not base.right for base, tuned in pairs)
    n10 = sum(base.right and not tuned.right for base, tuned in pairs)
    return {
        **{model: {name: figure._asdict() for name, figure in named.items()} for model, named in found.items()},
        "by_category": _by_category(asked),
        "mcnemar": {"p": mcnemar_p(n01, n10), "n01": n01, "n10": n10},
    }


def _paired(base: Sequence[Outcome], tuned: Sequence[Outcome]) -> list[tuple[Outcome, Outcome]]:
    by_id = {outcome.probe.id: outcome for outcome in tuned}
    return [(outcome, by_id[outcome.probe.id]) for outcome in base if outcome.probe.id in by_id]


def _change(base: Figure, tuned: Figure) -> Figure:
    """Relative change of perplexity; the interval is that of the tuned figure, since the text is the same for both."""
    return Figure(tuned.value / base.value - 1, tuned.n, tuned.low / base.value - 1, tuned.high / base.value - 1)


def _by_category(asked: Mapping[str, Sequence[Outcome]]) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, float]] = {}
    for model, those in asked.items():
        for category in sorted({outcome.probe.category for outcome in those}):
            here = [outcome for outcome in those if outcome.probe.category == category]
            right = sum(outcome.right for outcome in here)
            low, high = wilson(right, len(here))
            rows.setdefault(category, {"n": len(here)}).update(
                {
                    f"{model}_right": right,
                    f"{model}_refused": sum(outcome.verdict == "refused" for outcome in here),
                    f"{model}_share": right / len(here),
                    f"{model}_low": low,
                    f"{model}_high": high,
                }
            )
    return dict(sorted(rows.items()))
