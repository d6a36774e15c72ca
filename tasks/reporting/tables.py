"""A run's files turn into rows of plain text, for pages that are not ours: Prefect shows them as tables.

funnel_rows(run)     [{"stage": "filter", "in": "1,033", "kept": "893", "rejected": "140: 90 ungrounded, …"}, …]
sample_rows(run)     [{"question": "When was the Badger last relined?", "answer": "1909", "form": "wh", …}, …]
coverage_rows(run)   [{"source": "heron", "questions a sentence": "4 to 7", "sentences": "31"}, …]
probe_rows(run)      [{"probes": "K1", "meaning": "…", "n": "64", "base right": "5%", …}, …]
"""

from pathlib import Path

from tasks.records import Document, Fact, Pair, Probe, ProbeResult, Tally
from tasks.reporting.coverage import histogram, paint
from tasks.reporting.funnel import load_funnel
from tasks.reporting.outcomes import by_category, join, models_of
from tasks.reporting.samples import sample_pairs
from tasks.storage import read_records

Rows = list[dict[str, str]]
LONGEST = 200
"""Characters of a cell."""


def funnel_rows(run: Path) -> Rows:
    """Stages: what came in, what was kept, what was rejected and why."""
    return [
        {"stage": stage.stage, "in": f"{stage.parsed:,}", "kept": f"{stage.kept:,}", "rejected": _reasons(stage)}
        for stage in load_funnel(run).stages
    ]


def _reasons(stage: Tally) -> str:
    ordered = sorted(stage.rejected.items(), key=lambda item: (-item[1], item[0]))
    total = sum(stage.rejected.values())
    return f"{total:,}: " + ", ".join(f"{count:,} {reason}" for reason, count in ordered) if total else "0"


def sample_rows(run: Path) -> Rows:
    """Ten pairs, one of each form in turn, with the text that they rest on."""
    samples = sample_pairs(read_records(run / "pairs.jsonl", Pair), read_records(run / "documents.jsonl", Document))
    return [
        {
            "question": _cell(sample.pair.question),
            "answer": _cell(sample.pair.answer),
            "form": sample.pair.form,
            "made by": sample.pair.generator,
            "evidence": _cell(f"{sample.lead}{sample.answer}{sample.rest}"),
        }
        for sample in samples
    ]


def coverage_rows(run: Path) -> Rows:
    """Of each document's sentences that state something: how many got how many questions."""
    pairs, facts = read_records(run / "pairs.jsonl", Pair), read_records(run / "facts.jsonl", Fact)
    return [
        {"source": document.source, "questions a sentence": step, "sentences": f"{count:,}"}
        for document in read_records(run / "documents.jsonl", Document)
        for step, count in histogram(paint(document, pairs, facts)).items()
    ]


def probe_rows(run: Path) -> Rows:
    """Categories of probes: n, and each model's share right with its 95% interval."""
    outcomes = join(read_records(run / "probes.jsonl", Probe), read_records(run / "results.jsonl", ProbeResult))
    models = models_of(outcomes)
    rows = []
    for category in by_category(outcomes):
        row = {"probes": category.category, "meaning": category.meaning, "n": f"{category.n:,}"}
        for model in models:
            share = category.shares[model]
            row |= {f"{model} right": share.percent() if share.n else "-", f"{model} 95%": share.interval()}
        rows.append(row)
    return rows


def _cell(text: str) -> str:
    """One line of plain text: a page that reads Markdown finds no link, image or code in it."""
    line = " ".join(text.split())[:LONGEST]
    return "".join(f"\\{char}" if char in "\\`[]<>*_|" else char for char in line)
