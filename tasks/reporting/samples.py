"""Many rows turn into a few that stand for them: ten pairs, a few rejects a reason.

    round_robin(pairs, by=lambda pair: pair.form, count=10)     one of each form in turn, the same ten on every machine

Rows carry content-derived ids, so that "smallest id first" is a draw that no one chose and that repeats.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import TypeVar

from tasks.records import Document, Pair, Rejection

Row = TypeVar("Row")

CONTEXT = 160  # characters of the document shown on either side of an evidence span


@dataclass(frozen=True, slots=True)
class Sample:
    """A pair with its evidence cut out of the document: text before, evidence up to the answer, answer, rest, after."""

    pair: Pair
    before: str = ""
    lead: str = ""
    answer: str = ""
    rest: str = ""
    after: str = ""
    where: str = ""


def round_robin(rows: Iterable[Row], *, by: Callable[[Row], str], count: int) -> list[Row]:
    """Take rows from each group in turn (groups by name, rows as given) until there are ``count``."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(by(row), []).append(row)
    turns = zip_longest(*(groups[name] for name in sorted(groups)))
    return list(islice((row for row in chain.from_iterable(turns) if row is not None), count))


def with_evidence(pair: Pair, document: Document | None) -> Sample:
    """Cut the evidence of a pair out of its document, the answer within it apart."""
    if document is None or pair.evidence_start < 0:
        return Sample(pair)
    start, end, text = pair.evidence_start, pair.evidence_end, document.text
    evidence = text[start:end]
    found = re.search(re.escape(pair.answer), evidence, re.IGNORECASE) if pair.answer else None
    first, last = found.span() if found else (len(evidence), len(evidence))
    return Sample(
        pair,
        before=_tail(text[max(0, start - CONTEXT) : start]),
        lead=evidence[:first],
        answer=evidence[first:last],
        rest=evidence[last:],
        after=_head(text[end : end + CONTEXT]),
        where=document.section_at(start),
    )


def sample_pairs(pairs: list[Pair], documents: Iterable[Document], count: int = 10) -> list[Sample]:
    """Ten pairs, one of each form in turn, each with its evidence."""
    by_source = {document.source: document for document in documents}
    drawn = round_robin(
        sorted(pairs, key=lambda pair: pair.id), by=lambda pair: f"{pair.kind} {pair.form}", count=count
    )
    return [with_evidence(pair, by_source.get(pair.source)) for pair in drawn]


def sample_rejects(rejections: Iterable[Rejection], count: int = 5) -> dict[tuple[str, str], list[Rejection]]:
    """The first few rejections of every stage and reason."""
    shown: dict[tuple[str, str], list[Rejection]] = {}
    for rejection in rejections:
        rows = shown.setdefault((rejection.stage, rejection.reason), [])
        if len(rows) < count:
            rows.append(rejection)
    return shown


def _tail(text: str) -> str:
    """Keep what follows the last paragraph break, cut at a word."""
    last = text.rsplit("\n\n", 1)[-1]
    return last if len(last) < CONTEXT else "… " + last.split(" ", 1)[-1]


def _head(text: str) -> str:
    """Keep what precedes the first paragraph break, cut at a word."""
    first = text.split("\n\n", 1)[0]
    return first if len(first) < CONTEXT else first.rsplit(" ", 1)[0] + " …"
