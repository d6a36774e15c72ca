"""Measure curation beyond memory: near-duplicates of 0.1 to 10 million pairs, on the disk and in memory, as a curve.

    python -m bench.large                                 all sizes; draws bench/results/large.svg (an hour on 2 cores)
    python -m bench.large --sizes 100000 300000           smaller ones
    python -m bench.large --only disk --sizes 100000      one measurement: prints its figures

What was measured is printed as the rows of the tables in bench/results/large.md, which is written by hand. Each
measurement runs in a process of its own. Its figures are kept in ``--folder``, so that the bench goes on where it was
stopped. The pairs are those of bench/synthetic_pairs.py in shards of JSON Lines, a source of its own for every 100,000:
a book's worth, since pairs of two sources never repeat each other and a large corpus is many books.
"""

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from itertools import chain, islice
from pathlib import Path
from typing import Any

import jsonlines
from transformers.trainer_pt_utils import LengthGroupedSampler

from bench.synthetic_pairs import labelled_pairs
from flows.finetune import taught
from tasks.config import CurationConfig
from tasks.curation.dedup import drop_duplicates
from tasks.curation.large import judged
from tasks.curation.tables import find_duplicates, load
from tasks.memory import peak_mb, reset_peak
from tasks.records import Example, Pair, Rejection, to_json
from tasks.spill import spilled
from tasks.storage import file_hash, iter_dicts, iter_records, write_records
from tasks.tuning.encoding import build_dataset
from tasks.tuning.noise import each_noisy, noisy_passes
from tasks.tuning.rendering import Renderer
from tasks.tuning.students import load_tokenizer

RESULTS = Path(__file__).parent / "results"
SIZES = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
BOOK, BOOKS = 100_000, 5
"""Pairs of a source, and sources of a shard."""
MEMORY_MB = 2048
Figures = dict[str, Any]


