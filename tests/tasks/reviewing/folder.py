"""A run folder to review: the synthetic run of the report's tests, with candidates, and gold probes beside its corpus.

reviewable(tmp_path)  ->  tmp_path/run  and  tmp_path/corpus/probes.jsonl; one candidate was left out as a duplicate
"""

import json
from dataclasses import replace
from pathlib import Path

from tasks.records import Pair, Probe, Rejection
from tasks.storage import read_records, write_json, write_records
from tests.tasks.reporting.synthetic import TEXT, build_run

GOLD = [
    Probe("g-1", "K1", "Who made the <b>heron</b> pump?", ("Odo Marrick", "Marrick"), "heron"),
    Probe("g-2", "U1", "Who made the stork pump?", None, "heron"),
]


def reviewable(folder: Path, *, text: str = TEXT) -> Path:
    """Write a run that has something of every kind to review; return its folder."""
    run = build_run(folder / "run", text=text)
    pairs = read_records(run / "pairs.jsonl", Pair)
    answerable = [pair for pair in pairs if pair.kind == "answerable"]
    left_out = replace(answerable[0], id="feed", question=f"{answerable[0].question} again")
    write_records(run / "candidates.jsonl", [*answerable, left_out])
    write_records(run / "rejected.jsonl", [Rejection("dedup", "duplicate", "feed", left_out.question)])
    corpus = folder / "corpus"
    corpus.mkdir()
    write_records(corpus / "probes.jsonl", GOLD)
    setup = json.loads((run / "config.json").read_text(encoding="utf-8"))
    write_json(run / "config.json", setup | {"corpus": str(corpus)})
    return run
