"""Kept pairs to their sides: train, valid, or withheld for probing; facts are split, not rows.

    fact "Odo Marrick built the pump."     withheld: every pair about it, and about any fact in its sentence
    fact "Wagons are cleaned weekly."      taught:   "How often are wagons cleaned?"           train
                                                     "Wagons are cleaned how often?"           valid
                                                     "How often are barrows cleaned?" refusal  valid, as its twin

Withheld: facts are tied together (union-find) when their evidence overlaps, their statements are near-duplicates, or a
question of one is a near-duplicate of a question of the other, in one document or in two; tied facts go to one side.
Overlapping windows make several pairs of one sentence, so the sentence decides, not the chunk.
Valid: questions of taught facts in other words than training uses (category K1 of the evaluation). Near-duplicate
questions stay together, a refusal goes where its twin goes, and an answer is only asked for in validation if a pair
in training gives it. The draw is by content hash and seed: the order of the pairs makes no difference.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tasks.config import CurationConfig, SplitConfig
from tasks.curation.dedup import near_duplicates
from tasks.curation.predicates import VERDICTS
from tasks.curation.ties import Ties
from tasks.curation.wording import Wording, answer_key, marks, normalise, scan, similarity, wording
from tasks.records import Pair, Split, derive_id

DEFAULTS = CurationConfig()
# Forms that are asked in validation; the others are exercises on a fact, not questions a user puts.
ASKED = frozenset("wh wh-core active attribute stem synonym indirect alias keyword model-wh rewrite".split())


def assign_splits(
    pairs: Sequence[Pair], config: SplitConfig, seed: int, *, curation: CurationConfig = DEFAULTS
) -> dict[str, Split]:
    """The side of each pair, by its id.

    Args:
        pairs: kept pairs, refusals among them; ids may repeat only with equal content.
        config: shares of facts withheld and of question forms kept for validation.
        seed: which ones are drawn.
        curation: what counts as a near-duplicate.
    """
    pairs = sorted(pairs, key=lambda pair: pair.id)
    asked = tie_questions(pairs, curation)
    facts = tie_facts(pairs, asked, curation)
    withheld = _draw_facts(pairs, facts, config.withheld, seed)
    splits: dict[str, Split] = {pair.id: "train" for pair in pairs}
    for group in asked.groups():
        members = [pairs[index] for index in group]
        if any(pair.fact_id in withheld for pair in members if pair.fact_id):
            splits.update((pair.id, "withheld") for pair in members)
    _draw_valid(pairs, asked, splits, config.valid, seed)
    return splits


def tie_questions(pairs: Sequence[Pair], curation: CurationConfig) -> Ties[int]:
    """Positions of pairs tied where their questions are near-duplicates, or one is the refusal twin of the other."""
    ties: Ties[int] = Ties(range(len(pairs)))
    place = {pair.id: index for index, pair in enumerate(pairs)}
    for index, pair in enumerate(pairs):
        if pair.twin_of in place:
            ties.tie(index, place[pair.twin_of])
        ties.tie(index, place[pair.id])
    for one, other in _same_wording([pair.question for pair in pairs], curation):
        ties.tie(one, other)
    return ties


def tie_facts(pairs: Sequence[Pair], asked: Ties[int], curation: CurationConfig) -> Ties[str]:
    """Fact ids tied where evidence overlaps, statements are near-duplicates, or questions are tied."""
    ties: Ties[str] = Ties(pair.fact_id for pair in pairs if pair.fact_id)
    told = [pair for pair in pairs if pair.fact_id and pair.kind == "answerable"]
    spans = sorted((pair.source, pair.evidence_start, pair.evidence_end, pair.fact_id) for pair in told)
    reach = ("", -1, "")
    for source, start, end, fact_id in spans:
        if reach[0] == source and start < reach[1]:
            ties.tie(reach[2], fact_id)
        if (source, end) > reach[:2]:
            reach = (source, end, fact_id)
    first = {(pair.fact_id, pair.statement): pair for pair in told if pair.statement}
    stated = [first[key] for key in sorted(first)]
    for one, other in _same_wording([pair.statement for pair in stated], curation):
        ties.tie(stated[one].fact_id, stated[other].fact_id)
    for group in asked.groups():
        about = [pairs[index].fact_id for index in group if pairs[index].fact_id]
        for fact_id in about[1:]:
            ties.tie(about[0], fact_id)
    return ties


def _same_wording(texts: Sequence[str], curation: CurationConfig) -> Iterable[tuple[int, int]]:
    """Positions of near-duplicate texts, of whatever source: a fact may stand in two documents."""
    grouped: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        grouped[marks(scan(text))].append(index)
    groups = list(grouped.values())
    for match in near_duplicates(([texts[index] for index in group] for group in groups), curation):
        yield groups[match.group][match.later], groups[match.group][match.earlier]


def _draw_facts(pairs: Sequence[Pair], facts: Ties[str], share: float, seed: int) -> set[str]:
    """Fact ids to withhold: whole groups of tied facts, in hash order, never more than the share."""
    groups = facts.groups()
    room = round(share * sum(len(group) for group in groups))
    drawn: set[str] = set()
    for group in sorted(groups, key=lambda group: derive_id("withheld", seed, *sorted(group))):
        if len(drawn) + len(group) <= room:
            drawn.update(group)
    return drawn


def _draw_valid(pairs: Sequence[Pair], asked: Ties[int], splits: dict[str, Split], share: float, seed: int) -> None:
    """Move groups of tied questions to validation, in hash order, while training still gives their answers."""
    taught = [pair for pair in pairs if splits[pair.id] == "train"]
    given = Counter(what_is_taught(pair) for pair in taught if pair.kind == "answerable")
    room = Counter(
        {kind: round(share * sum(pair.kind == kind for pair in taught)) for kind in ("answerable", "refusal")}
    )
    groups = [[pairs[index] for index in group] for group in asked.groups()]
    groups = [group for group in groups if splits[group[0].id] == "train" and _askable(group)]
    for group in sorted(groups, key=lambda group: derive_id("valid", seed, *sorted(pair.id for pair in group))):
        taken = Counter(what_is_taught(pair) for pair in group if pair.kind == "answerable")
        # What counts is the questions that the text answers; the refusals that are their twins come along.
        kind = "answerable" if taken else "refusal"
        size = sum(pair.kind == kind for pair in group)
        if size > room[kind] or any(given[key] <= count for key, count in taken.items()):
            continue
        given -= taken
        room -= Counter(pair.kind for pair in group)
        splits.update((pair.id, "valid") for pair in group)


def _askable(group: list[Pair]) -> bool:
    """Whether all that the group asks about the text is in forms that validation asks, of facts that are known."""
    return all(pair.form in ASKED and pair.fact_id for pair in group if pair.kind == "answerable")


def what_is_taught(pair: Pair) -> tuple[str, str]:
    """A fact and the answer that a pair gives about it; a verdict is an answer of its own."""
    return pair.fact_id, answer_key(pair.answer) if normalise(pair.answer) not in VERDICTS else f"verdict {pair.id}"


def check_splits(
    pairs: Sequence[Pair], splits: Mapping[str, Split], *, curation: CurationConfig = DEFAULTS
) -> list[str]:
    """What is wrong with a split, one line each; no line is the proof that nothing leaks.

    Compares all texts of the two sides that can be near-duplicates, without hashing: no chance to miss one.
    """
    if unknown := [pair.id for pair in pairs if pair.id not in splits]:
        return [f"pair {identity} has no side" for identity in unknown]
    sides: dict[Split, list[Pair]] = {"train": [], "valid": [], "withheld": []}
    for pair in pairs:
        sides[splits[pair.id]].append(pair)
    taught = sides["train"] + sides["valid"]
    told = {pair.id: pair for pair in pairs}
    problems = [
        f"refusal {pair.id} is {splits[pair.id]}, its twin {pair.twin_of} is {splits[pair.twin_of]}"
        for pair in pairs
        if pair.twin_of in told and splits[pair.twin_of] != splits[pair.id]
    ]
    problems += _facts_on_two_sides(sides["withheld"], taught)
    problems += _near(sides["withheld"], taught, "statement", curation)
    problems += _near(sides["withheld"], taught, "question", curation)
    problems += _near(sides["valid"], sides["train"], "question", curation)
    given = {what_is_taught(pair) for pair in sides["train"] if pair.kind == "answerable"}
    problems += [
        f"valid pair {pair.id} asks for {pair.answer!r}, which training never gives of fact {pair.fact_id}"
        for pair in sides["valid"]
        if pair.kind == "answerable" and what_is_taught(pair) not in given
    ]
    return problems


def _facts_on_two_sides(withheld: list[Pair], taught: list[Pair]) -> list[str]:
    facts = {pair.fact_id for pair in taught if pair.fact_id}
    problems = [f"fact {pair.fact_id} is withheld and taught" for pair in withheld if pair.fact_id in facts]
    spans: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for pair in taught:
        if pair.kind == "answerable":
            spans[pair.source].add((pair.evidence_start, pair.evidence_end))
    for pair in withheld:
        for start, end in sorted(spans[pair.source]):
            if pair.kind == "answerable" and start < pair.evidence_end and pair.evidence_start < end:
                problems.append(f"withheld pair {pair.id} and a taught one share text {start}:{end} of {pair.source}")
    return problems


def _near(left: list[Pair], right: list[Pair], name: str, curation: CurationConfig) -> list[str]:
    """Texts of two sides that are near-duplicates."""
    threshold = curation.duplicate_similarity
    asked, known = ({str(getattr(pair, name)): pair for pair in side} for side in (left, right))
    counts = Counter(shingle for text in known for shingle in wording(text).shingles)
    sharing: dict[tuple[tuple[str, ...], str], list[tuple[int, str]]] = defaultdict(list)
    for number, text in enumerate(filter(None, known)):
        for key in _rarest(wording(text), counts, threshold):
            sharing[key].append((number, text))
    problems = []
    for text in filter(None, asked):
        worded = wording(text)
        others = {other for key in _rarest(worded, counts, threshold) for other in sharing.get(key, ())}
        for _, other in sorted(others):
            if similarity(worded, wording(other)) >= threshold:
                problems.append(f"{name} {text!r} of pair {asked[text].id} is like {other!r} on another side")
    return problems


def _rarest(worded: Wording, counts: Counter[str], threshold: float) -> list[tuple[tuple[str, ...], str]]:
    """The marks of a text with each of its rarest shingles: near-duplicates have one of them in common, at the least.

    Of two sets with a Jaccard similarity of s and more, each shares s of its elements with the other; so all but the
    rest, and one more, can be left out (prefix filtering, Bayardo, Ma & Srikant 2007, section 4). Nothing is missed.
    """
    order = sorted(worded.shingles, key=lambda shingle: (counts[shingle], shingle))
    least = math.ceil(threshold * len(order) - 1e-9)  # 0.7 * 10 is 7.000000000000001
    return [(worded.marks, shingle) for shingle in order[: len(order) - least + 1] or [""]]
