"""The console command: a thin skin over the flows.

    closedbook run corpora/heronsmere-works --preset quick
    closedbook ask generated/heronsmere-works-quick "Who set up the Works?"

Exit codes: 0 done; 1 the run failed or its result is unusable; 2 wrong usage; 130 stopped by Ctrl-C. An error is one
line that names the value and the fix; the traceback comes with ``--debug``. Everything heavy is imported by the command
that needs it, so that ``--help`` is quick.
"""

import contextlib
import errno
import json
import os
import re
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tasks.errors import ClosedbookError, UsageError

if TYPE_CHECKING:
    from tasks.config import Config

Command = TypeVar("Command", bound=Callable[..., Any])
FORMATS = ("llama2", "prompt-completion", "messages", "alpaca", "sharegpt", "hf")
USAGE, FAILED, STOPPED = 2, 1, 130

# `execute` looks for it, since an error may come before any command is reached; here it is declared for the help.
debug_option = click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks, and what Prefect logs.")
run_argument = click.argument("run", type=click.Path(path_type=Path))


def main(arguments: list[str] | None = None) -> None:
    """Run the console command and end the process with its exit code."""
    code = execute(sys.argv[1:] if arguments is None else arguments)
    if code == STOPPED:
        sys.stdout.flush()
        os._exit(code)  # taking a process with torch and spaCy in it apart takes seconds, and Ctrl-C is to be quick
    sys.exit(code)


