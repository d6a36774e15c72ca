"""Recipes of tuning side by side: python -m bench.recipes --corpus bench/corpora/quarrelbeck-school --seeds 17 18

Each recipe is the quick preset with a few settings changed. All are trained for the same minutes, which is what a user
has (on a machine that does nothing else), or for the same number of tokens, so that a busy machine changes no figure;
then they are asked the corpus' hand-written questions. What is measured already (``rows.jsonl``) is not measured again:
a sweep that was stopped goes on. ``--loss-only`` asks nothing: minutes a row, for settings of the training itself.

    K0               training questions (48 of them), right
    nats             a token of validation's answers behind their questions: another form of a question that was trained
    valid            the same questions, right
    K1, K2           held-out questions, right with nothing refused: what the model knows and finds
    AUROC            known (K1, K2) against unknown (U1 to U3) by the refusal margin
    U1, U2, U3       declined at the threshold that declines a tenth of the known
    general, ppl     general questions right, and perplexity of general text against the base, with the adapter always
                     on: what a merged model has (an activated adapter has the base's)
"""

import argparse
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch

from flows.curate import gold_probes
from flows.engine import local_api, set_environment
from flows.finetune import taught
from flows.run_folder import begin
from flows.students import Student, open_student
from tasks.config import Config, TuningConfig
from tasks.curation.refusals import OPENING
from tasks.probing.asking import ask, perplexities
from tasks.probing.decoding import Answer, batches, encode, evaluating, prefill, token_gains
from tasks.probing.general import general_probes, general_text
from tasks.probing.metrics import auroc
from tasks.probing.scoring import verdict
from tasks.records import Example, Probe, derive_id
from tasks.storage import iter_dicts, read_records, write_json, write_records

if TYPE_CHECKING:
    from tasks.tuning.sft import Outcome

FULL_TUNING = ["tuning.method=full", "tuning.learning_rate=1.5e-4", "tuning.batch_size=16"]
RECIPES: dict[str, list[str]] = {
    "quick": [],
    "always on, 6% replay": ["tuning.activated=false"],
    "always on, 20% replay": ["tuning.activated=false", "tuning.replay_share=0.2"],
    "no words left out": ["tuning.question_dropout=0"],
    "no bare statements": ["tuning.statements=0"],
    "statements twice": ["tuning.statements=2"],
    "greedy answers": ["probing.recitals=0"],
    "12 recitals": ["probing.recitals=12"],
    "short answers": ["tuning.answer_style=short"],
    "short, then the sentence": ["tuning.answer_style=short-then-statement"],
    "sentence, then short": ["tuning.answer_style=statement-then-short"],
    "2 forms a fact": ["generation.forms_per_fact=2"],
    "8 forms a fact": ["generation.forms_per_fact=8"],
    "no refusals": ["refusals.share=0"],
    "a third refusals": ["tuning.refusal_share=0.33"],
    "the same refusals in each pass": ["refusals.share=0.2"],
    "refusals by name only": ['refusals.kinds=["fictitious", "near-miss"]'],
    "no tags": ["tuning.tag_share=0"],
    "always tagged": ["tuning.tag_share=1"],
    "rank 8": ["tuning.rank=8", "tuning.alpha=16"],
    "rank 128": ["tuning.rank=128", "tuning.alpha=256"],
    "full tuning": FULL_TUNING,
    "half the learning rate": ["tuning.learning_rate=4.2e-4"],
    "twice the learning rate": ["tuning.learning_rate=1.7e-3"],
    "constant learning rate": ["tuning.schedule=constant_with_warmup"],
    "plain LoRA": ["tuning.loraplus_lr_ratio=1", "tuning.learning_rate=2.4e-3"],
    "batches of 4": ["tuning.batch_size=4"],
    "batches of 16": ["tuning.batch_size=16"],
    "batches of 16, twice the learning rate": ["tuning.batch_size=16", "tuning.learning_rate=1.7e-3"],
    "batches of 32": ["tuning.batch_size=32"],
    "batches of 32, twice the learning rate": ["tuning.batch_size=32", "tuning.learning_rate=1.7e-3"],
    "[INST]": ["tuning.template=llama2"],
}
KNOWN, UNKNOWN = ("K1", "K2"), ("U1", "U2", "U3")
SHOWN = ("nats", "K0", "valid", "K1", "K2", "AUROC", "U1", "U2", "U3", "general", "ppl")
MEASURED = ("recipe", "corpus", "seed", "tokens", "loss_only")
"""What tells one row from another."""
FALSE_REFUSAL = 0.1
K0_ASKED = 48
Row = dict[str, Any]


