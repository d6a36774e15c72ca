"""Measure which engine finds the pairs that do not fit into memory: DuckDB or Polars, in two ways each.

    pip install polars
    python -m bench.engines                               a million pairs, four contestants; prints their figures
    python -m bench.engines --only duckdb-bands           one of them

"bands": a row for every band of every signature, joined with itself in the engine, gives the candidates. "groups":
pairs are sorted by what near-duplicates have in common, and an index in memory for one group at a time gives them.
All begin with the same keys in parquet files and end with the number of near-duplicates, which has to be the same.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.large import Figures, watched
from bench.synthetic_pairs import labelled_pairs
from tasks.config import CurationConfig
from tasks.curation.dedup import bands_for, near_duplicates, quality, same_form, worded
from tasks.curation.tables import band_hashes, hashed
from tasks.curation.wording import normalise, similarity

CONFIG = CurationConfig()
BANDS = bands_for(CONFIG.duplicate_similarity, CONFIG.minhash_permutations, CONFIG.missed_duplicates)
MEMORY = "1000MB"
BATCH, SHARD = 8192, 100_000
FIRSTS = """
CREATE TABLE firsts AS SELECT row, alike, quality, question FROM pairs
SEMI JOIN (SELECT alike FROM pairs GROUP BY alike HAVING count(*) > 1) USING (alike)
QUALIFY row_number() OVER (PARTITION BY alike, asked ORDER BY quality, row) = 1;
CREATE TABLE members AS SELECT * FROM firsts
SEMI JOIN (SELECT alike FROM firsts GROUP BY alike HAVING count(*) > 1) USING (alike)
"""


def write_keys(count: int, folder: Path) -> None:
    pairs = (pair for _, pair in labelled_pairs(count))
    for number in range(-(-count // SHARD)):
        shard = list(islice(pairs, SHARD))
        table = {
            "row": pa.array(range(number * SHARD, number * SHARD + len(shard)), pa.int64()),
            "asked": pa.array([hashed(pair.source, normalise(pair.question)) for pair in shard], pa.uint64()),
            "alike": pa.array([hashed(*same_form(pair)) for pair in shard], pa.uint64()),
            "quality": ["{:d}{:d}{:d}{:06d}{} {}".format(*quality(pair)) for pair in shard],
            "question": [pair.question for pair in shard],
        }
        pq.write_table(pa.table(table), folder / f"{number:05d}.parquet")


def duckdb_groups(keys: Path, spill: Path) -> Figures:
    with opened(keys, spill) as database:
        ordered = database.sql("SELECT alike, question FROM members ORDER BY alike, quality, row")
        return {"found": by_index(ordered.to_arrow_reader(BATCH))}


def duckdb_bands(keys: Path, spill: Path) -> Figures:
    with opened(keys, spill) as database:
        database.execute("CREATE TABLE bands (alike UBIGINT, band UBIGINT, row BIGINT)")
        for batch in database.cursor().sql("SELECT alike, row, question FROM members").to_arrow_reader(BATCH):
            database.register("batch", banded(batch))
            database.execute("INSERT INTO bands SELECT * FROM batch")
        candidates = database.sql(
            "WITH met AS (SELECT DISTINCT a.row AS a, b.row AS b FROM bands AS a JOIN bands AS b "
            "ON a.alike = b.alike AND a.band = b.band AND a.row < b.row) "
            "SELECT x.question AS a, y.question AS b FROM met "
            "JOIN firsts AS x ON x.row = a JOIN firsts AS y ON y.row = b"
        )
        return {"found": by_texts(candidates.to_arrow_reader(BATCH))}


def opened(keys: Path, spill: Path) -> duckdb.DuckDBPyConnection:
    settings: dict[str, Any] = {"memory_limit": MEMORY, "temp_directory": str(spill / "aside")}
    database = duckdb.connect(str(spill / "tables.duckdb"), config=settings)
    database.execute(f"CREATE TABLE pairs AS SELECT * FROM read_parquet('{keys}/*.parquet')")
    database.execute(FIRSTS)
    return database


def polars_groups(keys: Path, spill: Path) -> Figures:
    members = polars_members(keys, spill)
    members.sort("alike", "quality", "row").select("alike", "question").sink_parquet(
        spill / "sorted.parquet", engine="streaming"
    )
    return {"found": by_index(batches(spill / "sorted.parquet"))}


def polars_bands(keys: Path, spill: Path) -> Figures:
    import polars

    polars_members(keys, spill).sink_parquet(spill / "members.parquet", engine="streaming")
    with pq.ParquetWriter(spill / "bands.parquet", banded(next(batches(spill / "members.parquet"))).schema) as writer:
        for batch in batches(spill / "members.parquet"):
            writer.write_table(banded(batch))
    bands, texts = (polars.scan_parquet(spill / f"{name}.parquet") for name in ("bands", "members"))
    met = bands.join(bands, on=["alike", "band"], suffix="_other").filter(polars.col("row") < polars.col("row_other"))
    candidates = met.select("row", "row_other").unique()
    for key, name in (("row", "a"), ("row_other", "b")):
        candidates = candidates.join(texts.select("row", question="question"), left_on=key, right_on="row")
        candidates = candidates.rename({"question": name})
    candidates.select("a", "b").sink_parquet(spill / "candidates.parquet", engine="streaming")
    return {"found": by_texts(batches(spill / "candidates.parquet"))}


def polars_members(keys: Path, spill: Path) -> Any:
    import polars

    pairs = polars.scan_parquet(keys / "*.parquet")
    firsts = crowded(pairs).sort("alike", "asked", "quality", "row").unique(["alike", "asked"], keep="first")
    firsts.select("row", "alike", "quality", "question").sink_parquet(spill / "firsts.parquet", engine="streaming")
    return crowded(polars.scan_parquet(spill / "firsts.parquet"))


def crowded(frame: Any) -> Any:
    return frame.join(frame.group_by("alike").len().filter(len=1), on="alike", how="anti")


def batches(path: Path) -> Iterator[pa.RecordBatch]:
    yield from pq.ParquetFile(path).iter_batches(BATCH)


def banded(batch: pa.RecordBatch) -> pa.Table:
    hashes = band_hashes(batch.column("question").to_pylist(), CONFIG.minhash_permutations, BANDS)
    alike, row = (np.repeat(batch.column(name).to_numpy(), BANDS) for name in ("alike", "row"))
    return pa.table({"alike": alike, "band": hashes.ravel(), "row": row})


def by_index(ordered: Iterable[pa.RecordBatch]) -> int:
    rows = ((key, text) for batch in ordered for key, text in zip(*map(pa.Array.to_pylist, batch.columns), strict=True))
    groups = ([text for _, text in group] for _, group in groupby(rows, key=lambda row: row[0]))
    return sum(1 for _ in near_duplicates(groups, CONFIG))


def by_texts(candidates: Iterable[pa.RecordBatch]) -> int:
    couples = (couple for batch in candidates for couple in zip(*map(pa.Array.to_pylist, batch.columns), strict=True))
    return sum(similarity(worded(one), worded(other)) >= CONFIG.duplicate_similarity for one, other in couples)


CONTESTANTS: dict[str, Callable[[Path, Path], Figures]] = {
    "duckdb-groups": duckdb_groups, "duckdb-bands": duckdb_bands,
    "polars-groups": polars_groups, "polars-bands": polars_bands,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--only", choices=list(CONTESTANTS))
    parser.add_argument("--keys", type=Path, help="folder of keys that are written already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        keys = options.keys or Path(folder) / "keys"
        if not keys.is_dir():
            keys.mkdir(parents=True)
            write_keys(options.pairs, keys)
        if options.only:
            spill = Path(folder) / "spill"
            spill.mkdir()
            print(json.dumps({"name": options.only} | watched(lambda: CONTESTANTS[options.only](keys, spill), spill)))
            return
        for name in CONTESTANTS:
            subprocess.run([sys.executable, "-m", "bench.engines", "--only", name, "--keys", str(keys)], check=True)


if __name__ == "__main__":
    main()
