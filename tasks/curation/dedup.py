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
What duplicates what is found first; then, from the best wording to the worst (``quality``), a pair is dropped for a
duplicate of it that is kept, and for nothing else. So the order of the pairs makes no difference, and a second pass
drops nothing. Sets beyond the memory are gone through on the disk, to the same result (tasks/curation/large.py).
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, combinations, islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash, RMinHashLSH

from tasks.config import CurationConfig
from tasks.curation.wording import Scan, Wording, answer_key, compatible, marks, scan, similarity, wording
from tasks.records import Pair, Rejection

STAGE = "dedup"
REASON = "duplicate"
SEED = 1
Rivals = defaultdict[int, list[tuple[int, float]]]  # position of a pair -> what it duplicates, at what similarity
BATCH = 4096


class Match(NamedTuple):
    """Two texts of one group that say the same; positions count within the group."""

    group: int
    later: int
    earlier: int
    similarity: float


@lru_cache(maxsize=BATCH * 8)
def worded(text: str) -> Wording:
    """``wording``, remembered while its neighbours are compared with it."""
    return wording(text)


@lru_cache(maxsize=BATCH)
def _scanned(text: str) -> Scan:
    return scan(text)


def bands_for(threshold: float, permutations: int, missed: float) -> int:
    """The fewest LSH bands that miss a pair at the threshold with a probability of at most ``missed``.

    With b bands of r rows a pair of Jaccard s is a candidate with probability 1 - (1 - s^r)^b (Leskovec, Rajaraman &
    Ullman, "Mining of Massive Datasets", section 3.4.2). Fewer bands mean fewer candidates in vain.
    """
    for bands in range(1, permutations):
        rows = permutations // bands
        if permutations % bands == 0 and (1 - threshold**rows) ** bands <= missed:
            return bands
    return permutations


def near_duplicates(groups: Iterable[Sequence[str]], config: CurationConfig) -> Iterator[Match]:
    """All near-duplicates within each group of texts, verified exactly.

    Args:
        groups: questions or statements that may say the same.
        config: the least similarity, and the length of the signatures.
    """
    threshold, permutations = config.duplicate_similarity, config.minhash_permutations
    bands = bands_for(threshold, permutations, config.missed_duplicates)
    stream = ((number, text) for number, group in enumerate(groups) for text in group)
    held: list[str] = []
    current, index = -1, RMinHashLSH(threshold, permutations, bands)
    while batch := list(islice(stream, BATCH)):
        # One call for many groups: each call wakes a pool of threads.
        shingles = [list(worded(text).shingles) for _, text in batch]
        signatures = RMinHash.from_token_sets(shingles, permutations, SEED)
        for (number, text), signature in zip(batch, signatures, strict=True):
            if number != current:
                current, held, index = number, [], RMinHashLSH(threshold, permutations, bands)
            for earlier in sorted(index.query(signature)):
                score = similarity(worded(text), worded(held[earlier]))
                if score >= threshold:
                    yield Match(number, len(held), earlier, score)
            held.append(text)
            index.insert(len(held) - 1, signature)


def drop_duplicates(pairs: Sequence[Pair], config: CurationConfig) -> tuple[list[Pair], list[Rejection]]:
    """Split pairs into kept ones, in the order given, and rejected ones that name the kept pair and the similarity."""
    hashes = _hashes(pairs)
    copies: dict[int, int] = {}
    rivals: Rivals = defaultdict(list)
    _find_similar(pairs, hashes, config, copies, rivals)
    _find_repeats(pairs, _groups(pairs, hashes[:, 0]), copies, rivals)
    dropped = _settle(pairs, rivals)
    # What the first of some copies duplicates, all of them do: they have its form, its words and its answer.
    dropped |= {copy: dropped.get(first, (first, 1.0)) for copy, first in copies.items()}
    kept = [pair for index, pair in enumerate(pairs) if index not in dropped]
    return kept, [rejected(pairs[index], pairs[rival], score) for index, (rival, score) in sorted(dropped.items())]


def _settle(pairs: Sequence[Pair], rivals: Rivals) -> dict[int, tuple[int, float]]:
    """Go from the best wording to the worst and drop what duplicates one that was kept, naming the best such."""
    ranks = {index: quality(pairs[index]) for index in rivals}
    dropped: dict[int, tuple[int, float]] = {}
    kept: set[int] = set()
    for index in sorted(rivals, key=ranks.__getitem__):
        better = [(rival, score) for rival, score in rivals[index] if rival in kept]
        if better:
            dropped[index] = min(better, key=lambda one: ranks[one[0]])
        else:
            kept.add(index)
    return dropped