def compose(corpus: Path, run: Path, config: Config) -> None:
    """Make the recipe's dataset; batches of generation are shared with all other recipes by Prefect's cache."""
    from flows.curate import curate
    from flows.generate import generate

    begin(corpus.resolve(), run, config)
    generate(run, config)
    curate(run, config)


def tune(run: Path, config: Config, tokens: int) -> Row:
    """Train a run's student for so many tokens; 0: for the minutes of its configuration."""
    from tasks.tuning import sft

    examples, statements = taught(run)
    if tokens:
        outcome = train_for(tokens, examples, statements, config.tuning, run, seed=config.seed)
    else:
        prepared = sft.prepare(examples, config.tuning, run, seed=config.seed, statements=statements)
        outcome = sft.train(prepared, config.tuning, run)
    return {
        "epochs": outcome.epochs,
        "loss": outcome.final_loss,
        "minutes": outcome.seconds / 60,
        "tokens_per_second": outcome.tokens_per_second,
    }


def train_for(
    tokens: int, examples: Sequence[Example], texts: Sequence[str], tuning: TuningConfig, folder: Path, *, seed: int
) -> "Outcome":
    """Train for so many tokens, however long it takes."""
    from tasks.tuning import sft

    tuning = tuning.model_copy(update={"minutes": 600.0})
    prepared = sft.prepare(examples, tuning, folder, seed=seed, statements=texts)
    mean = fmean(len(row) for row in prepared.dataset["input_ids"])
    prepared.trainer.args.max_steps = max(1, round(tokens / mean / tuning.batch_size))
    return sft.train(prepared, tuning, folder)


def put(student: Student, probes: Sequence[Probe]) -> list[Answer]:
    """Answers with nothing refused, and their margins; general questions greedily."""
    prompts = [student.prompt(p.question, source=p.source, system="" if p.category == "G" else None) for p in probes]
    return ask(
        student.tuned, student.tokenizer, prompts, opening=student.opening, base=student.base,
        questions=["" if p.category == "G" else p.question for p in probes],
        decoding=replace(student.decoding, threshold=1e9, woken_by=()),
    )  # fmt: skip


def held_out(run: Path) -> list[Example]:
    """Questions of validation that have an answer."""
    return [e for e in read_records(run / "valid.jsonl", Example) if not e.answer.startswith(OPENING)]


def held_out_loss(student: Student, run: Path) -> float:
    """Nats a token of validation's answers behind their questions."""
    rows = [
        encode(
            student.tokenizer, student.prompt(e.prompt, source=e.source, system=e.system),
            student.renderer.answer_opening(e.answer), limit=256,
        )
        for e in held_out(run)
    ]  # fmt: skip
    gains: list[torch.Tensor] = []
    with evaluating(student.tuned):
        for batch in batches([len(row.prompt) for row in rows], student.decoding.batch_size):
            state = prefill(student.tuned, [rows[place].prompt for place in batch])
            gains += token_gains(student.tuned, state, [rows[place].opening for place in batch])
    return -float(torch.cat(gains).mean())


