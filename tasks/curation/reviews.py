"""Decisions and records turn into the records that hold: rejected ones gone, edited ones replaced, accepted ones safe.

    review_pairs([pair "Who built it?"], {reject it})  Reviewed([], rejections=[Rejection("review", "reviewer", …)])
    review_pairs([pair "Who built it?"], {edit it})    Reviewed([pair "Who built the pump?"], settled={its new id})

A settled pair (accepted or edited) passes by every heuristic: length, grounding, references, near-duplicates. It does
not pass by what keeps a run safe and sound: control tokens, and evidence that stands in the text.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from tasks.config import CurationConfig
from tasks.curation.contradictions import contradictions
from tasks.curation.decisions import Decision, Decisions, decision_key
from tasks.curation.dedup import drop_duplicates
from tasks.curation.filters import Check, examine, filter_pairs, rejection, texts_by_source
from tasks.curation.predicates import control_tokens, no_evidence
from tasks.records import Document, Kind, Pair, Probe, Rejection

STAGE = "review"
SETTLES = ("accept", "edit")
REASON = "reviewer"
GONE = "text changed"
SAFETY = (Check("control-tokens", control_tokens), Check("no-evidence", no_evidence))
EDITED = ", edited"
"""Ends the ``generator`` of an edited pair: the maker of the original stays named."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Pairs after the reviewer: ``parsed`` came in, ``settled`` are the ids accepted or edited."""

    parsed: int
    pairs: list[Pair] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)
    rejections: list[Rejection] = field(default_factory=list)


def review_pairs(
    pairs: Sequence[Pair], decisions: Decisions, *, known: Collection[str], stage: str = STAGE
) -> Reviewed:
    """Apply the decisions on pairs of one stage.

    Args:
        pairs: what the stage made.
        decisions: what the reviewer decided, on these pairs and others.
        known: what a settled pair that is not made again must stand on to be put back: ids of facts for an answerable
            pair, of twins for a refusal.
        stage: which stage the rejections are counted under.
    """
    made = {decision_key(pair) for pair in pairs}
    missing = put_back(decisions, made)
    reviewed = Reviewed(len(pairs) + len(missing))
    taken: set[str] = set()
    for pair in [*pairs, *missing]:
        key = decision_key(pair)
        decision = decisions.get(key)
        final = edited(pair, decision.changes) if decision is not None and decision.action == "edit" else pair
        settles = decision is not None and decision.action in SETTLES
        if decision is not None and decision.action == "reject":
            reviewed.rejections.append(Rejection(stage, REASON, pair.id, _excerpt(pair)))
        elif key not in made and not _stands(pair, known):
            reviewed.rejections.append(Rejection(stage, GONE, pair.id, _excerpt(pair)))
        elif final.id in taken and (settles or final.id in reviewed.settled):
            reviewed.rejections.append(Rejection(stage, "duplicate", pair.id, f"{final.id}: {_excerpt(final)}"))
        else:
            taken.add(final.id)
            reviewed.pairs.append(final)
            reviewed.settled.update([final.id] if settles else [])
    return reviewed


def put_back(decisions: Decisions, made: Collection[str]) -> list[Pair]:
    """The pairs settled before that are not made again; ``made`` are the keys of those that are."""
    return [_pair(each) for key, each in decisions.items() if key not in made and each.action in SETTLES]


def settled_keys(decisions: Decisions) -> set[str]:
    """The keys of accepted and edited pairs, in the wording that they have now."""
    settled = [each for each in decisions.values() if each.target == "pair" and each.action in SETTLES]
    return {
        decision_key(edited(_pair(each), each.changes) if each.action == "edit" else _pair(each)) for each in settled
    }


def _stands(pair: Pair, known: Collection[str]) -> bool:
    return pair.fact_id in known if pair.kind == "answerable" else not pair.twin_of or pair.twin_of in known


def edited(pair: Pair, changes: dict[str, Any]) -> Pair:
    """The pair with a reviewer's wording; where it came from stays, its id follows its new content."""
    values = {each.name: getattr(pair, each.name) for each in fields(pair) if each.name != "id"}
    return Pair.create(**values | changes | {"generator": pair.generator.removesuffix(EDITED) + EDITED})


