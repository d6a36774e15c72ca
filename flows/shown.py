"""What ``plan``, ``doctor`` and ``run`` print: tables for people, plain in a pipe, and one JSON value for machines.

generate   1 min 28 s   an earlier run
finetune   6 min 40 s   measured now
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from tasks.reporting.terminal import default_console
from tasks.storage import iter_dicts

if TYPE_CHECKING:
    from flows.doctor import Finding
    from flows.plan import Estimate

INK = {"ok": "green", "advice": "yellow", "missing": "red"}
RESULTS = {"metrics": "metrics.json", "funnel": "funnel.json", "stages": "stages.json"}


def print_json(value: Any) -> None:
    """Print one JSON value on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))


def duration(seconds: float | None) -> str:
    """Seconds in words: "48 s", "6 min 40 s"."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def print_plan(estimate: "Estimate") -> None:
    """Print what a run would take."""
    console = default_console()
    asked = f"{estimate.calls:,} calls: {estimate.prompt_tokens:,} tokens in, {estimate.written_tokens:,} out"
    steps = "" if estimate.steps is None else f" in {estimate.steps:,} steps"
    lines = [
        f"{estimate.words:,} words, {estimate.facts:,} facts",
        asked,
        f"{estimate.examples:,} examples{steps}, {estimate.probes:,} probes of two models",
    ]
    for line in lines:
        console.print(Text(line))
    table = Table(box=None, pad_edge=False, show_header=False, show_edge=False)
    for stage in estimate.stages:
        table.add_row(Text(stage.name), Text(duration(stage.seconds)), Text(stage.basis, "dim"))
    console.print(table)
    total = "not known" if estimate.minutes is None else duration(60 * estimate.minutes)
    least = "at least " if estimate.tried else ""
    memory = (
        "memory not known" if estimate.memory_mb is None else f"{least}{estimate.memory_mb / 1000:.1f} GB of memory"
    )
    console.print(Text(f"{total} in all, {memory}", "bold"))


def plan_row(estimate: "Estimate") -> dict[str, Any]:
    """An estimate as a JSON object."""
    return asdict(estimate) | {"minutes": estimate.minutes, "memory_at_least": estimate.tried}


def print_findings(findings: list["Finding"]) -> None:
    """Print what the doctor found, and under each fault the command that mends it."""
    console = default_console()
    for finding in findings:
        head = Text.assemble((f"{finding.state:<8}", INK[finding.state]), f"{finding.name:<18}{finding.found}")
        console.print(head, soft_wrap=True)
        if finding.mend:
            console.print(Text(f"{'':<26}{finding.mend}", "bold"), soft_wrap=True)


def run_row(run: Path) -> dict[str, Any]:
    """A finished run as a JSON object: where it lies, its metrics, its funnel, and what each stage took."""
    files = {name: run / file for name, file in RESULTS.items() if (run / file).is_file()}
    report = run / "report.html"
    return {"run": str(run), "report": str(report) if report.is_file() else None} | {
        name: json.loads(path.read_text(encoding="utf-8")) for name, path in files.items()
    }


def verdict_counts(answers: Path) -> dict[str, Any]:
    """What came of a file of probes: where the answers are, and how often each model got which verdict, by category."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for row in iter_dicts(answers):
        for model in ("base", "tuned"):
            of_model = counts.setdefault(row["category"], {}).setdefault(model, {})
            of_model[row[f"{model}_verdict"]] = of_model.get(row[f"{model}_verdict"], 0) + 1
    return {"answers": str(answers), "verdicts": counts}
