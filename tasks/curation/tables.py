"""Tables of pairs to those that contradict or repeat another: what has to do with each other has an equal hash.

    pairs       row 0 "Who keeps the keys of the oil store?"     asked 71…  alike c4…
                row 1 "Who is it keeps the keys of oil store?"   asked 0e…  alike c4…
    edges       row 1 is like row 0, the better one, at 0.80
    dropped     row 1, for row 0

Groups of one hash come out of the database one after the other and are judged by the functions that judge all pairs at
once in memory: ``contradictions``, ``near_duplicates``, ``repeats``. A group too large for an index in memory is looked
through in the database: a table of (band, row), joined with itself, gives the candidates that the index would give, in
twice the time (bench/results/large.md).
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from tasks.config import CurationConfig
from tasks.curation.contradictions import contradictions
from tasks.curation.dedup import SEED, bands_for, near_duplicates, quality, repeats, same_form, worded
from tasks.curation.filters import rejection
from tasks.curation.wording import normalise, similarity
from tasks.records import Pair
from tasks.spill import append, fill, stream

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Database

LARGEST_INDEXED = 50_000
"""Questions of one group that are held in an index: 175 MB at the 3.5 kB each of bench/results/dedup.md."""
SIGNED = 4096
"""Questions whose signatures are computed at a time: 256 numbers each."""
COLUMNS = "id, chunk_id, source, question, answer, evidence_start, evidence_end, form, kind, generator"
Group = list[tuple[int, Pair]]
BEST_FIRST = "wording, id, chunk_id, row"
"""``quality`` of a pair, in columns; ``wording`` holds its flags and its length."""
TABLES = """
CREATE TABLE pairs (
    row BIGINT, asked UBIGINT, alike UBIGINT, wording UBIGINT, id VARCHAR, chunk_id VARCHAR, source VARCHAR,
    question VARCHAR, answer VARCHAR, evidence_start BIGINT, evidence_end BIGINT, form VARCHAR, kind VARCHAR,
    generator VARCHAR);
CREATE TABLE contradicted (row BIGINT, id VARCHAR, detail VARCHAR);
CREATE TABLE bands (alike UBIGINT, band UBIGINT, row BIGINT);
CREATE TABLE edges (worse BIGINT, better BIGINT, score DOUBLE);
CREATE TABLE dropped (row BIGINT, rival BIGINT, score DOUBLE);
"""


def load(database: "Database", pairs: Iterable[Pair]) -> int:
    """Write the pairs' table, rows numbered from 0; return how many there are."""
    database.execute(TABLES)
    return fill(database, "pairs", (_row(number, pair) for number, pair in enumerate(pairs)))


def _row(number: int, pair: Pair) -> tuple[Any, ...]:
    *flags, length, _, _ = quality(pair)
    wording = int("".join(str(int(flag)) for flag in flags), 2) << 32 | length
    asked = hashed(pair.source, normalise(pair.question))
    return (
        number, asked, hashed(*same_form(pair)), wording, pair.id, pair.chunk_id,
        pair.source, pair.question, pair.answer, pair.evidence_start, pair.evidence_end, pair.form, pair.kind,
        pair.generator,
    )  # fmt: skip


