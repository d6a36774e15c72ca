"""Pairs to pairs without near-duplicates: the same form of a question asked twice keeps its best wording.

    wh    "Who keeps the keys of the oil store?"      Corwin Asplehurst   kept
    wh    "Who is it keeps the keys of oil store?"    Corwin Asplehurst   0.80 like the first: duplicate
    stem  "Which person keeps the keys of ...?"       Corwin Asplehurst   kept: another form
    wh    "Who keeps the keys of the salt store?"     Corwin Asplehurst   kept: "salt" is not "oil"

Two pairs are duplicates when source, kind and answer are the same and
- the questions are word for word the same after normalising, whatever their forms; or
- the forms are the same too, and the questions have equal names and numbers and a Jaccard similarity over word shingles
  of at least ``duplicate_similarity``.

Candidates come from MinHash-LSH (rensa) and each is verified exactly, so precision is 1. Pairs that differ in source,
form, answer, names or numbers never meet: each such group has an index of its own, and one group is held at a time.
Within a group the best wording comes first (``_quality``), and a pair is only dropped for one that is kept: the result
depends on neither order nor company, and a second pass drops nothing.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash, RMinHashLSH

from tasks.config import CurationConfig
from tasks.curation.wording import Scan, Wording, answer_key, compatible, marks, scan, similarity, wording
from tasks.records import Pair, Rejection

STAGE = "dedup"
REASON = "duplicate"
SEED = 1
Rivals = dict[int, tuple[int, float]]  # position of a dropped pair -> position of the pair it duplicates, similarity
BATCH = 4096
# A duplicate at exactly the threshold is missed as a candidate with at most this probability.
MISSED = 0.01


class Match(NamedTuple):
    """Two texts of one group that say the same; positions count within the group."""

    group: int
    later: int
    earlier: int
    similarity: float


@lru_cache(maxsize=BATCH * 8)
def _worded(text: str) -> Wording:
    return wording(text)


@lru_cache(maxsize=BATCH)
def _scanned(text: str) -> Scan:
    return scan(text)


def bands_for(threshold: float, permutations: int) -> int:
    """The fewest LSH bands that miss a pair at the threshold with a probability of at most ``MISSED``.

    With b bands of r rows a pair of Jaccard s is a candidate with probability 1 - (1 - s^r)^b (Leskovec, Rajaraman &
    Ullman, "Mining of Massive Datasets", section 3.4.2). Fewer bands mean fewer candidates in vain.
    """
    for bands in range(1, permutations):
        rows = permutations // bands
        if permutations % bands == 0 and (1 - threshold**rows) ** bands <= MISSED:
            return bands
    return permutations


def near_duplicates(
    groups: Iterable[Sequence[str]], config: CurationConfig, *, against: Literal["all", "kept"]
) -> Iterator[Match]:
    """Near-duplicates within each group of texts, verified exactly.

    Args:
        groups: questions or statements that may say the same; an earlier one has the precedence.
        config: the least similarity, and the length of the signatures.
        against: "kept" compares with texts that are no duplicate themselves, and gives one match a text at most.
    """
    threshold, permutations = config.duplicate_similarity, config.minhash_permutations
    bands = bands_for(threshold, permutations)
    stream = ((number, text) for number, group in enumerate(groups) for text in group)
    held: list[str] = []
    current, index = -1, RMinHashLSH(threshold, permutations, bands)
    while batch := list(islice(stream, BATCH)):
        # One call for many groups: each call wakes a pool of threads.
        shingles = [list(_worded(text).shingles) for _, text in batch]
        signatures = RMinHash.from_token_sets(shingles, permutations, SEED)
        for (number, text), signature in zip(batch, signatures, strict=True):
            if number != current:
                current, held, index = number, [], RMinHashLSH(threshold, permutations, bands)
            held.append(text)
            matches = _matches(text, held, sorted(index.query(signature)), threshold)
            found = list(islice(matches, 1 if against == "kept" else None))
            yield from (Match(number, len(held) - 1, earlier, score) for earlier, score in found)
            if against == "all" or not found:
                index.insert(len(held) - 1, signature)


def _matches(text: str, held: list[str], candidates: list[int], threshold: float) -> Iterator[tuple[int, float]]:
    for earlier in candidates:
        score = similarity(_worded(text), _worded(held[earlier]))
        if score >= threshold:
            yield earlier, score


def drop_duplicates(pairs: Sequence[Pair], config: CurationConfig) -> tuple[list[Pair], list[Rejection]]:
    """Split pairs into kept ones, in the order given, and rejected ones that name the kept pair and the similarity."""
    hashes = _hashes(pairs)
    rivals: Rivals = {}
    for group in _groups(pairs, hashes[:, 0]):
        _drop_repeats(pairs, group, rivals)
    _drop_similar(pairs, _groups(pairs, hashes[:, 1]), config, rivals)
    kept = [pair for index, pair in enumerate(pairs) if index not in rivals]
    return kept, [_rejection(pairs, index, rivals) for index in sorted(rivals)]


def are_duplicates(one: Pair, other: Pair, threshold: float) -> bool:
    """The definition above, without hashes, groups or an index: what ``drop_duplicates`` is measured against."""
    if (one.source, one.kind) != (other.source, other.kind):
        return False
    if _repeats(one, other):
        return True
    alike = similarity(_worded(one.question), _worded(other.question)) >= threshold
    return alike and _same_form(one) == _same_form(other)


def _hashes(pairs: Sequence[Pair]) -> NDArray[np.int64]:
    """Two 64-bit hashes a pair, 16 bytes in all: of what is the same question, and of what may be one form of it."""
    keys = chain.from_iterable((hash(_same_question(pair)), hash(_same_form(pair))) for pair in pairs)
    return np.fromiter(keys, dtype=np.int64, count=2 * len(pairs)).reshape(-1, 2)


def _same_question(pair: Pair) -> object:
    return pair.source, pair.kind, tuple(_scanned(pair.question).words)


def _same_form(pair: Pair) -> object:
    answer = answer_key(pair.answer) if pair.kind == "answerable" else ""
    return pair.source, pair.kind, pair.form, answer, marks(_scanned(pair.question))


def _groups(pairs: Sequence[Pair], hashes: NDArray[np.int64]) -> Iterator[list[int]]:
    """Indices of pairs with equal hashes, two and more, the best wording first."""
    order = np.argsort(hashes, kind="stable")
    borders = np.concatenate(([0], np.flatnonzero(np.diff(hashes[order])) + 1, [len(order)]))
    for place in np.flatnonzero(np.diff(borders) > 1):
        group: list[int] = order[borders[place] : borders[place + 1]].tolist()
        yield sorted(group, key=lambda index: _quality(pairs[index]))


def _quality(pair: Pair) -> tuple[object, ...]:
    """Sorts the wording to keep first: made by rule, with a statement, closed by a mark, short; then by content."""
    closed = pair.question.endswith(("?", ".", "..."))
    return pair.generator != "rule", not pair.statement, not closed, len(pair.question), pair.id, pair.chunk_id


def _drop_repeats(pairs: Sequence[Pair], group: list[int], rivals: Rivals) -> None:
    """Drop what asks word for word what a better pair asks, with an answer that goes with its answer."""
    kept: list[int] = []
    for index in group:
        pair = pairs[index]
        rival = next((other for other in kept if _repeats(pair, pairs[other])), None)
        if rival is None:
            kept.append(index)
        else:
            rivals[index] = (rival, 1.0)


def _repeats(pair: Pair, other: Pair) -> bool:
    if _same_question(pair) != _same_question(other):  # one hash, two questions
        return False
    return pair.kind == "refusal" or compatible(pair.answer, other.answer) or pair.answer == other.answer


def _drop_similar(pairs: Sequence[Pair], groups: Iterable[list[int]], config: CurationConfig, rivals: Rivals) -> None:
    """Drop near-duplicates of better pairs of one form, answer, and set of names and numbers."""
    shown: deque[tuple[int, list[int]]] = deque()

    def questions() -> Iterator[list[str]]:
        for number, group in enumerate(groups):
            left = [index for index in group if index not in rivals]
            shown.append((number, left))
            yield [pairs[index].question for index in left]

    for match in near_duplicates(questions(), config, against="kept"):
        while shown[0][0] < match.group:
            shown.popleft()
        group = shown[0][1]
        pair, other = pairs[group[match.later]], pairs[group[match.earlier]]
        if _same_form(pair) == _same_form(other):  # one hash, two forms
            rivals[group[match.later]] = (group[match.earlier], match.similarity)


def _rejection(pairs: Sequence[Pair], index: int, rivals: Rivals) -> Rejection:
    rival, score = rivals[index]
    while rival in rivals:  # word for word the same as a pair that another one replaces: so does it here
        rival, score = rivals[rival]
    pair, kept = pairs[index], pairs[rival]
    return Rejection(STAGE, REASON, pair.id, f"{score:.2f} like {kept.id} {kept.question!r}: {pair.question}"[:240])
