"""The runs of a comparison to the entries of ``compare.json``: a column a student, its answers side by side.

column("embedded", Path("generated/heron-compare/embedded"), "")
->  {"name": "embedded", "training": {…}, "metrics": {…}, "held_out": {"base": {"perplexity", "bits"}, …}, …}
"""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tasks.probing.general import general_text
from tasks.probing.scoring import is_right
from tasks.records import Probe, ProbeResult
from tasks.storage import OUTCOME, iter_dicts, read_records

HELD_OUT = "held_out.json"
SHOWN = {"K1": 4, "K2": 2, "U1": 2, "U2": 2, "U3": 1, "G": 1}
"""Probes shown side by side where no questions are given, by category."""


def column(name: str, run: Path, error: str) -> dict[str, Any]:
    """What one student came to; ``error`` says why there is nothing."""
    start: dict[str, Any] = {"name": name, "folder": run.name, "error": error, "curves": []}
    if error:
        return start
    training, metrics, held, general = (
        json.loads((run / file).read_text(encoding="utf-8"))
        for file in (OUTCOME, "metrics.json", HELD_OUT, "perplexity.json")
    )
    size = len(general_text().encode())
    return start | {
        "training": training,
        "metrics": metrics,
        "held_out": {model: {"perplexity": f["value"], "bits": f["bits_per_byte"]} for model, f in held.items()},
        "general": {
            model: {"perplexity": f["value"], "bits": f["n"] * math.log2(f["value"]) / size}
            for model, f in general.items()
        },
        "curves": list(iter_dicts(run / "training.jsonl")),
    }


def chosen(run: Path | None) -> list[Probe]:
    """A few probes of each kind, for want of questions."""
    left = dict(SHOWN)
    picked = []
    for item in read_records(run / "probes.jsonl", Probe) if run else []:
        if left.get(item.category, 0):
            left[item.category] -= 1
            picked.append(item)
    return picked


def right_by_probe(run: Path) -> dict[str, bool]:
    """Whether the tuned model did what each probe asks for."""
    accepted = {item.id: item.accepted for item in read_records(run / "probes.jsonl", Probe)}
    results = read_records(run / "results.jsonl", ProbeResult)
    return {r.probe_id: is_right(r.verdict, accepted[r.probe_id]) for r in results if r.model == "tuned"}


def side_by_side(item: Probe, runs: dict[str, Path], file: str) -> dict[str, Any]:
    """One question with every student's answers; without a right answer the verdict says only who declined."""
    answers: dict[str, dict[str, tuple[str, str]]] = {}
    for name, run in runs.items():
        for result in read_records(run / file, ProbeResult):
            if result.probe_id == item.id:
                told = result.verdict if item.accepted != () or result.verdict == "refused" else ""
                answers.setdefault(name, {})[result.model] = (result.response, told)
    return {k: v for k, v in asdict(item).items() if k in ("question", "accepted", "category")} | {"answers": answers}
