"""Pairs that training did not see to probes: the generated part of the suite.

    held out:  Pair("When was the Badger last relined?", "1909", form="wh", source="heron")
    ->  K1  the question under its own tag                      accepted ("1909",)
        T1  … again;  T2  … under another document's tag;  T3  … under a tag of no document       accepted None
        P   its other held-out phrasings, tied by the group     accepted ("1909",)

Pairs of facts that were never taught give U4, refusal pairs U1, U2, U3 and O by their form. A probe that stands
too near a training question is dropped with the reason, K0 apart.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tasks.curation.wording import answer_key
from tasks.probing.probes import leaks, under_second_prompt
from tasks.records import Pair, Probe, Rejection, derive_id

DERIVED_FORMS = frozenset({"polar-yes", "polar-no", "true-false", "choice", "reverse", "comparison"})
# Not questions: asked as K0 at most.
GAP_FORMS = frozenset({"cloze", "completion", "statement"})
REFUSAL_CATEGORY = {
    "refusal-fictitious": "U1",
    "refusal-near-miss": "U2",
    "refusal-moved": "U2",
    "refusal-foreign": "U2",
    "refusal-unstated": "U3",
    "refusal-outside": "O",
}
PHRASINGS = 5


@dataclass(frozen=True, slots=True)
class Drawn:
    """The pairs that probes are drawn from. ``trained`` and ``held_out`` share facts, ``withheld`` shares none.

    ``refusals`` are best twins of held-out pairs: a twin of a trained pair differs from it by a name only, which is
    nearer than a probe may be.
    """

    trained: Sequence[Pair]
    held_out: Sequence[Pair]
    withheld: Sequence[Pair] = ()
    refusals: Sequence[Pair] = ()


def draw_probes(
    pairs: Drawn, *, tags: Sequence[str], unknown_tag: Callable[[str], str], limit: int, seed: int
) -> tuple[list[Probe], list[Rejection]]:
    """Draw at most ``limit`` probes of each category (phrasings for P), the same ones for the same seed.

    Args:
        pairs: what was trained and what was not; refusals come from the probing half of the invented names.
        tags: the tags of real documents, of this corpus or another; T2 takes one that is not the pair's own.
        unknown_tag: a tag of no document, drawn by the given key.
        limit: most probes of one category.
        seed: which ones are drawn.

    Returns:
        The probes, by category, and why others were dropped.
    """
    answerable = [pair for pair in pairs.trained if pair.kind == "answerable"]
    taught = {pair.fact_id for pair in answerable}
    held = [pair for pair in pairs.held_out if pair.kind == "answerable" and pair.form not in GAP_FORMS]
    candidates: list[Probe] = [_probe("K0", pair, pair.source) for pair in _ordered(answerable, seed)]
    for pair in _ordered(held, seed):
        candidates += _of_held_out(pair, taught, tags, unknown_tag)
    candidates += _phrasings(held, seed)
    asked = [pair for pair in pairs.withheld if pair.kind == "answerable" and pair.form not in GAP_FORMS]
    candidates += [_probe("U4", pair, pair.source, refuse=True) for pair in _ordered(asked, seed)]
    refusals = [pair for pair in pairs.refusals if pair.form in REFUSAL_CATEGORY]
    candidates += [_probe(REFUSAL_CATEGORY[p.form], p, p.source, refuse=True) for p in _ordered(refusals, seed)]
    return _kept(candidates, [pair.question for pair in pairs.trained], limit)


def _of_held_out(
    pair: Pair, taught: set[str], tags: Sequence[str], unknown_tag: Callable[[str], str]
) -> Iterable[Probe]:
    if pair.fact_id not in taught:
        yield _probe("K3", pair, pair.source)
        return
    if pair.form in DERIVED_FORMS:
        yield _probe("K2", pair, pair.source)
        return
    yield _probe("K1", pair, pair.source)
    yield _probe("T1", pair, pair.source)
    others = sorted(set(tags) - {pair.source})
    if others:
        yield _probe("T2", pair, others[int(pair.id, 16) % len(others)], refuse=True)
    yield _probe("T3", pair, unknown_tag(pair.id), refuse=True)


def _phrasings(held: Sequence[Pair], seed: int) -> list[Probe]:
    """Groups of two to five held-out phrasings of one fact with one answer."""
    groups: dict[str, list[Pair]] = {}
    for pair in _ordered(held, seed):
        if pair.form not in DERIVED_FORMS:
            groups.setdefault(derive_id("group", pair.fact_id, answer_key(pair.answer)), []).append(pair)
    return [
        _probe("P", pair, pair.source, group=group)
        for group, members in groups.items()
        if len(members) > 1
        for pair in members[:PHRASINGS]
    ]


def _kept(candidates: Sequence[Probe], trained: Sequence[str], limit: int) -> tuple[list[Probe], list[Rejection]]:
    leaking = leaks(candidates, trained)
    kept: dict[str, Probe] = {}
    counts: dict[str, int] = {}
    rejected: dict[str, Rejection] = {}
    for probe in candidates:
        if probe.id in leaking:
            rejected[probe.id] = Rejection("probe", "near a training question", probe.id, leaking[probe.id])
        elif probe.id not in kept and counts.get(probe.category, 0) < limit:
            kept[probe.id] = probe
            counts[probe.category] = counts.get(probe.category, 0) + 1
    members: dict[str, int] = {}
    for probe in kept.values():
        members[probe.group] = members.get(probe.group, 0) + 1
    for lone in [probe for probe in kept.values() if probe.group and members[probe.group] == 1]:
        del kept[lone.id]
        rejected[lone.id] = Rejection("probe", "no second phrasing", lone.id, lone.question)
    probes = [*kept.values(), *under_second_prompt(kept.values())]
    return sorted(probes, key=lambda probe: probe.category), list(rejected.values())


def _probe(category: str, pair: Pair, source: str, *, refuse: bool = False, group: str = "") -> Probe:
    """A probe whose id follows its category, question, tag and group."""
    probe_id = derive_id("probe", category, source, pair.question, group)
    return Probe(probe_id, category, pair.question, None if refuse else (pair.answer,), source, group)


def _ordered(pairs: Iterable[Pair], seed: int) -> list[Pair]:
    return sorted(pairs, key=lambda pair: derive_id(seed, pair.id))