def look(student: Student, run: Path, corpus: Path, config: Config) -> Row:
    """How a recipe's model answers."""
    examples = sorted(taught(run)[0], key=lambda example: derive_id(config.seed, example.id))
    known = [example for example in examples if not example.answer.startswith(OPENING) and example.source]
    probes = [Probe(e.id, "K0", e.prompt, (e.answer,), e.source) for e in (known or examples)[:K0_ASKED]]
    probes += [Probe(e.id, "valid", e.prompt, (e.answer,), e.source) for e in held_out(run)]
    probes += [probe for probe in gold_probes(corpus) if probe.category in (*KNOWN, *UNKNOWN)]
    probes += [probe for probe in general_probes("") if probe.category == "G"]
    answers = put(student, probes)
    found: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    for probe, answer in zip(probes, answers, strict=True):
        told = verdict(answer.text, probe.accepted, probe.question) == "correct"
        found[probe.category].append((told, answer.margin))
    row: Row = {name: fmean(right for right, _ in found[name]) for name in ("K0", "valid", *KNOWN) if found[name]}
    held = sorted(margin for name in KNOWN for _, margin in found[name])
    cut = held[round((1 - FALSE_REFUSAL) * (len(held) - 1))]
    row |= {name: fmean(margin > cut for _, margin in found[name]) for name in UNKNOWN if found[name]}
    area = auroc(held, [margin for name in UNKNOWN for _, margin in found[name]])
    text = perplexities(student.tuned, student.tokenizer, general_text(), base=student.base)
    return row | {
        "AUROC": area.value if area else None,
        "general": fmean(right for right, _ in found["G"]),
        "ppl": text["tuned"].value / text["base"].value - 1,
        "n": {name: len(those) for name, those in found.items()},
    }


def table(rows: Sequence[Row]) -> str:
    """A row a recipe, the mean over its seeds and corpora, the spread of those with several."""
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["recipe"]].append(row)
    lines = ["| recipe | runs | " + " | ".join(SHOWN) + " | epochs |", "|---" * (len(SHOWN) + 3) + "|"]
    for recipe, runs in grouped.items():
        cells = [_cell(name, [run[name] for run in runs if run.get(name) is not None]) for name in SHOWN]
        epochs = fmean(run["epochs"] for run in runs)
        lines.append(f"| {recipe} | {len(runs)} | " + " | ".join(cells) + f" | {epochs:.1f} |")
    return "\n".join(lines)


def _cell(name: str, values: Sequence[float]) -> str:
    if not values:
        return ""
    shown = (lambda value: f"{value:.2f}") if name in ("AUROC", "nats") else (lambda value: f"{value:.0%}")
    spread = f" ({shown(min(values))}-{shown(max(values))})" if len(values) > 1 else ""
    return shown(fmean(values)) + spread


def measure(recipe: str, corpus: Path, seed: int, tokens: int, folder: Path, *, loss_only: bool) -> Row:
    """One recipe on one corpus with one seed."""
    config = Config.build("quick", [*RECIPES[recipe], f"seed={seed}"])
    run = folder / f"{recipe.replace(' ', '-')}-{corpus.name}-{seed}-{tokens}"
    compose(corpus, run, config)
    row: Row = {"recipe": recipe, "corpus": corpus.name, "seed": seed, "tokens": tokens, "loss_only": loss_only}
    row |= tune(run, config, tokens)
    shutil.rmtree(run / "checkpoints")  # a finished training is no beginning of the next one in this folder
    write_json(run / "adapter" / "calibration.json", {"threshold": 0.0})
    student = open_student(run, config)
    row["nats"] = held_out_loss(student, run)
    return row if loss_only else row | look(student, run, corpus, config)


def main() -> None:
    """Measure what is asked for and not measured yet; print the table after every run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES), metavar="NAME")
    parser.add_argument("--corpus", type=Path, nargs="+", default=[Path("bench/corpora/quarrelbeck-school")])
    parser.add_argument("--seeds", nargs="+", type=int, default=[17])
    parser.add_argument("--tokens", type=int, default=0, help="of training; 0: the minutes of each recipe")
    parser.add_argument("--loss-only", action="store_true", help="ask no questions")
    parser.add_argument("--folder", type=Path, default=Path("generated/recipes"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    kept = options.folder / "rows.jsonl"
    rows = list(iter_dicts(kept)) if kept.is_file() else []
    done = {tuple(row.get(name, False) for name in MEASURED) for row in rows}
    set_environment()
    with local_api() as api:
        api.wait()
        for recipe in options.recipes:
            for corpus in options.corpus:
                for seed in options.seeds:
                    if (recipe, corpus.name, seed, options.tokens, options.loss_only) in done:
                        continue
                    started = time.monotonic()
                    rows.append(
                        measure(recipe, corpus, seed, options.tokens, options.folder, loss_only=options.loss_only)
                    )
                    write_records(kept, rows)
                    print(f"{recipe}: {(time.monotonic() - started) / 60:.0f} min, {os.cpu_count()} cores", flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
