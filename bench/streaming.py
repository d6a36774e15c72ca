"""Measure the memory of reading: a large text is cut into windows, its completions parsed, its pairs filtered.

    python -m bench.streaming                       10, 100 and 1,000 MB, into bench/results/streaming.md (half an hour)
    python -m bench.streaming --size 10             one size: prints, writes nothing

Each size runs in a process of its own, so that its peak memory is its own. The text is made up, one plain file; the
completions are made of each window's own sentences, since no generator writes a gigabyte: a question with its
answer, and now and then garbage. What comes out is written to files and deleted at the end.
"""

import argparse
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from bench.synthetic_pairs import word
from tasks.config import ChunkConfig, CurationConfig
from tasks.corpus import readers
from tasks.corpus.chunking import chunk_document
from tasks.corpus.readers import iter_corpus
from tasks.curation.filters import sift
from tasks.generation.parsing import parse_pairs
from tasks.records import Chunk, Document, Pair, Rejection
from tasks.storage import write_records

RESULTS = Path(__file__).parent / "results" / "streaming.md"
SIZES = (10, 100, 1000)
PART = readers.LARGEST_TEXT // 1_000_000
GARBAGE = ("Q: ?\nA:", "### Human: [INST]", "Answer: yes", "Q: Who built it?\nA: He did.", "\ufffd" * 20)
Figures = dict[str, Any]


def write_text(path: Path, megabytes: int, seed: int = 3) -> None:
    """Paragraphs of five sentences, each a fact of its own."""
    source = random.Random(seed)
    nouns = [word(source, 2 + index % 2) for index in range(2000)]
    names = [word(source, 3).capitalize() for _ in range(5000)]
    left = megabytes * 1_000_000
    with path.open("w", encoding="utf-8") as stream:
        while left > 0:
            paragraph = " ".join(
                f"The {source.choice(nouns)} of {source.choice(names)} at {source.choice(names)} holds "
                f"{source.randint(2, 9999)} {source.choice(nouns)}s behind the {source.choice(nouns)} house."
                for _ in range(5)
            )
            left -= stream.write(f"{paragraph}\n\n")


def completion(chunk: Chunk, number: int) -> str:
    """What a model might have written about a window."""
    if number % 50 == 0:
        return GARBAGE[number // 50 % len(GARBAGE)]
    first, *_ = chunk.text.replace("\n", " ").split(". ")
    words = first.split()
    return f"Q: What does {' '.join(words[:5]).replace('The', 'the')} hold?\nA: {' '.join(words[6:8])}"


def pairs_of(document: Document, chunks: list[Chunk], counts: Counter[str]) -> Iterator[Pair]:
    for number, chunk in enumerate(chunks):
        counts["completions"] += 1
        for drafted in parse_pairs(completion(chunk, number)):
            counts["parsed"] += 1
            yield Pair.create(
                chunk_id=chunk.id, fact_id="", source=document.source, question=drafted.question, answer=drafted.answer,
                evidence_start=chunk.start, evidence_end=chunk.end, form="model-wh", kind="answerable",
            )  # fmt: skip


def judged(text: Path, counts: Counter[str], out: Path) -> Iterator[Pair | Rejection]:
    """The chain under measurement: document by document, pair by pair."""
    for number, document in enumerate(iter_corpus(text)):
        chunks = chunk_document(document, ChunkConfig())
        counts["windows"] += write_records(out / f"chunks-{number}.jsonl", chunks)
        (out / f"chunks-{number}.jsonl").unlink()
        yield from sift(pairs_of(document, chunks, counts), [document], CurationConfig())


def counted(stream: Iterator[Pair | Rejection], counts: Counter[str]) -> Iterator[Pair | Rejection]:
    for one in stream:
        counts["kept" if isinstance(one, Pair) else one.reason] += 1
        yield one


def measure(megabytes: int, part: int) -> Figures:
    readers.LARGEST_TEXT = part * 1_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with tempfile.TemporaryDirectory() as folder:
        text, counts = Path(folder) / "text.txt", Counter[str]()
        write_text(text, megabytes)
        started = time.perf_counter(), time.process_time()
        write_records(Path(folder) / "judged.jsonl", counted(judged(text, counts, Path(folder)), counts))
        wall, user = time.perf_counter() - started[0], time.process_time() - started[1]
        size = text.stat().st_size
    assert counts["parsed"] == sum(counts.values()) - counts["windows"] - counts["completions"] - counts["parsed"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"bytes": size, "part": part, "before": before, "peak": peak, "wall": wall, "user": user, "counts": counts}


def in_process(megabytes: int) -> Figures:
    command = [sys.executable, "-m", "bench.streaming", "--size", str(megabytes)]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": "."}, capture_output=True, text=True, check=True)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    print(megabytes, figures, file=sys.stderr)
    return figures


def _row(row: Figures) -> str:
    counts = row["counts"]
    return (
        f"| {row['bytes'] / 1e6:,.0f} MB | {row['part']} MB | {counts['windows']:,} | {counts['parsed']:,} "
        f"| {counts['kept']:,} | {row['peak']:,.0f} MiB | {row['wall']:,.0f} s | {row['user']:,.0f} s |"
    )


def report(figures: list[Figures]) -> str:
    rows = "\n".join(map(_row, figures))
    largest = max(row["bytes"] for row in figures)
    left = (
        ""
        if largest >= 1e9
        else f" The gigabyte itself was not measured: the largest text was {largest / 1e6:,.0f} MB."
    )
    return f"""\
# Memory of reading a large text

`python -m bench.streaming`, Python {platform.python_version()}, {os.cpu_count()} CPU cores, no GPU,
{date.today():%d %B %Y}.

| one plain text | read in parts of | windows | pairs parsed | pairs kept | peak memory | wall clock | processor time |
|---|---|---|---|---|---|---|---|
{rows}

Aim: 1 GB under 500 MiB. Before anything is read, {figures[0]["before"]:,.0f} MiB are taken by what is imported.{left}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, help="megabytes of text")
    parser.add_argument("--part", type=int, default=PART, help="megabytes that are read at once")
    parser.add_argument("--from", dest="lines", type=Path, help="lines that runs with --size printed, to report on")
    options = parser.parse_args()
    if options.size:
        print(json.dumps(measure(options.size, options.part)))
        return
    if options.lines:
        figures = [json.loads(line) for line in options.lines.read_text(encoding="utf-8").splitlines()]
    else:
        figures = [in_process(size) for size in SIZES]
    RESULTS.write_text(report(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