def execute(arguments: list[str]) -> int:
    """Run one command; return its exit code. Errors become one line on standard error."""
    debug = "--debug" in arguments
    try:
        closedbook.main(arguments, prog_name="closedbook", standalone_mode=False, obj=debug)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        return _report(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _say_how_to_go_on(arguments)
        return STOPPED
    except BrokenPipeError:  # the reader of our output has gone, e.g. `| head`
        sys.stderr.close()
        return FAILED
    except (ClosedbookError, OSError) as error:
        if debug:
            traceback.print_exc()
        if isinstance(error, ClosedbookError):
            return _report(str(error), error.exit_code)
        if error.errno == errno.ENOSPC:
            return _report(
                f"{error.filename or 'disk'}: no space left; free some and run the same command again", FAILED
            )
        return _report(f"{error.filename or ''}: {error.strerror or error}".removeprefix(": "), FAILED)
    return 0


def _report(message: str, code: int) -> int:
    print("closedbook: " + " ".join(message.split()), file=sys.stderr)
    return code


def _say_how_to_go_on(arguments: list[str]) -> None:
    command = shlex.join(["closedbook", *arguments])
    print(f"\nclosedbook: stopped; what is done is kept. To go on: {command}", file=sys.stderr, flush=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="closedbook")
def closedbook() -> None:
    """Turn a text into a model that answers from it with the book closed, and says so when it does not know."""


def steering_options(command: Command) -> Command:
    """Add the options that make a configuration."""
    for option in (
        click.option(
            "--set", "settings", metavar="KEY=VALUE", multiple=True, help="Change one value, e.g. tuning.epochs=3."
        ),
        click.option(
            "--extra",
            metavar="FILE",
            multiple=True,
            help="Examples to train on too (Alpaca, ShareGPT, llama2, JSONL, CSV, dataset folder); named columns and "
            "a limit follow the path: faq.csv,question=ask,answer=say,closed=true,most=500.",
        ),
        click.option("--student", metavar="S", help="Model to tune: 'embedded', or a Hugging Face name or folder."),
        click.option(
            "--generator", metavar="G", help="'embedded', 'none', a Hugging Face name, a .gguf file, or a URL."
        ),
        click.option("--preset", default="quick", show_default=True, metavar="quick|full", help="Minutes, or an hour."),
    ):
        command = option(command)
    return command


def configuration(
    preset: str, generator: str | None, student: str | None, settings: tuple[str, ...], extra: tuple[str, ...]
) -> "Config":
    """Resolve the options; ``--generator``, ``--student`` and ``--extra`` are short for settings.

    Raises:
        UsageError: for an unknown preset or name, or a value that does not fit.
    """
    from tasks.config import Config, ImportConfig

    overrides = list(settings)
    imports = [ImportConfig.parse(text).model_dump() for text in extra]
    overrides += [f"imports={json.dumps(imports)}"] if imports else []
    overrides += [f"generation.generator={json.dumps(generator)}"] if generator is not None else []
    overrides += [f"tuning.student={json.dumps(student)}"] if student is not None else []
    return Config.build(preset, overrides)


@closedbook.command()
@click.argument("corpus", type=click.Path(path_type=Path))
@steering_options
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run. [default: generated/CORPUS-PRESET]")
@debug_option
def run(
    corpus: Path,
    preset: str,
    generator: str | None,
    student: str | None,
    settings: tuple[str, ...],
    extra: tuple[str, ...],
    out: Path | None,
) -> None:
    """Make a dataset from CORPUS (a file or folder), tune a model on it, and measure both."""
    from tasks.corpus.readers import iter_corpus
    from tasks.curation.extra import peek

    config = configuration(preset, generator, student, settings, extra)
    for _ in iter_corpus(corpus):  # an unusable text is told at once, before anything is started
        pass
    peek(config.imports, config.curation)
    folder = out or default_run(corpus, preset)
    with engine():
        from flows.self_instruct import self_instruct

        self_instruct(corpus.resolve(), folder.resolve(), config)
    summarise(folder)


def default_run(corpus: Path, preset: str) -> Path:
    """Name the run's folder after its corpus: ``generated/heronsmere-works-quick``."""
    name = re.sub(r"[^a-z0-9]+", "-", corpus.resolve().stem.lower()).strip("-") or "corpus"
    return Path("generated") / f"{name}-{preset}"


@contextlib.contextmanager
def engine() -> Iterator[None]:
    """Run the block with Prefect at hand: its server starting meanwhile, logs shown, Ctrl-C quick."""
    from flows.engine import local_api, set_environment
    from flows.interrupt import ends_soon

    debug = bool(click.get_current_context().obj)
    set_environment(debug=debug)
    with ends_soon(lambda: _say_how_to_go_on(sys.argv[1:])), local_api() as api:
        import flows.self_instruct  # noqa: F401  # loads what is heavy while the server starts
        from flows.terminal import show_logs

        show_logs(debug=debug)
        api.wait()
        yield


def summarise(folder: Path) -> None:
    """Print the funnel, the probe table and where the report lies."""
    from tasks.reporting.terminal import print_summary

    print_summary(folder)


@closedbook.command()
@run_argument
@debug_option
def generate(run: Path) -> None:
    """Read the corpus of RUN anew and make its pairs; batches that are done already are not repeated."""
    stage("generate", run)


@closedbook.command()
@run_argument
@debug_option
def curate(run: Path) -> None:
    """Filter the pairs of RUN and write its training and validation examples."""
    stage("curate", run)


@closedbook.command()
@run_argument
@debug_option
def finetune(run: Path) -> None:
    """Tune the student of RUN on its examples."""
    stage("finetune", run)


def stage(name: str, run: Path) -> None:
    """Run one stage of a run that was begun before, with that run's own configuration."""
    import importlib

    from flows.run_folder import read_setup

    setup = read_setup(run)
    with engine():
        flow = getattr(importlib.import_module(f"flows.{name}"), name)
        flow(run.resolve(), setup.config)
    summarise(run)


@closedbook.command()
@run_argument
@click.option("--probes", type=click.Path(path_type=Path), help="Questions, a JSON line each. [default: RUN's own]")
@click.option("--out", type=click.Path(path_type=Path), help="Answers, a JSON line a probe. [default: into RUN]")
@debug_option
def probe(run: Path, probes: Path | None, out: Path | None) -> None:
    """Ask the base and the tuned model of RUN the same questions, and score the answers."""
    from flows.run_folder import read_setup

    setup = read_setup(run)
    if (probes is None) != (out is None):
        raise UsageError("--probes and --out go together: give both, or neither to probe RUN with its own questions")
    with engine():
        from flows.probe import ask_file, probe

        if probes is None or out is None:
            probe(run.resolve(), setup.config)
        else:
            ask_file(run.resolve(), probes.resolve(), out.resolve(), setup.config)


@closedbook.command()
@run_argument
@click.argument("question", required=False)
@click.option("--source", metavar="TAG", help="Ask under this Source tag.")
@click.option("--base", is_flag=True, help="Ask the model as it was before tuning.")
@debug_option
def ask(run: Path, question: str | None, source: str | None, base: bool) -> None:
    """Answer one QUESTION from RUN's model, or chat when none is given."""
    from flows.run_folder import read_setup
    from flows.students import open_student
    from flows.terminal import hush

    hush(debug=bool(click.get_current_context().obj))
    student = open_student(run, read_setup(run).config)
    if question is not None:
        click.echo(student.answer(question, source=source, base=base))
        return
    while line := click.prompt("?", default="", show_default=False, prompt_suffix=" ", err=True):
        click.echo(student.answer(line, source=source, base=base))


@closedbook.command()
@run_argument
@click.option("--format", "form", required=True, metavar="|".join(FORMATS), help="How the examples are rendered.")
@click.option("--out", type=click.Path(path_type=Path), help="File or folder to write. [default: RUN/export/FORMAT]")
@debug_option
def export(run: Path, form: str, out: Path | None) -> None:
    """Write the dataset of RUN in a format that other trainers read."""
    if form not in FORMATS:
        raise UsageError(f"--format {form}: unknown; choose one of {', '.join(FORMATS)}")
    from tasks.curation.formats import export as write

    click.echo(write(run, form, out))


@closedbook.command()
@run_argument
@debug_option
def audit(run: Path) -> None:
    """Check the dataset of RUN anew: counts, provenance, near-duplicates, leaks, refusal twins, formats."""
    from flows.audit import audit_run

    audit_run(run)


@closedbook.group()
def fetch() -> None:
    """Bring a text from a library."""


@fetch.command()
@click.argument("number", type=int)
@click.option("--out", type=click.Path(path_type=Path), help="Corpus folder. [default: corpora/pgNUMBER]")
@debug_option
def gutenberg(number: int, out: Path | None) -> None:
    """Fetch text NUMBER of Project Gutenberg."""
    from tasks.corpus.sources import fetch_gutenberg

    click.echo(fetch_gutenberg(number, out or Path("corpora") / f"pg{number}"))


@closedbook.command()
@debug_option
def serve() -> None:
    """Register the deployments and their schedules with a running Prefect server, and serve them."""
    from flows.engine import set_environment

    set_environment(debug=True)
    from flows.deployments import serve_all

    serve_all()


if __name__ == "__main__":
    main()