def decisions_on(decisions: Decisions, kind: Kind) -> Decisions:
    """The decisions on pairs of one kind."""
    return {key: each for key, each in decisions.items() if each.original.get("kind") == kind}


def filter_reviewed(
    reviewed: Reviewed, documents: Iterable[Document], config: CurationConfig
) -> tuple[list[Pair], list[Rejection]]:
    """Filter pairs: settled ones for safety only, the others by every filter and against the settled ones."""
    documents = list(documents)
    texts = texts_by_source(documents)
    good, rejections = filter_pairs([p for p in reviewed.pairs if p.id not in reviewed.settled], documents, config)
    settled = replace(reviewed, pairs=[pair for pair in reviewed.pairs if pair.id in reviewed.settled])
    safe, unsafe = only_safe(settled, config, texts, stage="filter")
    rejections += unsafe
    if safe:  # whose wording and answer stand, so that what contradicts them goes
        found = contradictions([*good, *safe], texts)
        rejections += [rejection(pair, found[index]) for index, pair in enumerate(good) if index in found]
        good = [pair for index, pair in enumerate(good) if index not in found]
    kept = set(map(id, [*good, *safe]))  # the object, since equal candidates have equal pair ids
    return [pair for pair in reviewed.pairs if id(pair) in kept], rejections


def only_safe(
    reviewed: Reviewed, config: CurationConfig, texts: Mapping[str, str] | None = None, *, stage: str = "refusals"
) -> tuple[list[Pair], list[Rejection]]:
    """Split reviewed pairs into the safe ones and the rejected; pairs that are not settled count as safe.

    Args:
        reviewed: pairs of one stage.
        config: what the checks read.
        texts: the document text behind each source tag; refusals need none.
        stage: which stage the rejections are counted under.
    """
    kept, rejections = [], []
    for pair in reviewed.pairs:
        text = (texts or {}).get(pair.source, "")
        finding = examine(pair, text, config, SAFETY) if pair.id in reviewed.settled else None
        if finding is None:
            kept.append(pair)
        else:
            rejections.append(rejection(pair, finding, stage))
    return kept, rejections


def drop_other_duplicates(
    pairs: Sequence[Pair], settled: Collection[str], config: CurationConfig
) -> tuple[list[Pair], list[Rejection]]:
    """Drop near-duplicates, settled pairs excepted."""
    others, repeated = drop_duplicates(pairs, config)
    kept = set(map(id, others))
    return (
        [pair for pair in pairs if id(pair) in kept or pair.id in settled],
        [each for each in repeated if each.ref not in settled],
    )


def review_probes(probes: Iterable[Probe], decisions: Decisions) -> tuple[list[Probe], list[Rejection]]:
    """Apply the decisions on hand-written probes; an edited probe keeps its id and category."""
    kept, rejections = [], []
    for probe in probes:
        decision = decisions.get(decision_key(probe))
        if decision is not None and decision.action == "reject":
            rejections.append(Rejection("probe", REASON, probe.id, probe.question))
        elif decision is not None and decision.action == "edit":
            kept.append(edited_probe(probe, decision.changes))
        else:
            kept.append(probe)
    return kept, rejections


def is_rejected(pair: Pair, decisions: Decisions) -> bool:
    """Whether the reviewer rejected a pair: no probe is drawn from it either."""
    decision = decisions.get(decision_key(pair))
    return decision is not None and decision.action == "reject"


def edited_probe(probe: Probe, changes: dict[str, Any]) -> Probe:
    """The probe in a reviewer's wording."""
    accepted = changes.get("accepted", probe.accepted)
    return replace(probe, **changes | {"accepted": accepted if accepted is None else tuple(accepted)})


def _pair(decision: Decision) -> Pair:
    return Pair(**decision.original)


def _excerpt(pair: Pair) -> str:
    return f"{pair.question} {pair.answer}"[:240]