def are_duplicates(one: Pair, other: Pair, threshold: float) -> bool:
    """The definition above, without hashes, groups or an index: what ``drop_duplicates`` is measured against."""
    if (one.source, one.kind) != (other.source, other.kind):
        return False
    if repeats(one, other):
        return True
    alike = similarity(worded(one.question), worded(other.question)) >= threshold
    return alike and same_form(one) == same_form(other)


def _hashes(pairs: Sequence[Pair]) -> NDArray[np.int64]:
    """Two 64-bit hashes a pair, 16 bytes in all: of what is the same question, and of what may be one form of it."""
    keys = chain.from_iterable((hash(_same_question(pair)), hash(same_form(pair))) for pair in pairs)
    return np.fromiter(keys, dtype=np.int64, count=2 * len(pairs)).reshape(-1, 2)


def _same_question(pair: Pair) -> object:
    return pair.source, pair.kind, tuple(_scanned(pair.question).words)


def same_form(pair: Pair) -> tuple[object, ...]:
    """What is equal in all that may be one form of a question: only these are compared by similarity."""
    answer = answer_key(pair.answer) if pair.kind == "answerable" else ""
    return pair.source, pair.kind, pair.form, answer, marks(_scanned(pair.question))


def _groups(pairs: Sequence[Pair], hashes: NDArray[np.int64]) -> Iterator[list[int]]:
    """Indices of pairs with equal hashes, two and more, the best wording first."""
    order = np.argsort(hashes, kind="stable")
    borders = np.concatenate(([0], np.flatnonzero(np.diff(hashes[order])) + 1, [len(order)]))
    for place in np.flatnonzero(np.diff(borders) > 1):
        group: list[int] = order[borders[place] : borders[place + 1]].tolist()
        yield sorted(group, key=lambda index: quality(pairs[index]))


def quality(pair: Pair) -> tuple[bool, bool, bool, int, str, str]:
    """Sorts the wording to keep first: made by rule, with a statement, closed by a mark, short; then by content."""
    closed = pair.question.endswith(("?", ".", "..."))
    return pair.generator != "rule", not pair.statement, not closed, len(pair.question), pair.id, pair.chunk_id


def _find_repeats(
    pairs: Sequence[Pair], groups: Iterable[list[int]], copies: Mapping[int, int], rivals: Rivals
) -> None:
    """Note which pairs ask word for word the same, in whatever form, with answers that go together."""
    for group in groups:
        for one, other in combinations([index for index in group if index not in copies], 2):
            if repeats(pairs[one], pairs[other]):
                rivals[one].append((other, 1.0))
                rivals[other].append((one, 1.0))


def repeats(pair: Pair, other: Pair) -> bool:
    """Whether two pairs ask word for word the same, in whatever form, with answers that go together."""
    if _same_question(pair) != _same_question(other):  # one hash, two questions
        return False
    return pair.kind == "refusal" or compatible(pair.answer, other.answer) or pair.answer == other.answer


def _find_similar(
    pairs: Sequence[Pair], hashes: NDArray[np.int64], config: CurationConfig, copies: dict[int, int], rivals: Rivals
) -> None:
    """Note which pairs of one form, answer, and set of names and numbers are near-duplicates; copies need no index."""
    shown: deque[tuple[int, list[int]]] = deque()

    def questions() -> Iterator[list[str]]:
        for number, group in enumerate(_groups(pairs, hashes[:, 1])):
            firsts: dict[int, int] = {}
            for index in group:
                first = firsts.setdefault(int(hashes[index, 0]), index)
                if first != index and _are_copies(pairs[first], pairs[index]):
                    copies[index] = first
            left = [index for index in group if index not in copies]
            shown.append((number, left))
            yield [pairs[index].question for index in left]

    for match in near_duplicates(questions(), config):
        while shown[0][0] < match.group:
            shown.popleft()
        one, other = shown[0][1][match.later], shown[0][1][match.earlier]
        if same_form(pairs[one]) == same_form(pairs[other]):  # else one hash, two forms
            rivals[one].append((other, match.similarity))
            rivals[other].append((one, match.similarity))


def _are_copies(one: Pair, other: Pair) -> bool:
    return same_form(one) == same_form(other) and _same_question(one) == _same_question(other)


def rejected(pair: Pair, kept: Pair, score: float) -> Rejection:
    """Write down which kept pair a dropped one repeats, and how alike they are."""
    return Rejection(STAGE, REASON, pair.id, f"{score:.2f} like {kept.id} {kept.question!r}: {pair.question}"[:240])
