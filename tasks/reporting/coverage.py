"""Sentences of a document turn into painted sentences: how many questions each one got.

    paint(document, pairs, facts)  ->  [Painted(0, 42, questions=7, askable=True), Painted(43, 58, 0, True), …]
    histogram(painted)             ->  {"0": 1, "1 to 3": 0, "4 to 7": 1, "8 to 15": 0, "16 or more": 0}
    bare_facts(facts, pairs, …)    ->  [Bare(fact "Those that pass are stamped …", "too many new words")]

A question counts for every sentence that its evidence touches. A sentence that no fact touches (a heading, a table
of contents) is not askable and not counted. Offsets are code points; ``utf16`` turns them into the browser's.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tasks.corpus.sentences import split_sentences
from tasks.records import Document, Fact, Pair, Rejection

# (fewest questions, name): steps double, as what a model learns of a fact grows with the logarithm of its forms.
STEPS = ((0, "0"), (1, "1 to 3"), (4, "4 to 7"), (8, "8 to 15"), (16, "16 or more"))


@dataclass(frozen=True, slots=True)
class Painted:
    """A sentence's span and the number of questions about it."""

    start: int
    end: int
    questions: int
    askable: bool


@dataclass(frozen=True, slots=True)
class Bare:
    """A fact that got no question, and the reason of the last one that was rejected; "" when none was made."""

    fact: Fact
    reason: str


def bare_facts(
    facts: Iterable[Fact],
    pairs: Iterable[Pair],
    rejections: Iterable[Rejection],
    about: Mapping[str, tuple[str, ...]],
) -> list[Bare]:
    """The facts without a question of their own, in the order of the ledger.

    Args:
        facts: the ledger.
        pairs: those kept.
        rejections: those not kept, as written.
        about: the facts that a rejected candidate or completion was about, by its id.
    """
    asked = {pair.fact_id for pair in pairs if pair.kind == "answerable"}
    reasons = {fact: rejection.reason for rejection in rejections for fact in about.get(rejection.ref, ())}
    return [Bare(fact, reasons.get(fact.id, "")) for fact in facts if fact.id not in asked]


def step(questions: int) -> int:
    """The position in ``STEPS`` that a number of questions falls into."""
    return bisect_right([fewest for fewest, _ in STEPS], questions) - 1


def paint(document: Document, pairs: Iterable[Pair], facts: Iterable[Fact] | None) -> list[Painted]:
    """Count the questions of each sentence; with ``facts`` None every sentence is askable."""
    spans = split_sentences(document.text)
    counts = _touched(spans, ((p.evidence_start, p.evidence_end) for p in pairs if _is_about(p, document)))
    if facts is None:
        return [Painted(start, end, count, True) for (start, end), count in zip(spans, counts, strict=True)]
    stated = _touched(spans, ((fact.start, fact.end) for fact in facts if fact.document_id == document.id))
    return [
        Painted(start, end, count, bool(count or facts_here))
        for (start, end), count, facts_here in zip(spans, counts, stated, strict=True)
    ]


def histogram(painted: Iterable[Painted]) -> dict[str, int]:
    """Askable sentences by step of questions."""
    bins = [0] * len(STEPS)
    for sentence in painted:
        if sentence.askable:
            bins[step(sentence.questions)] += 1
    return {name: count for (_, name), count in zip(STEPS, bins, strict=True)}


def utf16(text: str, offsets: Iterable[int]) -> list[int]:
    """Turn code point offsets into UTF-16 offsets, which is how a browser counts (U+1D11E is 1 here, 2 there)."""
    if text.isascii():
        return list(offsets)
    astral = [position for position, char in enumerate(text) if ord(char) > 0xFFFF]
    return [offset + bisect_left(astral, offset) for offset in offsets]


def _is_about(pair: Pair, document: Document) -> bool:
    return pair.kind == "answerable" and pair.source == document.source and pair.evidence_start >= 0


def _touched(spans: list[tuple[int, int]], ranges: Iterable[tuple[int, int]]) -> list[int]:
    """Count for each of the sorted, disjoint spans the ranges that overlap it."""
    starts = [start for start, _ in spans]
    ends = [end for _, end in spans]
    counts = [0] * len(spans)
    for start, end in ranges:
        for position in range(bisect_right(ends, start), bisect_left(starts, end)):
            counts[position] += 1
    return counts
