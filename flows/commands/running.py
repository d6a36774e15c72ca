"""The commands that make a run, whole or by its stages, and the one that says what it would take."""

import json
import re
from pathlib import Path

import click

from flows.commands.options import (
    absolute,
    alone,
    configuration,
    debug_option,
    engine,
    json_option,
    refuse_elsewhere,
    run_argument,
    runner_of,
    runner_options,
    steering_options,
)
from tasks.addresses import location


@click.command(short_help="Make a dataset from a text, tune a model, measure both.")
@click.argument("corpus", type=click.Path(path_type=Path))
@steering_options
@runner_options
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run. [default: generated/CORPUS-PRESET]")
@json_option
@debug_option
def run(
    corpus: Path,
    preset: str,
    generator: str | None,
    student: str | None,
    settings: tuple[str, ...],
    extra: tuple[str, ...],
    runner: str,
    address: str,
    workers: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Make a dataset from CORPUS (file or folder, here or at s3://…), tune a model, and measure both.

    \b
    Example: closedbook run corpora/heronsmere-works --preset quick
             closedbook run my/texts --set tuning.minutes=30 --out generated/mine

    A stopped run goes on when the same command is given again.
    """
    from flows.fetching import fetch_corpus
    from flows.models import check_needs
    from flows.reaching import check_runner
    from tasks.corpus.readers import check_corpus
    from tasks.curation.extra import peek

    config, where = configuration(preset, generator, student, settings, extra), runner_of(runner, address, workers)
    folder = absolute(out or default_run(corpus, preset))
    check_corpus(fetch_corpus(corpus))  # an unusable text or model is told at once, before anything is started
    peek(config.imports, config.curation)
    check_needs(config)
    check_runner(where, config)
    with engine():
        from flows.self_instruct import self_instruct

        self_instruct(absolute(corpus), folder, config, where)
    summarise(folder, as_json=as_json)


@click.command(short_help="Tune several students on one dataset.")
@click.argument("corpus", type=click.Path(path_type=Path))
@click.option("--students", required=True, metavar="A,B,C", help="Models to tune, each a name or folder.")
@click.option("--questions", type=click.Path(path_type=Path), help="Asked of all: .jsonl probes, or a line each.")
@click.option("--generator", metavar="G", help="As for run.")
@click.option("--preset", default="quick", show_default=True, metavar="quick|full", help="Minutes, or an hour.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Change one value for all students.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder. [default: generated/CORPUS-compare]")
@debug_option
def compare(
    corpus: Path,
    students: str,
    questions: Path | None,
    generator: str | None,
    preset: str,
    settings: tuple[str, ...],
    out: Path | None,
) -> None:
    """Tune several students on one dataset and set them side by side.

    CORPUS is a text, a folder of texts, or a run that has a dataset.

    \b
    Example: closedbook compare my/texts --students embedded,gpt2
    """
    from flows.compare import check_comparison
    from flows.fetching import fetch_either

    refuse_elsewhere("--out", out)
    refuse_elsewhere("--questions", questions)
    corpus = fetch_either(corpus)
    overrides = [*settings, *([f"generation.generator={json.dumps(generator)}"] if generator is not None else [])]
    names = [name.strip() for name in students.split(",")]
    config = check_comparison(corpus, names, preset, overrides, questions)
    with engine():
        from flows.compare import compare

        folder = out or default_run(corpus, "compare")
        click.echo(compare(corpus.resolve(), names, folder.resolve(), config, questions))


def default_run(corpus: Path, preset: str) -> Path:
    """Name the run's folder after its corpus: ``generated/heronsmere-works-quick``."""
    name = re.sub(r"[^a-z0-9]+", "-", corpus.resolve().stem.lower()).strip("-") or "corpus"
    return Path("generated") / f"{name}-{preset}"


def summarise(folder: Path, *, as_json: bool = False) -> None:
    """Print the funnel, the probe table and where the report lies."""
    from flows.shown import print_json, run_row
    from tasks.reporting.terminal import print_summary
    from tasks.working_copies import here

    if as_json:
        print_json(run_row(here(folder)) | {"run": str(location(folder) or folder)})
    else:
        print_summary(here(folder))


@click.command(short_help="Say what a run would take here, without doing it.")
@click.argument("corpus", type=click.Path(path_type=Path))
@steering_options
@json_option
@debug_option
def plan(
    corpus: Path,
    preset: str,
    generator: str | None,
    student: str | None,
    settings: tuple[str, ...],
    extra: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say what a run over CORPUS would take here: calls, tokens, minutes, memory.

    \b
    Example: closedbook plan corpora/heronsmere-works
             closedbook plan my/texts --preset full --json

    The text is really read; speeds are those of earlier runs here, else measured on a small part of the work.
    """
    config = configuration(preset, generator, student, settings, extra)
    with alone():
        from flows.fetching import fetch_corpus
        from flows.plan import plan as estimate
        from flows.shown import plan_row, print_json, print_plan

        found = estimate(fetch_corpus(corpus), config)
    if as_json:
        print_json(plan_row(found))
    else:
        print_plan(found)


@click.command(short_help="Make the pairs of a run anew.")
@run_argument
@runner_options
@debug_option
def generate(run: Path, runner: str, address: str, workers: int | None) -> None:
    """Read the corpus of RUN anew and make its pairs; batches that are done already are not repeated.

    \b
    Example: closedbook generate generated/heronsmere-works-quick
             closedbook generate generated/mine --runner dask --workers 2
    """
    from flows.reaching import check_runner
    from flows.run_folder import read_setup

    where = runner_of(runner, address, workers)
    check_runner(where, read_setup(run).config)
    stage("generate", run, runner=where)


@click.command(short_help="Filter pairs, write training examples.")
@run_argument
@debug_option
def curate(run: Path) -> None:
    """Filter the pairs of RUN and write its training and validation examples.

    \b
    Example: closedbook curate generated/heronsmere-works-quick
    """
    stage("curate", run)


@click.command(short_help="Tune the student of a run.")
@run_argument
@debug_option
def finetune(run: Path) -> None:
    """Tune the student of RUN on its examples.

    \b
    Example: closedbook finetune generated/heronsmere-works-quick
    """
    stage("finetune", run)


def stage(name: str, run: Path, **given: object) -> None:
    """Run one stage of a run that was begun before, with that run's own configuration."""
    import importlib

    from flows.fetching import fetched
    from flows.run_folder import read_setup

    setup = read_setup(fetched(run))
    with engine():
        flow = getattr(importlib.import_module(f"flows.{name}"), name)
        flow(absolute(run), setup.config, **given)
    summarise(run)