def shards(folder: Path, count: int) -> list[Path]:
    """The files that hold the first ``count`` pairs; those missing are written."""
    paths = [folder / f"pairs-{number:04d}.jsonl" for number in range(-(-count // (BOOKS * BOOK)))]
    for number, path in enumerate(paths):
        if not path.is_file():
            write_records(path, chain.from_iterable(map(book, range(number * BOOKS, (number + 1) * BOOKS))))
    return paths


def book(number: int) -> Iterator[dict[str, Any]]:
    names = [field.name for field in fields(Pair)]
    for _, pair in labelled_pairs(BOOK, seed=number):
        made = Pair.create(
            chunk_id=pair.chunk_id, fact_id=pair.fact_id, source=f"book-{number}", question=pair.question,
            answer=pair.answer, evidence_start=0, evidence_end=9, form=pair.form, kind=pair.kind,
            statement=f"It is said of this that it is {pair.answer}.", generator=pair.generator,
        )  # fmt: skip
        yield {name: getattr(made, name) for name in names}


def read_shards(paths: list[Path], count: int) -> Iterator[Pair]:
    return islice(chain.from_iterable(iter_records(path, Pair) for path in paths), count)


def in_memory(paths: list[Path], count: int, folder: Path) -> Figures:
    kept, rejections = drop_duplicates(list(read_shards(paths, count)), CurationConfig())
    return written(chain(kept, rejections), folder)


def on_disk(paths: list[Path], count: int, folder: Path) -> Figures:
    config = CurationConfig(memory_mb=MEMORY_MB)
    with spilled(folder / "spill", config.memory_mb // 2) as database:
        find_duplicates(database, config, load(database, read_shards(paths, count)))
        return written(judged(database, read_shards(paths, count)), folder)


def written(stream: Iterable[Pair | Rejection], folder: Path) -> Figures:
    """Write kept pairs and rejections, each to a file; return their counts and the files' hashes."""
    paths = folder / "kept.jsonl", folder / "dropped.jsonl"
    counts = [0, 0]
    with jsonlines.open(paths[0], "w") as kept, jsonlines.open(paths[1], "w") as dropped:
        for one in stream:
            counts[isinstance(one, Rejection)] += 1
            (dropped if isinstance(one, Rejection) else kept).write(to_json(one))
    return {"kept": counts[0], "dropped": counts[1], "hashes": [file_hash(path) for path in paths]}


def write_run(paths: list[Path], count: int, folder: Path) -> None:
    """A run of so many pairs, each of them an example."""
    run = folder / f"run-{count}"
    if not (run / "train.jsonl").is_file():
        rows = islice(chain.from_iterable(map(iter_dicts, paths)), count)
        write_records(run / "pairs.jsonl", rows)
        write_records(run / "train.jsonl", map(_example, iter_dicts(run / "pairs.jsonl")))


def _example(pair: dict[str, Any]) -> dict[str, Any]:
    said = f"{pair['statement']} {pair['answer']}"
    shown = {"system": "Closed book.", "prompt": pair["question"], "answer": said, "source": "", "split": "train"}
    return {"id": pair["id"], "pair_id": pair["id"]} | shown


def mapped(paths: list[Path], count: int, folder: Path) -> Figures:
    """What is held while a training is prepared: examples in a stream, encoded ones in files."""
    examples, statements = taught(folder / f"run-{count}")
    return prepared(each_noisy(examples, 0.25, 1, seed=1), statements, folder / "spill")


def held(paths: list[Path], count: int, folder: Path) -> Figures:
    """The same as it was before: examples in a list, encoded ones in memory."""
    examples, statements = taught(folder / f"run-{count}")
    return prepared(noisy_passes(list(examples), 0.25, 1, seed=1), statements, None)


def prepared(rows: Iterable[Example], statements: list[str], folder: Path | None) -> Figures:
    tokenizer = load_tokenizer("embedded")
    renderer = Renderer(tokenizer, "llama2")
    dataset, _ = build_dataset(rows, renderer, tokenizer, longest=256, texts=statements, folder=folder)
    lengths = LengthGroupedSampler(8, dataset).lengths  # what the trainer looks at before its first step
    return {"rows": len(dataset), "tokens": sum(lengths)}


def watched(work: Callable[[], Figures], spill: Path) -> Figures:
    """Run some work; add its seconds, its most memory (all, and without mapped files) and its most disk."""
    most = {"anonymous": 0.0, "disk": 0.0}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.25):
            status = Path("/proc/self/status").read_text()
            most["anonymous"] = max(most["anonymous"], int(status.split("RssAnon:")[1].split()[0]) / 1024)
            most["disk"] = max(most["disk"], bytes_in(spill))

    watcher = threading.Thread(target=watch)
    before = peak_mb()
    reset_peak()
    watcher.start()
    started, spent = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    try:
        figures = work()
    finally:
        done.set()
        watcher.join()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return figures | most | {
        "before": before, "peak": peak_mb(), "seconds": time.perf_counter() - started,
        "user": after.ru_utime - spent.ru_utime, "system": after.ru_stime - spent.ru_stime,
        "load": os.getloadavg()[0],
    }  # fmt: skip


def bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # gone since it was listed
            total += path.stat().st_size
    return total


WAYS = {"disk": on_disk, "memory": in_memory, "mapped": mapped, "held": held}
MOST = {"memory": 3_000_000, "mapped": 1_000_000, "held": 300_000}
"""The largest size of each way: in memory 24 GiB end somewhere, and time does for the others."""


def measure(way: str, count: int, folder: Path) -> Figures:
    paths = shards(folder, count)
    if way in ("mapped", "held"):
        write_run(paths, count, folder)
    figures = watched(lambda: WAYS[way](paths, count, folder), folder / "spill")
    share = min(1.0, count / (BOOK * BOOKS) / len(paths))
    return figures | {"way": way, "pairs": count, "input": sum(path.stat().st_size for path in paths) * share}


def row_of(figures: Figures) -> str:
    """A line of the table: bytes are those above what was held before."""
    count, processor = figures["pairs"], figures["user"] + figures["system"]
    grown = (figures["anonymous"] - figures["before"]) * 2**20 / count
    return (
        f"| {figures['way']} | {count:,} | {figures['seconds']:,.0f} s | {processor:,.0f} s "
        f"| {figures['anonymous']:,.0f} MiB | {figures['peak']:,.0f} MiB | {grown:,.0f} "
        f"| {figures['disk'] / count:,.0f} "
        f"| {figures['input'] / count:,.0f} | {figures['load']:.1f} |"
    )


def draw(rows: list[Figures], path: Path) -> None:
    """Processor time and memory over the number of pairs, both ways of finding near-duplicates."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "closedbook"  # the same bytes from the same figures
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for way, mark in (("disk", "o-"), ("memory", "s--")):
        mine = sorted((row["pairs"], row) for row in rows if row["way"] == way)
        sizes = [count / 1e6 for count, _ in mine]
        axes[0].plot(
            sizes,
            [row["user"] + row["system"] for _, row in mine],
            mark,
            label=f"in {way}" if way == "memory" else "on the disk",
        )
        axes[1].plot(sizes, [row["anonymous"] for _, row in mine], mark)
    for axis, name in zip(axes, ("processor time (s)", "memory (MiB)"), strict=True):
        axis.set(xlabel="pairs (millions)", ylabel=name, xscale="log", yscale="log")
        axis.grid(True, which="both", alpha=0.25)
    axes[0].legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def report(kept: Path) -> None:
    """Print the table of what was measured, and draw the curve."""
    rows = sorted(iter_dicts(kept), key=lambda row: (row["way"], row["pairs"]))
    print("\n".join(map(row_of, rows)))
    draw(rows, RESULTS / "large.svg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--only", choices=list(WAYS))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "closedbook-large")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    kept = options.folder / "figures.jsonl"
    if options.only:
        with kept.open("a", encoding="utf-8") as stream:
            for count in options.sizes:
                line = json.dumps(measure(options.only, count, options.folder))
                print(line, flush=True)
                stream.write(line + "\n")
        return
    known = {(row["way"], row["pairs"]) for row in iter_dicts(kept)} if kept.is_file() else set()
    for count in options.sizes:
        for way in WAYS:
            if (way, count) not in known and count <= MOST.get(way, count):
                arguments = ["--only", way, "--sizes", str(count), "--folder", str(options.folder)]
                subprocess.run([sys.executable, "-m", "bench.large", *arguments], check=True)
    report(kept)


if __name__ == "__main__":
    main()
