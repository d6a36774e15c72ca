"""Pairs to kept pairs, and a reason for every other.

    Pair(question="When did he buy it?", answer="1829", ...)
      -> Rejection(stage="filter", reason="unresolved-reference", excerpt="'he' in: When did he buy it?")

``judge`` gives the first reason, cheapest predicate first; ``filter_pairs`` adds the one reason that takes two pairs,
``contradicts-another``. ``sift`` streams: it holds one pair at a time.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tasks.config import CurationConfig
from tasks.curation.contradictions import Finding, contradictions
from tasks.curation.predicates import (
    Case,
    answer_echoes_question,
    answer_length,
    answer_not_in_evidence,
    control_tokens,
    malformed,
    no_evidence,
    not_a_question,
    question_length,
    refers_to_the_passage,
    trivial,
    unresolved_reference,
    wrong_language,
)
from tasks.errors import CorpusError
from tasks.records import Document, Pair, Rejection

STAGE = "filter"
EXCERPT = 240


class Check(NamedTuple):
    """A predicate and the reason it gives."""

    reason: str
    found: Callable[[Case], str]


# What needs only the pair's own text: used on imported examples too.
TEXT_CHECKS = (
    Check("malformed", malformed),
    Check("control-tokens", control_tokens),
    Check("question-length", question_length),
    Check("answer-length", answer_length),
    Check("not-a-question", not_a_question),
    Check("wrong-language", wrong_language),
    Check("refers-to-the-passage", refers_to_the_passage),
    Check("unresolved-reference", unresolved_reference),
    Check("answer-echoes-question", answer_echoes_question),
    Check("trivial", trivial),
)
CHECKS = (*TEXT_CHECKS, Check("no-evidence", no_evidence), Check("answer-not-in-evidence", answer_not_in_evidence))


def examine(
    pair: Pair, document_text: str, config: CurationConfig, checks: tuple[Check, ...] = CHECKS
) -> Finding | None:
    """The first thing wrong with a pair, with what was found where; None when nothing is."""
    case = Case(pair, document_text, config)
    for check in checks:
        if detail := check.found(case):
            return Finding(check.reason, detail)
    return None


def judge(pair: Pair, document_text: str, config: CurationConfig) -> str | None:
    """The reason to reject a pair, or None."""
    finding = examine(pair, document_text, config)
    return finding.reason if finding else None


def sift(pairs: Iterable[Pair], documents: Iterable[Document], config: CurationConfig) -> Iterator[Pair | Rejection]:
    """Judge pairs one by one, in a stream: each comes out as itself or as its rejection.

    Raises:
        CorpusError: when two documents share a source tag, so that a pair's text is not known.
    """
    texts = texts_by_source(documents)
    for pair in pairs:
        finding = examine(pair, texts.get(pair.source, ""), config)
        yield pair if finding is None else rejection(pair, finding)


def filter_pairs(
    pairs: Iterable[Pair], documents: Iterable[Document], config: CurationConfig
) -> tuple[list[Pair], list[Rejection]]:
    """Split pairs into kept and rejected, in the order given; every pair lands on exactly one side.

    Raises:
        CorpusError: when two documents share a source tag.
    """
    documents = list(documents)
    kept: list[Pair] = []
    rejections: list[Rejection] = []
    for judged in sift(pairs, documents, config):
        if isinstance(judged, Pair):
            kept.append(judged)
        else:
            rejections.append(judged)
    found = contradictions(kept, texts_by_source(documents))
    rejections.extend(rejection(pair, found[index]) for index, pair in enumerate(kept) if index in found)
    return [pair for index, pair in enumerate(kept) if index not in found], rejections


def texts_by_source(documents: Iterable[Document]) -> dict[str, str]:
    """The text behind each source tag."""
    texts: dict[str, str] = {}
    for document in documents:
        if texts.setdefault(document.source, document.text) is not document.text:
            raise CorpusError(f"Source:{document.source}: two texts have this tag; rename one of the files")
    return texts


def rejection(pair: Pair, finding: Finding, stage: str = STAGE) -> Rejection:
    """Write down why a pair was dropped."""
    return Rejection(stage, finding.reason, pair.id, finding.detail[:EXCERPT])
