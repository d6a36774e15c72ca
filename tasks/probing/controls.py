"""Controls: the same questions asked with the book open, by retrieval or with the right passage.

    Retrieval(chunks).best(probe)    ->  the chunks that BM25 ranks first for the question
    gold_passage(Retrieval, probe)   ->  the chunk that holds the answer: the ceiling
    with_passage("Who built the pump?", [chunk])
    ->  "Passage:\\n… built by Odo Marrick in 1829 …\\n\\nQuestion: Who built the pump?"

A ``Source`` tag narrows the search to its document, as a user would; a tag of no document finds nothing. BM25 is
bm25s's (MIT, needs numpy only; rank_bm25 has had no release since 2022), in Lucene's variant and with its constants.
"""

from collections.abc import Callable, Sequence

import bm25s

from tasks.probing.normalising import words
from tasks.records import Chunk, Probe

NO_PASSAGE = "(no passage found)"
# Question words and auxiliaries; what else is frequent BM25 itself weighs down.
_UNSEARCHED = frozenset(
    words("what which who whom whose when where why how is are was were be do does did has have had")
)


class Retrieval:
    """A BM25 index over chunks, over the same levelled words that answers are compared by."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self.chunks = list(chunks)
        self.words = [words(chunk.text) for chunk in self.chunks]
        self._index = bm25s.BM25()
        if any(self.words):
            self._index.index([list(found) for found in self.words], show_progress=False)

    def ranked(self, probe: Probe) -> list[int]:
        """Positions of the chunks of the probe's source that share a word with its question, best first."""
        query = [word for word in words(probe.question) if word not in _UNSEARCHED]
        if not query or not any(self.words):
            return []
        scores = self._index.get_scores(query).tolist()
        found = [
            place
            for place, chunk in enumerate(self.chunks)
            if scores[place] > 0 and probe.source in (None, chunk.source)
        ]
        return sorted(found, key=lambda place: (-scores[place], place))

    def best(self, probe: Probe, *, passages: int = 1) -> list[Chunk]:
        """The first chunks by BM25; fewer, or none, where the question's words do not occur."""
        return [self.chunks[place] for place in self.ranked(probe)[:passages]]


def gold_passage(retrieval: Retrieval, probe: Probe) -> list[Chunk]:
    """The best-ranked chunk that holds an accepted answer; the best-ranked one where none does or none is known."""
    ranked = retrieval.ranked(probe)
    wanted = [words(alias) for alias in probe.accepted or ()]
    for place in ranked:
        if any(_holds(retrieval.words[place], alias) for alias in wanted):
            return [retrieval.chunks[place]]
    return [retrieval.chunks[place] for place in ranked[:1]]


def with_passage(question: str, passages: Sequence[Chunk]) -> str:
    """The user's message that shows passages before the question. Chat control tokens are left to the renderer."""
    shown = "\n\n".join(chunk.text for chunk in passages) or NO_PASSAGE
    return f"Passage:\n{shown}\n\nQuestion: {question}"


def open_book(find: Callable[[Probe], Sequence[Chunk]]) -> Callable[[Probe], str]:
    """The message of a probe under a way of finding passages, for a prompt's renderer.

    ``open_book(retrieval.best)`` is the BM25 control, ``open_book(lambda p: gold_passage(retrieval, p))`` the ceiling.
    """
    return lambda probe: with_passage(probe.question, find(probe))


def open_book_system(refusal: str) -> str:
    """The system prompt of both controls: it names the refusal, since the untuned model was never taught one."""
    return f"Answer in a few words from the passage only. If the passage does not say, answer: {refusal}."


def _holds(said: Sequence[str], wanted: Sequence[str]) -> bool:
    size = len(wanted)
    return bool(size) and any(
        tuple(said[start : start + size]) == tuple(wanted) for start in range(len(said) - size + 1)
    )
