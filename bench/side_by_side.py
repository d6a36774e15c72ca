"""Compare closedbook's generation with synthetic-data-kit's: one server, one slice of text, one checker, three seeds.

    python -m bench.side_by_side --text pg17921.txt --kit VENV/bin/synthetic-data-kit --gguf MODEL.gguf

The text is Project Gutenberg's Manual of Surgery (eBook 17921); the slice is 3,000 words of it round Professor
Thiersch's grafts, written to the work folder and nowhere else. The kit (0.0.5) is wanted in a virtual environment of
its own. Each tool is run by its own commands against llama.cpp's server on loopback, which this script starts anew for
every run with the run's seed, and whose own counter tells the tokens generated. Each run's pairs are kept as
WORK/TOOL-SEED.json; what is there is not run again, so that a bench that was stopped goes on. bench/checker.py judges.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import time
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bench.checker import Verdict, judge
from bench.contestants import Rows, generated_tokens, run_closedbook, run_kit, serving

WORDS = 3_000
LANDMARK = "Professor Thiersch of"
RESULTS = Path(__file__).parent / "results" / "side-by-side.md"
REMARKS = "\n## Remarks"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of one tool: its pairs before and after its own filters, its wall-clock seconds, its tokens.

    ``cpu`` are seconds of processor time, the server's among them: what a busy machine does not stretch as much.
    """

    tool: str
    seed: int
    seconds: float
    tokens: int
    created: int
    kept: Rows
    note: str = ""
    cpu: float = 0.0


def cut_slice(text: str) -> str:
    """Cut ``WORDS`` words in whole paragraphs round the landmark, which stands in the middle."""
    paragraphs = [part.strip() for part in text.replace("\r\n", "\n").split("\n\n") if part.strip()]
    at = next(i for i, paragraph in enumerate(paragraphs) if LANDMARK in " ".join(paragraph.split()))
    first, last = at, at + 1
    while sum(len(paragraph.split()) for paragraph in paragraphs[first:last]) < WORDS:
        before = sum(len(paragraph.split()) for paragraph in paragraphs[first:at])
        after = sum(len(paragraph.split()) for paragraph in paragraphs[at:last])
        first, last = (first - 1, last) if before < after else (first, last + 1)
    return "\n\n".join(paragraphs[first:last]) + "\n"


def measure(tool: str, seed: int, options: argparse.Namespace, source: Path) -> Outcome:
    """Run a tool once, unless its outcome is kept from before."""
    kept = options.work / f"{tool}-{seed}.json"
    if kept.is_file():
        return read_outcome(kept)
    folder = options.work / f"{tool}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with serving(options.gguf, seed) as address:
        started, before = time.monotonic(), cpu_seconds()
        if tool == "kit":
            created, pairs, note = run_kit(options.kit, source, folder, address)
        else:
            preset = tool.removeprefix("closedbook-")
            wanted = ("quick", "none") if preset == "rules" else (preset, f"{address}/v1")
            created, pairs, note = run_closedbook(*wanted, source, folder, seed)
        seconds = time.monotonic() - started
        tokens, spent = generated_tokens(address), cpu_seconds() - before
        outcome = Outcome(tool, seed, seconds, tokens, created, pairs, note, spent)
        kept.write_text(json.dumps(asdict(outcome)))
        return outcome


def cpu_seconds() -> float:
    """Processor time of this process, in which the server runs, and of the commands that it has run."""
    both = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def read_outcome(path: Path) -> Outcome:
    """Read a kept outcome."""
    row: dict[str, Any] = json.loads(path.read_text())
    return Outcome(**row | {"kept": [tuple(pair) for pair in row["kept"]]})


Figures = dict[str, float]


