"""Examples to an adapter: the student is tuned on train.jsonl.

    train.jsonl  ->  adapter/ training.jsonl (a row a logged step) training.json (what it came to)

``made_from.json`` beside the checkpoints, and later beside the adapter, names what they were made from: a killed
training of the same examples and recipe goes on from its last checkpoint, a finished one is not repeated, any other
starts anew.
"""

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import flow, task

from flows.artifacts import progress
from flows.curate import curate, out_of_date, refusal_maker, tally
from flows.elsewhere import anywhere, publish_changes
from flows.limits import device
from flows.models import identity, named
from flows.run_folder import account, measured, read_setup
from flows.students import CALIBRATION, Student, open_student
from flows.terminal import bar, wait
from tasks.config import Config
from tasks.curation.examples import statements_of, to_examples
from tasks.records import Example, Pair, derive_id
from tasks.storage import OUTCOME, RecordFile, file_hash, iter_records, read_records, write_json

if TYPE_CHECKING:
    from tasks.tuning.diary import Step

logger = logging.getLogger(__name__)
MADE_FROM = "made_from.json"
MOST_TWINS = 48
"""More move the threshold little, and each takes a third of a second on 2 cores."""


@flow(name="finetune", flow_run_name="finetune {run.name}")
@anywhere
def finetune(run: Path, config: Config | None = None) -> Path:
    """Tune a run's student on its examples, unless the adapter there was made from the same.

    Decisions of a reviewer that the examples do not know yet are brought in first.

    Args:
        run: a run that was begun, e.g. /data/runs/heron or s3://bucket/heron.
        config: what steers it; left out, what the run was begun with.
    """
    config = config or read_setup(run).config
    if out_of_date(run):
        logger.info("a reviewer has decided since the pairs were curated: curating again")
        curate(run, config)
    if not make_room(run, config):
        logger.info("the adapter was made from the same examples by the same recipe: kept")
        return run
    with measured(run, "finetune"), device(config.tuning.student):
        train(run, config)
        settle(run, config)
        finish(run, config)
    return run


def sources(run: Path, config: Config) -> dict[str, str]:
    """Name what an adapter of this run is made from."""
    examples, pairs = (file_hash(run / f"{name}.jsonl") for name in ("train", "pairs"))
    return {"examples": examples, "pairs": pairs, "recipe": recipe(config)}


def make_room(run: Path, config: Config) -> bool:
    """Make room for a training, unless its adapter is there: what was made from something else goes."""
    made_from = sources(run, config)
    if read_stamp(run / "adapter") == made_from:
        return False
    shutil.rmtree(run / "adapter", ignore_errors=True)
    if read_stamp(run / "checkpoints") != made_from:
        shutil.rmtree(run / "checkpoints", ignore_errors=True)
        write_json(run / "checkpoints" / MADE_FROM, made_from)
    return True


def finish(run: Path, config: Config) -> None:
    """Stamp the adapter with what it was made from; the checkpoints have had their day."""
    write_json(run / "adapter" / MADE_FROM, sources(run, config))
    shutil.rmtree(run / "checkpoints")


def read_stamp(folder: Path) -> dict[str, str] | None:
    """Read what a folder's content was made from; None where nothing is stamped."""
    path = folder / MADE_FROM
    stamp: dict[str, str] | None = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    return stamp


def recipe(config: Config) -> str:
    """Name all that the adapter depends on besides its examples."""
    return derive_id("recipe", config.tuning.model_dump_json(), config.seed, identity(config.tuning.student))


@task(task_run_name="train {run.name}")
def train(run: Path, config: Config) -> None:
    """Train, showing steps, loss and speed."""
    from tasks.tuning import sft  # seconds to import: only here, so that reading and generating start at once

    examples, statements = taught(run)
    tell_too_long(run, examples, config)
    with wait("preparing", work=f"preparing {named(config)}"):
        prepared = sft.prepare(examples, config.tuning, run, seed=config.seed, statements=statements)
    with progress("training", "steps", prepared.steps, work=tuning(config)) as shown:
        shown.pace.most = 60 * config.tuning.minutes
        shown.to(prepared.resumed, resumed=True)

        def show(step: "Step") -> None:
            shown.pace.most = 60 * config.tuning.minutes - prepared.trainer.pace.spent
            publish_changes(soon=True)  # a checkpoint goes where another machine finds it
            shown.to(step.step, step.steps, note=f"loss {step.loss:.3f}  {step.tokens_per_second:,.0f} tokens/s")

        done = sft.train(prepared, config.tuning, run, report=show)
    write_json(run / OUTCOME, asdict(done))
    logger.info(
        f"tuned {done.trainable:,} weights on {done.examples:,} examples, {done.epochs:.1f} epochs of "
        f"{done.steps / max(done.epochs, 0.01):.0f} steps, in {done.seconds:.0f} s; {done.too_long:,} were too long"
    )


def taught(run: Path) -> tuple[RecordFile[Example], list[str]]:
    """Name a run's training examples, which stay on the disk, and read the sentences that are learnt beside them."""
    examples = RecordFile(run / "train.jsonl", Example)
    pairs = iter_records(run / "pairs.jsonl", Pair)
    return examples, statements_of(pairs, {example.pair_id for example in examples})


def tell_too_long(run: Path, examples: RecordFile[Example], config: Config) -> None:
    """Count the examples that the training will leave out, by reason."""
    from tasks.tuning.lengths import too_long

    unfit = too_long(examples, config.tuning)
    parsed = len(examples)
    account(run, [tally("train", parsed=parsed, kept=parsed - len(unfit), rejections=unfit)], unfit)


def tuning(config: Config) -> str:
    """Name the work of training this student in batches of this size."""
    return f"training {named(config)} {config.tuning.batch_size}"


@task(task_run_name="settle {run.name}")
def settle(run: Path, config: Config) -> None:
    """Choose on validation questions and fresh refusal twins how sure of a refusal the tuned model has to be."""
    from tasks.probing.calibration import calibrate

    student = loaded(run, config)
    examples = read_records(run / "valid.jsonl", Example)
    examples += fresh_twins(run, examples, config)
    with bar("settling", "questions", len(examples), work=f"settling {named(config)}") as progress:
        found = calibrate(
            student.tuned, student.tokenizer, student.renderer, examples, student.decoding, base=student.base,
            dropout=config.tuning.question_dropout, most_refused=config.tuning.most_refused, seed=config.seed,
            progress=progress.to,
        )  # fmt: skip
    write_json(run / CALIBRATION, asdict(found))
    logger.info(
        f"refuses above a margin of {found.threshold:.2f} nats, chosen on {found.known + found.unknown} questions"
    )


def loaded(run: Path, config: Config) -> Student:
    """Load a run's student, and say so."""
    with wait("loading", work=f"loading student {named(config)}"):
        return open_student(run, config)


def fresh_twins(run: Path, examples: Sequence[Example], config: Config) -> list[Example]:
    """Refusal twins of the validation questions, untrained and named unlike the probes; ``MOST_TWINS`` at most."""
    maker = refusal_maker(run, "train")
    wanted = {example.pair_id for example in examples}
    pairs = [pair for pair in read_records(run / "pairs.jsonl", Pair) if pair.id in wanted]
    twins = [twin for pair in pairs if pair.kind == "answerable" for twin in list(maker.twins(pair))[:2]][:MOST_TWINS]
    return to_examples(twins, dict.fromkeys((twin.id for twin in twins), "valid"), config.tuning, seed=config.seed)
