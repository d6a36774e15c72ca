"""Kept pairs to the refusals that go with them: drawn evenly over the kinds, judged like any pair, up to a share.

    300 answerable pairs, share 0.25  ->  100 refusals, and a Rejection for each one that was drawn and ruled out

A refusal passes the filters that need no evidence, asks nothing that an answerable pair of its source asks, and
repeats no other refusal. What is ruled out is made up for by the next one, so that the share is met while twins last.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from tasks.config import CurationConfig, RefusalConfig
from tasks.curation.asked import Asked
from tasks.curation.contradictions import REASON as CONTRADICTS
from tasks.curation.contradictions import Finding
from tasks.curation.dedup import drop_duplicates
from tasks.curation.filters import TEXT_CHECKS, examine, rejection
from tasks.curation.inventing import draw
from tasks.curation.refusals import RefusalMaker, refusal_answer
from tasks.curation.wording import content_words, names
from tasks.records import Pair, Rejection, derive_id
from tasks.storage import iter_dicts

STAGE = "refuse"
OUTSIDE = Path(__file__).with_name("outside.jsonl")
"""General-knowledge questions, which a closed book does not answer; none stands among the probes."""


def outside_questions(corpus: str) -> list[str]:
    """General questions that a corpus cannot answer: it has none of their names, and fewer than half of their words."""
    held = frozenset(content_words(corpus))
    return [text for text in (str(row["question"]) for row in iter_dicts(OUTSIDE)) if _is_outside(text, held)]


def _is_outside(question: str, held: frozenset[str]) -> bool:
    asked = content_words(question)
    return not held & names(question) and 2 * sum(word in held for word in asked) < len(asked)


def make_refusals(
    pairs: Sequence[Pair],
    maker: RefusalMaker,
    outside: Sequence[str],
    config: RefusalConfig,
    *,
    seed: int,
    curation: CurationConfig,
) -> tuple[list[Pair], list[Rejection]]:
    """Refusal pairs up to the configured share of all pairs, the kinds in equal parts, spread over the facts.

    Args:
        pairs: the kept answerable pairs.
        maker: knows the corpus.
        outside: general questions that the book does not answer.
        seed: which ones are drawn.
        curation: the filters' limits, and what counts as a near-duplicate.

    Returns:
        The refusals, and those drawn that a filter, another refusal or an answerable pair ruled out.
    """
    answerable = [pair for pair in pairs if pair.kind == "answerable"]
    wanted = round(len(answerable) * config.share / (1 - config.share))
    if not wanted:
        return [], []
    drawn = _in_turn(_candidates(answerable, maker, outside, config, wanted), seed)
    asked = Asked(answerable, curation.duplicate_similarity)
    taken: list[Pair] = []
    rejections: list[Rejection] = []
    while len(taken) < wanted and (more := list(islice(drawn, wanted - len(taken)))):
        judged = [(pair, examine(pair, "", curation, TEXT_CHECKS) or _contradiction(pair, asked)) for pair in more]
        rejections += [rejection(pair, finding, STAGE) for pair, finding in judged if finding]
        good = [pair for pair, finding in judged if finding is None]
        taken, repeated = drop_duplicates([*taken, *good], curation)
        rejections += [replace(repeat, stage=STAGE) for repeat in repeated]
    return taken, rejections


def _candidates(
    answerable: Sequence[Pair], maker: RefusalMaker, outside: Sequence[str], config: RefusalConfig, wanted: int
) -> dict[str, list[Pair]]:
    found: dict[str, list[Pair]] = {kind: [] for kind in config.kinds}
    for pair in answerable:
        for twin in maker.twins(pair):
            if (kind := twin.form.removeprefix("refusal-")) in found:
                found[kind].append(twin)
    sources = sorted({pair.source for pair in answerable})
    # Each is checked against the corpus: no more are made than could be taken, some of them being ruled out.
    loose = {
        "unstated": list(islice(maker.unstated(), 2 * wanted)),
        "outside": [(draw(sources, "of", text), text) for text in outside],
    }
    for kind in loose.keys() & found.keys():
        found[kind] = [_loose(source, question, kind) for source, question in loose[kind]]
    return found


def _loose(source: str, question: str, kind: str) -> Pair:
    """A refusal that is nobody's twin; it belongs to the text as a whole."""
    return Pair.create(
        chunk_id="", fact_id="", source=source, question=question, answer=refusal_answer(question),
        evidence_start=-1, evidence_end=-1, form=f"refusal-{kind}", kind="refusal",
    )  # fmt: skip


def _in_turn(found: Mapping[str, list[Pair]], seed: int) -> Iterator[Pair]:
    """One of each kind in turn, each kind in hash order, until all are given."""
    queues = []
    for pairs in found.values():
        distinct = {pair.question.lower() + pair.source: pair for pair in pairs}
        queues.append(deque(sorted(distinct.values(), key=lambda pair: derive_id(seed, pair.id))))
    while any(queues):
        yield from [queue.popleft() for queue in queues if queue]


def _contradiction(refusal: Pair, asked: Asked) -> Finding | None:
    """The answerable pair of the same source that asks what a refusal asks, as a finding."""
    found = asked.like(refusal.question, refusal.source)
    if found is None:
        return None
    return Finding(CONTRADICTS, f"answered by pair {found.pair.id} {found.pair.question!r}: {refusal.question}")