def figures(verdict: Verdict, seconds: float, cpu: float, tokens: int) -> Figures:
    """Put what the checker counted into the rates of the table."""
    minutes, pairs = seconds / 60, verdict.pairs or float("nan")
    return {
        "pairs kept": verdict.pairs,
        "generated tokens": tokens,
        "minutes": minutes,
        "processor minutes": cpu / 60,
        "pairs per 1,000 generated tokens": 1_000 * verdict.pairs / tokens if tokens else float("nan"),
        "pairs per minute": verdict.pairs / minutes,
        "grounded pairs per minute": verdict.grounded / minutes,
        "sound pairs per minute": verdict.sound / minutes,
        "grounded": verdict.grounded / pairs,
        "self-contained": verdict.self_contained / pairs,
        "repeated": verdict.repeated / pairs,
        "sentences covered": verdict.covered / verdict.sentences,
    }


SHARES = ("grounded", "self-contained", "repeated", "sentences covered")


def columns(text: str, outcomes: list[Outcome]) -> dict[str, list[Figures]]:
    """Judge every run: a column a tool, and two more for what closedbook's rules and its model made."""
    found: dict[str, list[Figures]] = {}
    ruled = {one.seed: one for one in outcomes if one.tool == "closedbook-rules"}
    for one in outcomes:
        parts = {one.tool: (one.kept, one.seconds, one.cpu)}
        if one.tool not in ("kit", "closedbook-rules") and (rules := ruled.get(one.seed)):
            drafted = [row for row in one.kept if row[2] != "rule"]
            parts[f"{one.tool}, model-made alone"] = (drafted, one.seconds - rules.seconds, one.cpu - rules.cpu)
        for name, (rows, seconds, cpu) in parts.items():
            verdict = judge(text, [(question, answer) for question, answer, _ in rows])
            found.setdefault(name, []).append(figures(verdict, seconds, cpu, one.tokens))
    return found


def table(measured: dict[str, list[Figures]]) -> str:
    """A row a figure, a column a tool: the mean over seeds, and the range in brackets."""
    names = list(next(iter(measured.values()))[0])
    lines = ["| | " + " | ".join(measured) + " |", "|---" * (len(measured) + 1) + "|"]
    for name in names:
        cells = [_cell(name, [run[name] for run in runs]) for runs in measured.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(name: str, values: list[float]) -> str:
    def show(value: float) -> str:
        if value != value:
            return "-"
        return f"{value:.0%}" if name in SHARES else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"

    mean, low, high = statistics.fmean(values), min(values), max(values)
    return show(mean) if show(low) == show(high) else f"{show(mean)} ({show(low)} to {show(high)})"


def write_above_remarks(path: Path, measured: str) -> None:
    """Put a new measurement in place of the last one; what was remarked on it by hand, below, stays to be revised."""
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    path.write_text(measured + "".join(before.partition(REMARKS)[1:]), encoding="utf-8")


def main() -> None:
    """Run what is missing, judge all, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--kit", type=Path, help="the synthetic-data-kit command")
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("generated/side-by-side"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[17, 18, 19])
    parser.add_argument(
        "--tools", nargs="+", default=["kit", "closedbook-rules", "closedbook-quick", "closedbook-full"]
    )
    parser.add_argument("--judge", action="store_true", help="run nothing, judge the outcomes that WORK holds")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    source = options.work / "slice.txt"
    source.write_text(cut_slice(options.text.read_text(encoding="utf-8-sig")), encoding="utf-8")
    wanted = [(tool, seed) for tool in options.tools for seed in options.seeds]
    if options.judge:
        wanted = [(tool, seed) for tool, seed in wanted if (options.work / f"{tool}-{seed}.json").is_file()]
    outcomes = [measure(tool, seed, options, source) for tool, seed in wanted]
    for one in outcomes:
        print(f"{one.tool} seed {one.seed}: kept {len(one.kept)} of {one.created} in {one.seconds:.0f} s {one.note}")
    shown = table(columns(source.read_text(encoding="utf-8"), outcomes))
    where = f"{os.cpu_count()} CPU cores, no GPU, {date.today():%B %Y}"
    runs = ", ".join(f"{tool} {seed}" for tool, seed in wanted)
    head = f"# Side by side\n\n`python -m bench.side_by_side`; tools and seeds: {runs}; {where}.\n\n{shown}\n"
    write_above_remarks(options.out, head)
    print(shown)


if __name__ == "__main__":
    main()
