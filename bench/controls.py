"""What else a user could do, measured on a finished run's own probes.

    python -m bench.controls generated/heronsmere-works-quick --out bench/results/controls.md

    base                  the student as it came
    passage in prompt     … with the chunk that holds the answer before the question: the ceiling of an open book
    BM25                  … with the chunk that BM25 ranks first: what a user would do instead
    raw text              tuned on the text's windows as plain text (causal language modelling), asked as a chat model
    pairs, no refusals    tuned on the run's answerable pairs alone, asked greedily
    closedbook            the run's own model

The two trainings have the run's own recipe but for what the row says, and read as many tokens as the run's did. Asked
are the probes that any control can be asked: those of what is known and what is not, without tags, phrasings and
general questions.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.recipes import train_for
from flows.finetune import taught
from flows.run_folder import read_setup
from flows.students import Student, open_student
from tasks.config import Config, TuningConfig
from tasks.curation.refusals import OPENING
from tasks.probing.asking import as_base, ask
from tasks.probing.controls import Retrieval, gold_passage, open_book, open_book_system
from tasks.probing.decoding import Decoding
from tasks.probing.metrics import Figure, figures, outcomes
from tasks.probing.scoring import verdict
from tasks.records import Chunk, Example, Probe, ProbeResult
from tasks.storage import OUTCOME, read_records
from tasks.tuning.rendering import Renderer, choose_template
from tasks.tuning.students import load_tokenizer, load_tuned

ASKED = ("K0", "K1", "K2", "U1", "U2", "U3")
SHOWN = ("K0", "HPA", "FDA", "false_refusal", "refusal_U1", "refusal_U2", "refusal_U3", "hallucination")
Render = Callable[[Probe], str]


def answers(model: object, student: Student, probes: Sequence[Probe], render: Render, way: str) -> list[ProbeResult]:
    """Greedy answers of one model, judged."""
    plain = Decoding(student.decoding.batch_size, student.decoding.max_new_tokens)
    prompts = [render(probe) for probe in probes]
    said = ask(model, student.tokenizer, prompts, opening=student.opening, base=student.base, decoding=plain)  # type: ignore[arg-type]
    return [
        ProbeResult(probe.id, way, answer.text, verdict(answer.text, probe.accepted, probe.question), answer.margin)
        for probe, answer in zip(probes, said, strict=True)
    ]


def open_books(run: Path, student: Student, probes: Sequence[Probe]) -> list[ProbeResult]:
    """The untuned student with a passage before the question: the right one, and BM25's."""
    retrieval = Retrieval(read_records(run / "chunks.jsonl", Chunk))
    ways = {
        "passage in prompt": open_book(lambda probe: gold_passage(retrieval, probe)),
        "BM25": open_book(retrieval.best),
    }
    system, found = open_book_system(OPENING), []

    def rendered(message: Render) -> Render:
        return lambda probe: student.renderer.prompt(message(probe), system=system)

    with as_base(student.tuned, student.base) as base:
        for way, message in ways.items():
            found += answers(base, student, probes, rendered(message), way)
    return found


def retuned(run: Path, config: Config, way: str) -> tuple[TuningConfig, list[Example], list[str]]:
    """Recipe, examples and plain texts of a control that is trained."""
    usual: dict[str, object] = {"activated": False, "question_dropout": 0.0, "replay_share": 0.0}
    if way == "raw text":
        return config.tuning.model_copy(update=usual | {"statements": 1}), [], [
            chunk.text for chunk in read_records(run / "chunks.jsonl", Chunk)
        ]  # fmt: skip
    examples, _ = taught(run)
    answerable = [example for example in examples if not example.answer.startswith(OPENING)]
    return config.tuning.model_copy(update=usual | {"statements": 0}), answerable, []


def trained(run: Path, config: Config, way: str, probes: Sequence[Probe]) -> list[ProbeResult]:
    """Train a control and ask it: one on raw text under no system prompt, one on pairs under theirs."""
    tuning, examples, texts = retuned(run, config, way)
    tokens = json.loads((run / OUTCOME).read_text())["tokens"]
    with tempfile.TemporaryDirectory() as folder:
        outcome = train_for(tokens, examples, texts, tuning, Path(folder), seed=config.seed)
        print(f"{way}: {outcome.epochs:.1f} epochs of {outcome.examples}, loss {outcome.final_loss:.3f}", flush=True)
        tuned, base = load_tuned(tuning.student, Path(folder) / "adapter", method=tuning.method)
    tokenizer = load_tokenizer(tuning.student)
    renderer = Renderer(tokenizer, choose_template(tokenizer, tuning.template, tuning.student))
    student = Student(tuned, base, tokenizer, renderer, Decoding(), tuning.system, frozenset())
    system = "" if way == "raw text" else tuning.system
    return answers(tuned, student, probes, lambda p: renderer.asked(p.question, system=system), way)


def table(probes: Sequence[Probe], results: Sequence[ProbeResult], ways: Sequence[str]) -> str:
    """A row a way, a column a metric, shares with their 95% intervals."""
    shown = {way: figures(outcomes(probes, results, way)) for way in ways}
    counts = {name: found.n for found in shown.values() for name, found in found.items()}
    heads = [f"{name.replace('refusal_', '')} ({counts[name]})" for name in SHOWN if name in counts]
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for way, found in shown.items():
        lines.append(f"| {way} | " + " | ".join(_cell(found.get(name)) for name in SHOWN if name in counts) + " |")
    return "\n".join(lines)


def _cell(figure: Figure | None) -> str:
    return "" if figure is None else f"{figure.value:.0%} ({100 * figure.low:.0f}-{100 * figure.high:.0f})"


def main() -> None:
    """Measure the controls of one run and write their table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=Path("bench/results/controls.md"))
    options = parser.parse_args()
    run, started = options.run, time.monotonic()
    config = read_setup(run).config
    probes = [replace(p, group="") for p in read_records(run / "probes.jsonl", Probe) if p.category in ASKED]
    kept = read_records(run / "results.jsonl", ProbeResult)
    results = [replace(r, model="closedbook") if r.model == "tuned" else r for r in kept]
    results += open_books(run, open_student(run, config), probes)
    for way in ("raw text", "pairs, no refusals"):
        results += trained(run, config, way, probes)
    ways = ("base", "passage in prompt", "BM25", "raw text", "pairs, no refusals", "closedbook")
    shown = table(probes, results, ways)
    head = f"`python -m bench.controls generated/{run.name}`, {os.cpu_count()} cores,"
    taken = f"{(time.monotonic() - started) / 60:.0f} minutes; student {config.tuning.student}, seed {config.seed}."
    options.out.write_text(f"# Controls\n\n{head} {taken}\n\n{shown}\n")
    print(json.dumps({"probes": len(probes)}), shown, sep="\n")


if __name__ == "__main__":
    main()