def hashed(*parts: object) -> int:
    """64 bits, the same in every process."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def find_contradictions(database: "Database", texts: Mapping[str, str]) -> None:
    """Move the pairs that another contradicts from ``pairs`` to ``contradicted``, with what was found.

    Args:
        texts: the document text behind each source tag.
    """
    found = (
        (row, pair.id, detail)
        for group in _same_question(database, "row")
        for row, pair, detail in _against(group, texts)
    )
    fill(database, "contradicted", found)
    database.execute("DELETE FROM pairs USING contradicted WHERE pairs.row = contradicted.row")


def _same_question(database: "Database", order: str, among: str = "pairs") -> Iterator[Group]:
    """Rows and pairs that ask word for word the same of one source, two and more; two hashes may be alike."""
    crowded = f"SELECT asked FROM {among} GROUP BY asked HAVING count(*) > 1"
    rows = stream(
        database,
        f"SELECT row, asked, {COLUMNS} FROM {among} SEMI JOIN ({crowded}) USING (asked) ORDER BY asked, {order}",
    )
    for _, group in groupby(rows, key=itemgetter(1)):
        yield [(row, _pair(values)) for row, _, *values in group]


def _pair(values: Sequence[Any]) -> Pair:
    """A pair as far as it is judged by: without its fact, statement and twin."""
    return Pair(fact_id="", **dict(zip(COLUMNS.split(", "), values, strict=True)))


def _against(group: Group, texts: Mapping[str, str]) -> Iterator[tuple[int, Pair, str]]:
    for index, finding in contradictions([pair for _, pair in group], texts).items():
        yield *group[index], rejection(group[index][1], finding).excerpt


def find_duplicates(database: "Database", config: CurationConfig, count: int) -> None:
    """Fill ``dropped`` with the pairs that repeat a better one, each with that one and the similarity.

    Args:
        count: how many rows there were at first.
    """
    # The best of each set of copies: pairs of one form that ask word for word the same.
    database.execute(
        "CREATE TABLE placed AS SELECT row, alike, "
        f"first_value(row) OVER (PARTITION BY alike, asked ORDER BY {BEST_FIRST}) AS first "
        "FROM pairs SEMI JOIN (SELECT alike FROM pairs GROUP BY alike HAVING count(*) > 1) USING (alike)"
    )
    database.execute(
        "CREATE TABLE sizes AS SELECT alike, count(*) AS size FROM placed WHERE row = first "
        "GROUP BY alike HAVING size > 1"
    )
    fill(database, "edges", _similar_by_index(database, config))
    if database.sql(f"SELECT 1 FROM sizes WHERE size > {LARGEST_INDEXED} LIMIT 1").fetchall():
        fill(database, "edges", _similar_by_bands(database, config))
    fill(database, "edges", _repeated(database))
    fill(database, "dropped", _settled(database, bytearray(count)))
    # What the first of some copies duplicates, all of them do: they have its form, its words and its answer.
    database.execute(
        "INSERT INTO dropped SELECT placed.row, coalesce(rival, first), coalesce(score, 1.0) "
        "FROM placed LEFT JOIN dropped ON dropped.row = first WHERE placed.row <> first"
    )


def _members(columns: str, sizes: str) -> str:
    """Select pairs of the groups of such sizes, copies left out."""
    return (
        f"SELECT {columns} FROM pairs JOIN placed USING (row, alike) JOIN sizes USING (alike) "
        f"WHERE row = first AND size {sizes} {LARGEST_INDEXED}"
    )


def _similar_by_index(database: "Database", config: CurationConfig) -> Iterator[tuple[int, int, float]]:
    """Pairs of one form, answer, and set of names and numbers that are near-duplicates, the worse one first."""
    shown: deque[tuple[int, list[int]]] = deque()
    members = stream(database, f"{_members('row, alike, question', '<=')} ORDER BY alike, {BEST_FIRST}")

    def questions() -> Iterator[list[str]]:
        for number, (_, group) in enumerate(groupby(members, key=itemgetter(1))):
            rows, _, texts = zip(*group, strict=True)
            shown.append((number, list(rows)))
            yield list(texts)

    for match in near_duplicates(questions(), config):
        while shown[0][0] < match.group:
            shown.popleft()
        yield shown[0][1][match.later], shown[0][1][match.earlier], match.similarity


def _similar_by_bands(database: "Database", config: CurationConfig) -> Iterator[tuple[int, int, float]]:
    """The same for groups too large for an index."""
    width = bands_for(config.duplicate_similarity, config.minhash_permutations, config.missed_duplicates)
    members = stream(database, _members("row, alike, question", ">"))
    while batch := list(islice(members, SIGNED)):
        rows, groups, texts = zip(*batch, strict=True)
        bands = band_hashes(texts, config.minhash_permutations, width)
        append(
            database, "bands", [np.repeat(np.array(groups, np.uint64), width), bands.ravel(), np.repeat(rows, width)]
        )
    candidates = stream(
        database,
        "WITH met AS (SELECT DISTINCT one.row AS one, other.row AS other FROM bands AS one JOIN bands AS other "
        "ON one.alike = other.alike AND one.band = other.band AND one.row < other.row) "
        f"SELECT {_ordered('other', 'one')}, one.row, other.row, one.question, other.question "
        "FROM met JOIN pairs AS one ON one.row = met.one JOIN pairs AS other ON other.row = met.other",
    )
    for swap, one, other, asked, asked_too in candidates:
        score = similarity(worded(asked), worded(asked_too))
        if score >= config.duplicate_similarity:
            yield (one, other, score) if swap else (other, one, score)


def _ordered(better: str, worse: str) -> str:
    sides = (", ".join(f"{side}.{name}" for name in BEST_FIRST.split(", ")) for side in (better, worse))
    return " < ".join(f"row({side})" for side in sides)


def band_hashes(texts: Sequence[str], permutations: int, bands: int) -> NDArray[np.uint64]:
    """A hash of each band of each text's signature: (texts, bands)."""
    shingles = [list(worded(text).shingles) for text in texts]
    signatures = np.array(RMinHash.digests_from_token_sets(shingles, permutations, SEED), dtype=np.uint64)
    odd = np.random.default_rng(SEED).integers(2**63, size=(bands, permutations // bands), dtype=np.uint64) * 2 + 1
    hashes: NDArray[np.uint64] = (signatures.reshape(len(texts), bands, -1) * odd).sum(axis=2, dtype=np.uint64)
    return hashes


def _repeated(database: "Database") -> Iterator[tuple[int, int, float]]:
    """Pairs that ask word for word the same, in whatever form, with answers that go together; the worse one first."""
    firsts = "(SELECT * FROM pairs ANTI JOIN (SELECT row FROM placed WHERE row <> first) USING (row))"
    for group in _same_question(database, BEST_FIRST, firsts):
        for (better, one), (worse, other) in combinations(group, 2):
            if repeats(one, other):
                yield worse, better, 1.0


def _settled(database: "Database", gone: bytearray) -> Iterator[tuple[int, int, float]]:
    """Go from the best wording to the worst and drop what duplicates one that was kept, naming the best such.

    Args:
        gone: a zero for every row; one, when that row is dropped.
    """
    order = [f"{side}.{name}" for side in ("worse", "better") for name in BEST_FIRST.split(", ")]
    edges = stream(
        database,
        "SELECT edges.worse, edges.better, score FROM edges JOIN pairs AS worse ON worse.row = edges.worse "
        f"JOIN pairs AS better ON better.row = edges.better ORDER BY {', '.join(order)}",
    )
    for worse, better, score in edges:
        if not gone[worse] and not gone[better]:
            gone[worse] = 1
            yield worse, better, score
