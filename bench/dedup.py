"""Measure near-duplicate removal: speed and memory at a million pairs, recall and precision, and other tools beside it.

    python -m bench.dedup                          everything, into bench/results/dedup.md (about 20 minutes)
    python -m bench.dedup --pairs 100000           a smaller run
    python -m bench.dedup --only quality           one part: prints, writes nothing

Each part runs in a process of its own, so that its peak memory is its own. datasketch and rouge-score are needed for
"peers" (pip install datasketch rouge-score); distilabel wants an older datasketch, so it is looked for in a folder of
its own: pip install --target DIR --no-deps distilabel datasketch==1.6.5 nest-asyncio universal_pathlib pathlib_abc
tblib portalocker, then --distilabel DIR.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.synthetic_pairs import labelled_pairs
from tasks.config import CurationConfig
from tasks.curation.dedup import are_duplicates, bands_for, drop_duplicates, near_duplicates
from tasks.curation.ties import Ties
from tasks.curation.wording import normalise, wording
from tasks.records import Pair

CONFIG = CurationConfig()
RESULTS = Path(__file__).parent / "results" / "dedup.md"
QUALITY, SLICE, ROUGE_SLICE = 20_000, 20_000, 1_500
Figures = dict[str, Any]


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(work: Callable[[], Any]) -> tuple[Any, Figures]:
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    result = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return result, {
        "seconds": time.perf_counter() - wall,
        "user": after.ru_utime - before.ru_utime,
        "system": after.ru_stime - before.ru_stime,
    }


def measure_speed(count: int) -> Figures:
    pairs = [pair for _, pair in labelled_pairs(count)]
    held = peak_mib()
    (kept, rejections), figures = timed(lambda: drop_duplicates(pairs, CONFIG))
    assert len(kept) + len(rejections) == count
    figures["load"] = os.getloadavg()[0]
    return figures | {"pairs": count, "held": held, "peak": peak_mib(), "kept": len(kept), "dropped": len(rejections)}


def measure_index(count: int = 100_000) -> Figures:
    """The worst case for memory: all questions in one group, so that all are in one index at once."""
    texts = [f"what is the {number % 977} of lot {number}" for number in range(count)]
    texts = [text.translate(str.maketrans("0123456789", "abcdefghij")) for text in texts]
    held = peak_mib()
    found, figures = timed(lambda: sum(1 for _ in near_duplicates([texts], CONFIG)))
    return figures | {"texts": count, "matches": found, "bytes": (peak_mib() - held) * 2**20 / count}


def _codes(keys: Iterable[object]) -> NDArray[np.int64]:
    """Equal numbers for equal keys."""
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys])


def measure_quality(count: int = QUALITY) -> Figures:
    """What is dropped, against the comparison of every pair with every other."""
    labels = {pair.id: (label, pair) for label, pair in labelled_pairs(2 * count, seed=11)}
    sample = list(labels.values())[:count]
    pairs = [pair for _, pair in sample]
    # Duplicates have equal names and numbers, or are word for word the same: the other pairs need not be looked at.
    marked = _codes(wording(pair.question).marks for pair in pairs)
    worded = _codes(normalise(pair.question) for pair in pairs)
    truth, threshold = set(), CONFIG.duplicate_similarity
    for left in range(count):
        same = (marked[left + 1 :] == marked[left]) | (worded[left + 1 :] == worded[left])
        for right in np.flatnonzero(same) + left + 1:
            if are_duplicates(pairs[left], pairs[right], threshold):
                truth.add(frozenset((pairs[left].id, pairs[right].id)))
    kept, rejections = drop_duplicates(pairs, CONFIG)
    kept_ids = {pair.id for pair in kept}
    named = {frozenset((rejection.ref, rejection.excerpt.split()[2])) for rejection in rejections}
    missed = sum(couple <= kept_ids for couple in truth)
    again, _ = drop_duplicates(kept, CONFIG)
    back, _ = drop_duplicates(pairs[::-1], CONFIG)
    return {
        "pairs": count, "compared": count * (count - 1) // 2, "couples": len(truth), "dropped": len(rejections),
        "precision": len(named & truth) / len(named), "recall": 1 - missed / len(truth), "idempotent": again == kept,
        "any_order": {pair.id for pair in back} == kept_ids,
    }  # fmt: skip


def judged(flags: list[bool], sample: list[tuple[str, Pair]]) -> Figures:
    """Of what says the same again, how much was dropped; and how many distinct questions were lost altogether."""
    ties: Ties[int] = Ties(range(len(sample)))
    first: dict[object, int] = {}
    new = 0
    for place, (label, pair) in enumerate(sample):
        new = place if label == "new" else new
        if label == "reword":
            ties.tie(new, place)
        ties.tie(first.setdefault((pair.form, pair.answer, normalise(pair.question)), place), place)
    groups = [[flags[place] for place in group] for group in ties.groups()]
    repeats = sum(len(group) - 1 for group in groups)
    return {
        "found": sum(min(sum(group), len(group) - 1) for group in groups) / repeats,
        "lost": sum(map(all, groups)) / len(groups),
    }


def ours(sample: list[tuple[str, Pair]]) -> list[bool]:
    kept = {id(pair) for pair in drop_duplicates([pair for _, pair in sample], CONFIG)[0]}
    return [id(pair) not in kept for _, pair in sample]


def datasketch(sample: list[tuple[str, Pair]]) -> list[bool]:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=CONFIG.duplicate_similarity, num_perm=CONFIG.minhash_permutations)
    flags = []
    for number, (_, pair) in enumerate(sample):
        signature = MinHash(num_perm=CONFIG.minhash_permutations)
        signature.update_batch([shingle.encode() for shingle in wording(pair.question).shingles])
        flags.append(bool(index.query(signature)))
        if not flags[-1]:
            index.insert(str(number), signature)
    return flags


def distilabel(sample: list[tuple[str, Pair]]) -> list[bool]:
    from distilabel.steps import MinHashDedup

    step = MinHashDedup(tokenizer="ngrams", threshold=CONFIG.duplicate_similarity, storage="dict")
    step.load()
    rows = [{"text": pair.question} for _, pair in sample]
    return [not row["keep_row_after_minhash_filtering"] for batch in step.process(rows) for row in batch]


def self_instruct(sample: list[tuple[str, Pair]]) -> list[bool]:
    """The loop of self-instruct: ROUGE-L of each new item with all kept ones, dropped above 0.7."""
    from rouge_score import rouge_scorer

    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    kept: list[str] = []
    flags = []
    for _, pair in sample:
        best = max((scorer.score(pair.question, other)["rougeL"].fmeasure for other in kept), default=0.0)
        flags.append(best > 0.7)
        if best <= 0.7:
            kept.append(pair.question)
    return flags


PEERS: dict[str, tuple[Callable[[list[tuple[str, Pair]]], list[bool]], int, int]] = {
    "closedbook": (ours, SLICE, 1),
    "datasketch": (datasketch, SLICE, 1),
    "distilabel": (distilabel, SLICE, 1),
    "self-instruct": (self_instruct, ROUGE_SLICE, 2),
}


def measure_peer(name: str, total: int) -> Figures:
    """A tool on a slice, and what that makes of the total: times n, or times n squared where all meet all."""
    drop, size, power = PEERS[name]
    sample = list(labelled_pairs(size, seed=23))
    flags, figures = timed(lambda: drop(sample))
    return (
        figures
        | judged(flags, sample)
        | {"slice": size, "power": power, "total": figures["user"] * (total / size) ** power}
    )


def in_process(part: str, total: int, distilabel_folder: str) -> Figures | None:
    """Run one part in its own process; None when a library it needs is missing."""
    path = [distilabel_folder] if part == "distilabel" and distilabel_folder else []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*path, "."])}
    command = [sys.executable, "-W", "ignore", "-m", "bench.dedup", "--only", part, "--pairs", str(total)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{part}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    print(part, figures, file=sys.stderr)
    return figures


def measure(part: str, total: int) -> Figures:
    if part in PEERS:
        return measure_peer(part, total)
    return {"speed": lambda: measure_speed(total), "index": measure_index, "quality": measure_quality}[part]()


def beside(total: int, figures: dict[str, Figures | None]) -> list[str]:
    """The table of all tools on a slice of the same pairs, a line each."""
    head = "| tool | slice | processor time | for 1,000,000, extrapolated | repetitions found | questions lost |"
    table = [head.replace("1,000,000", f"{total:,}"), "|---|---|---|---|---|---|"]
    for name in PEERS:
        row = figures[name]
        if row is None:
            table.append(f"| {name} | left open: could not be installed here | | | | |")
            continue
        law = "n" if row["power"] == 1 else "n²"
        table.append(
            f"| {name} | {row['slice']:,} | {row['user']:.1f} s | {row['total']:,.0f} s (times {law}) "
            f"| {row['found']:.1%} | {row['lost']:.1%} |"
        )
    return table


def report(total: int, figures: dict[str, Figures | None]) -> str:
    speed, index, quality = figures["speed"] or {}, figures["index"] or {}, figures["quality"] or {}
    lines = [
        "# Near-duplicate removal",
        f"`python -m bench.dedup`, Python {platform.python_version()}, {os.cpu_count()} CPU cores, no GPU, "
        f"{date.today():%d %B %Y}; load average {speed['load']:.1f} over the minute (1 is this bench itself).",
        "| measured | figure | aim |\n|---|---|---|",
    ]
    rows = [
        (f"{total:,} pairs, wall clock", f"{speed['seconds']:.1f} s", "60 s"),
        ("… processor time, user + system", f"{speed['user']:.1f} + {speed['system']:.1f} s", ""),
        ("… peak memory, the pairs included", f"{speed['peak']:,.0f} MiB", "3,072 MiB"),
        ("… memory for the pairs alone", f"{speed['held']:,.0f} MiB", ""),
        ("… kept and dropped", f"{speed['kept']:,} and {speed['dropped']:,}", ""),
        ("index, bytes a pair, all in one group (worst case)", f"{index['bytes']:,.0f}", ""),
        (
            f"recall on {quality['pairs']:,} pairs, {quality['compared']:,} comparisons",
            f"{quality['recall']:.4f}",
            "0.98",
        ),
        (f"precision, {quality['dropped']:,} dropped", f"{quality['precision']:.4f}", "1.0"),
        ("a second pass drops nothing", "yes" if quality["idempotent"] else "NO", "yes"),
        ("the same pairs are kept in any order", "yes" if quality["any_order"] else "NO", "yes"),
    ]
    lines[-1] += "".join(f"\n| {name} | {value} | {aim} |" for name, value, aim in rows)
    bands = bands_for(CONFIG.duplicate_similarity, CONFIG.minhash_permutations, CONFIG.missed_duplicates)
    lines.append(
        f"Jaccard {CONFIG.duplicate_similarity} over word shingles, {CONFIG.minhash_permutations} permutations in "
        f"{bands} bands. Outside the index, 16 bytes a pair are held."
    )
    lines += [
        "## Beside other tools",
        "Each on a slice of the same pairs; the whole is extrapolated from it, not measured. datasketch gets our "
        "shingles and permutations; distilabel's MinHashDedup its character n-grams; self-instruct its ROUGE-L above "
        "0.7 with all kept. None of them tells near-twins apart, and none is verified.",
        "\n".join(beside(total, figures)),
    ]
    return "\n\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["speed", "index", "quality", *PEERS])
    parser.add_argument("--distilabel", default="", help="folder that distilabel was installed into")
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options.pairs)))
        return
    parts = ["speed", "index", "quality", *PEERS]
    text = report(options.pairs, {part: in_process(part, options.pairs, options.distilabel) for part in parts})
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
