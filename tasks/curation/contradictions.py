"""Pairs to the ones that another pair contradicts: one question, one source, two answers that cannot both be right.

    "Who built the pump?"  "Odo Marrick"   rule, verbatim in its sentence      kept
    "who built the pump"   "Ada Lorn"      a model's, three words of five      contradicts-another
    "Who built the pump?"  refusal         the text answers it                 contradicts-another

The better grounded answer stays: verbatim in its evidence before in parts, made by rule before by a model. Where
two are grounded alike, the question does not say which of two facts it asks for, and all of them go: a small model that
is taught both answers learns neither. Several forms and longer answers ("22", "22 stokers") are no contradiction.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tasks.curation.wording import compatible, normalise
from tasks.records import Pair

REASON = "contradicts-another"


class Finding(NamedTuple):
    """Why something was dropped: the reason that is counted, and what was found where."""

    reason: str
    detail: str


def contradictions(pairs: Sequence[Pair], texts: Mapping[str, str]) -> dict[int, Finding]:
    """The positions of contradicted pairs, each with the pair it contradicts.

    Args:
        pairs: pairs that passed every other filter.
        texts: the document text behind each source tag.
    """
    asked: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, pair in enumerate(pairs):
        asked[pair.source, normalise(pair.question)].append(index)
    found: dict[int, Finding] = {}
    for group in asked.values():
        if len(group) > 1:
            found |= _within([(index, pairs[index]) for index in group], texts)
    return found


def _within(group: list[tuple[int, Pair]], texts: Mapping[str, str]) -> dict[int, Finding]:
    clusters = _by_answer(group)
    if len(clusters) < 2:
        return {}
    ranked = sorted(clusters, key=lambda cluster: _strength(cluster, texts), reverse=True)
    best = ranked[0]
    tied = _strength(best, texts) == _strength(ranked[1], texts)
    losers = ranked if tied else ranked[1:]
    found = {}
    for cluster in losers:
        rival = (ranked[1] if cluster is best else best)[0][1]
        for index, pair in cluster:
            detail = f"{pair.answer!r} against {rival.answer!r} of pair {rival.id}, for: {pair.question}"
            found[index] = Finding(REASON, detail)
    return found


def _by_answer(group: list[tuple[int, Pair]]) -> list[list[tuple[int, Pair]]]:
    """Pairs whose answers go together; all refusals are one answer."""
    clusters: list[list[tuple[int, Pair]]] = []
    for item in sorted(group, key=lambda item: (item[1].answer, item[1].id)):
        fitting = [cluster for cluster in clusters if any(_agree(item[1], other) for _, other in cluster)]
        merged = [item] + [member for cluster in fitting for member in cluster]
        clusters = [cluster for cluster in clusters if cluster not in fitting] + [merged]
    return clusters


def _agree(first: Pair, second: Pair) -> bool:
    if first.kind != second.kind:
        return False
    return first.kind == "refusal" or compatible(first.answer, second.answer)


def _strength(cluster: list[tuple[int, Pair]], texts: Mapping[str, str]) -> tuple[bool, bool, bool]:
    return max(_grounding(pair, texts.get(pair.source, "")) for _, pair in cluster)


def _grounding(pair: Pair, document: str) -> tuple[bool, bool, bool]:
    evidence = document[pair.evidence_start : pair.evidence_end] if pair.kind == "answerable" else ""
    verbatim = f" {normalise(pair.answer)} " in f" {normalise(evidence)} "
    return pair.kind == "answerable", verbatim, pair.generator == "rule"
