"""Kept pairs to the questions that are taken: what a refusal or an imported example may not ask again.

Asked([Pair("Who built the heron pump?")], 0.8).like("And who was it built the heron pump?", "heron")
->  Likeness(pair, 1.0)
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from tasks.curation.wording import Wording, similarity, wording
from tasks.records import Pair


class Likeness(NamedTuple):
    """A pair that asks the same, and how alike the two questions are (1.0: equal but for small words)."""

    pair: Pair
    similarity: float


class Asked:
    """Questions by source, names and numbers; questions that differ in these are never alike.

    Args:
        pairs: what is asked already.
        threshold: the least similarity, as in ``CurationConfig.duplicate_similarity``.
        apart: whether the same question under two sources is two questions.
    """

    def __init__(self, pairs: Iterable[Pair], threshold: float, *, apart: bool = True) -> None:
        self._threshold, self._apart = threshold, apart
        self._asked: dict[tuple[str, tuple[str, ...]], list[tuple[Wording, Pair]]] = defaultdict(list)
        for pair in pairs:
            self.add(pair)

    def add(self, pair: Pair) -> None:
        """Take one more question."""
        worded = wording(pair.question)
        self._asked[pair.source if self._apart else "", worded.marks].append((worded, pair))

    def like(self, question: str, source: str) -> Likeness | None:
        """The first pair that asks the same of the same source, or None."""
        worded = wording(question)
        for other, pair in self._asked.get((source if self._apart else "", worded.marks), ()):
            if (found := similarity(worded, other)) >= self._threshold:
                return Likeness(pair, found)
        return None
