"""Probes to a verdict on both models: gold questions and drawn ones, asked of the base and the tuned model alike.

probes.jsonl of the corpus + pairs held out of training  ->  probes.jsonl results.jsonl metrics.json
"""

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from prefect import flow, task

from flows.artifacts import progress, show
from flows.curate import corpus_text, gold_probes, refusal_maker, tally
from flows.elsewhere import anywhere
from flows.finetune import loaded
from flows.limits import device
from flows.models import named
from flows.run_folder import account, measured, read_setup
from flows.students import Student
from flows.terminal import wait
from tasks.config import Config
from tasks.curation.decisions import read_decisions
from tasks.curation.reviews import is_rejected, review_probes
from tasks.errors import UnusableResult
from tasks.probing.drawing import Drawn, draw_probes
from tasks.probing.general import general_probes, general_text
from tasks.probing.metrics import Figure, measure
from tasks.probing.probes import leaks, load_probes, system_prompt, under_second_prompt
from tasks.records import Example, Pair, Probe, ProbeResult, Rejection
from tasks.storage import read_records, write_json, write_records

logger = logging.getLogger(__name__)


@flow(name="probe", flow_run_name="probe {run.name}")
@anywhere
def probe(run: Path, config: Config | None = None) -> Path:
    """Ask the base and the tuned model of a run its probes, and measure both.

    Args:
        run: a run that was begun, e.g. /data/runs/heron or s3://bucket/heron.
        config: what steers it; left out, what the run was begun with.
    """
    config = config or read_setup(run).config
    with measured(run, "probe"):
        collect(run, config)
        with device(config.tuning.student):
            examine(run, config)
        show(run, "funnel", "probes")
        judge(run, config)
    return run


@flow(name="probe-file", flow_run_name="probe {run.name} {probes.name}")
def ask_file(run: Path, probes: Path, out: Path, config: Config) -> Path:
    """Ask both models the questions of a file; write one JSON line a probe."""
    asked = load_probes(probes)
    by_model: dict[str, dict[str, ProbeResult]] = {"base": {}, "tuned": {}}
    for result in put(loaded(run, config), asked):
        by_model[result.model][result.probe_id] = result
    rows = []
    for question in asked:
        row = {"id": question.id, "category": question.category, "question": question.question}
        for model, results in by_model.items():
            row |= {
                f"{model}_response": results[question.id].response,
                f"{model}_verdict": results[question.id].verdict,
            }
        rows.append(row)
    write_records(out, rows)
    logger.info(f"asked {len(rows):,} probes; answers in {out}")
    return out


@task(task_run_name="collect {run.name}")
def collect(run: Path, config: Config) -> None:
    """Write the run's probes: those beside the corpus, and those drawn from what was held out of training."""
    pairs = read_records(run / "pairs.jsonl", Pair)
    trained = read_records(run / "train.jsonl", Example)
    decisions = read_decisions(run)
    gold, refused = review_probes(gold_probes(read_setup(run).corpus), decisions)
    near = leaks(gold, [example.prompt for example in trained])
    leaked = [
        Rejection("probe", "near a training question", item.id, f"{item.question} ({near[item.id]})")
        for item in gold
        if item.id in near
    ]
    drawn, unfit = draw_probes(
        sides(run, [pair for pair in pairs if not is_rejected(pair, decisions)], trained),
        tags=sorted({pair.source for pair in pairs}),
        unknown_tag=refusal_maker(run, "probe").foreign_tag,
        limit=config.probing.drawn,
        seed=config.seed,
    )
    kept = [item for item in gold if item.id not in near]
    general = general_probes(corpus_text(run))
    probes = kept + under_second_prompt(kept) + drawn + general
    write_records(run / "probes.jsonl", probes)
    lost = [*refused, *leaked, *unfit]
    account(run, [tally("probe", parsed=len(probes) + len(lost), kept=len(probes), rejections=lost)], lost)
    logger.info(f"{len(probes):,} probes: {len(kept):,} hand-written, {len(drawn):,} drawn, {len(general):,} general")


def sides(run: Path, pairs: Sequence[Pair], trained: Sequence[Example]) -> Drawn:
    """Tell the pairs that were taught from those that were not, with refusal twins of the latter."""
    taught = {example.pair_id for example in trained}
    valid = {example.pair_id for example in read_records(run / "valid.jsonl", Example)}
    answerable = [pair for pair in pairs if pair.kind == "answerable"]
    held_out = [pair for pair in answerable if pair.id in valid]
    maker = refusal_maker(run, "probe")
    return Drawn(
        trained=[pair for pair in pairs if pair.id in taught],
        held_out=held_out,
        withheld=[pair for pair in answerable if pair.id not in taught | valid],
        refusals=[twin for pair in held_out for twin in maker.twins(pair)],
    )


@task(task_run_name="examine {run.name}")
def examine(run: Path, config: Config) -> None:
    """Ask the run's probes of both models and write the answers with their verdicts."""
    from tasks.probing.asking import perplexities

    student = loaded(run, config)
    asked = read_records(run / "probes.jsonl", Probe)
    write_records(run / "results.jsonl", put(student, asked, work=asking(config)))
    with wait("perplexity", work=f"perplexity {named(config)}"):
        found = perplexities(
            student.tuned, student.tokenizer, general_text(), base=student.base, woken_by=student.decoding.woken_by
        )
    write_json(run / "perplexity.json", {model: figure._asdict() for model, figure in found.items()})


def asking(config: Config) -> str:
    """Name the work of asking this student and its base, for ``speeds.json``."""
    return f"probing {named(config)} {config.probing.recitals}"


def put(student: Student, probes: Sequence[Probe], *, work: str = "") -> list[ProbeResult]:
    """Put probes to the base and the tuned model in the same batches; show how far it is."""
    with progress("probing", "probes", len(probes), work=work) as shown:
        return put_quietly(student, probes, shown.to)


def put_quietly(
    student: Student, probes: Sequence[Probe], report: Callable[[int, int], None] | None = None
) -> list[ProbeResult]:
    """Put probes to both models; ``report`` is called with how many are answered, of how many."""
    from tasks.probing.asking import ask_both

    def render(item: Probe) -> str:
        return student.prompt(item.question, source=item.source, system=system_prompt(item.category, student.system))

    results = ask_both(
        student.tuned,
        student.tokenizer,
        probes,
        render=render,
        opening=student.opening,
        recalls=lambda item: item.category != "G",
        barred=lambda item: student.bars(item.source),
        base=student.base,
        decoding=student.decoding,
        progress=report,
    )
    return list(results)


@task(task_run_name="judge {run.name}")
def judge(run: Path, config: Config) -> None:
    """Write the metrics; a run whose held-out accuracy misses the gate has failed."""
    probes = read_records(run / "probes.jsonl", Probe)
    results = read_records(run / "results.jsonl", ProbeResult)
    general = json.loads((run / "perplexity.json").read_text(encoding="utf-8"))
    found = measure(probes, results, {model: Figure(**figure) for model, figure in general.items()})
    write_json(run / "metrics.json", found)
    hpa = found["tuned"].get("HPA", {}).get("value", 0.0)
    if hpa < config.probing.gate_hpa:
        raise UnusableResult(
            f"{run.name}: held-out accuracy {hpa:.0%} is below probing.gate_hpa={config.probing.gate_hpa:.0%}"
        )
