"""A run's adapter to a model of its own, and the same probes asked of both: what merging changed.

    merge(Path("generated/heron"), Path("models/heron"), config)
    ->  models/heron/          safetensors in bfloat16, tokenizer, merged.json {"unmerged": {…}, "merged": {…}}

Unmerged is the adapter on its base as it was trained, in 4 bits for QLoRA, asleep over general questions; merged is
what was written, whose weights are always on.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from flows.students import Student, open_student
from flows.terminal import bar
from tasks.config import Config
from tasks.probing.metrics import figures, mcnemar_p, outcomes
from tasks.probing.probes import load_probes, system_prompt
from tasks.probing.scoring import is_right, verdict
from tasks.records import Probe, ProbeResult
from tasks.storage import read_records, write_json

logger = logging.getLogger(__name__)

MERGED = "merged.json"
WAYS = ("unmerged", "merged")


def merge(run: Path, out: Path, config: Config, *, probes: Path | None = None, ask: bool = True) -> dict[str, Any]:
    """Write a run's student as one model, then ask it and the adapter the same probes.

    Args:
        probes: a probe file; None: the run's own probes.
        ask: False writes only.

    Returns:
        What is in ``merged.json``: figures of both ways, how many verdicts are the same, McNemar's p; {} unasked.
    """
    from tasks.tuning.merging import merge as write

    asked = [] if not ask else load_probes(probes) if probes else read_records(run / "probes.jsonl", Probe)
    tuning = config.tuning
    write(tuning.student, run / "adapter", out, remote_code=tuning.remote_code)
    logger.info(f"wrote {out}")
    if not asked:
        return {}
    student = open_student(run, config, exact=True)
    results = put(student, asked, "unmerged") + put(merged_student(student, out, config), asked, "merged")
    found = compared(asked, results)
    write_json(out / MERGED, found)
    return found


def merged_student(unmerged: Student, folder: Path, config: Config) -> Student:
    """The merged model in the place of the adapter, its base as the merge saw it."""
    import torch

    from tasks.tuning.students import load_student

    tuning = config.tuning
    own = str(folder) if tuning.remote_code else ""
    return replace(
        unmerged,
        tuned=load_student(str(folder), dtype=torch.bfloat16, remote_code=own),
        base=load_student(tuning.student, dtype=torch.bfloat16, remote_code=tuning.remote_code),
        decoding=replace(unmerged.decoding, woken_by=()),
    )


def put(student: Student, probes: Sequence[Probe], way: str) -> list[ProbeResult]:
    """Ask the tuned model alone; general questions greedily, those under a foreign tag not at all."""
    from tasks.probing.asking import ask

    def render(probe: Probe) -> str:
        return student.prompt(probe.question, source=probe.source, system=system_prompt(probe.category, student.system))

    results: dict[str, ProbeResult] = {}
    with bar(way, "probes", len(probes)) as progress:
        for barred in (True, False):
            part = [probe for probe in probes if student.bars(probe.source) == barred]
            answers = ask(
                student.tuned, student.tokenizer, [render(probe) for probe in part], opening=student.opening,
                barred=barred, base=student.base, decoding=student.decoding, progress=progress.to,
                questions=["" if probe.category == "G" else probe.question for probe in part],
            )  # fmt: skip
            for probe, answer in zip(part, answers, strict=True):
                told = verdict(answer.text, probe.accepted, probe.question)
                results[probe.id] = ProbeResult(probe.id, way, answer.text, told, answer.margin)
    return [results[probe.id] for probe in probes]


def compared(probes: Sequence[Probe], results: Sequence[ProbeResult]) -> dict[str, Any]:
    """Figures of both ways over the same probes, and how far their verdicts agree."""
    accepted = {probe.id: probe.accepted for probe in probes}
    told = {way: {r.probe_id: r.verdict for r in results if r.model == way} for way in WAYS}
    right = {way: {key: is_right(v, accepted[key]) for key, v in told[way].items()} for way in WAYS}
    gained = sum(right["merged"][key] and not right["unmerged"][key] for key in accepted)
    lost = sum(right["unmerged"][key] and not right["merged"][key] for key in accepted)
    shown = {
        way: {name: figure._asdict() for name, figure in figures(outcomes(probes, results, way)).items()}
        for way in WAYS
    }
    same = sum(told["merged"][key] == told["unmerged"][key] for key in accepted)
    mcnemar = {"p": mcnemar_p(gained, lost), "n01": gained, "n10": lost}
    return {"probes": len(accepted), "same_verdict": same, **shown, "mcnemar": mcnemar}


def table(found: dict[str, Any]) -> list[str]:
    """What ``merge`` found, as lines: a figure a line, unmerged and merged side by side."""
    lines = [f"{'':<16}{'unmerged':>20}{'merged':>20}"]
    for name in found["unmerged"]:
        cells = [found[way].get(name) for way in WAYS]
        lines.append(f"{name:<16}" + "".join(f"{_shown(name, cell):>20}" for cell in cells))
    lines.append(f"the same verdict on {found['same_verdict']:,} of {found['probes']:,} probes")
    return lines


def _shown(name: str, figure: dict[str, Any] | None) -> str:
    if figure is None:
        return "-"
    if name == "AUROC":
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.0%} ({figure['low']:.0%}-{figure['high']:.0%})"
