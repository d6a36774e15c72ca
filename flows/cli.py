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
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import get_completion_class

from tasks.errors import ClosedbookError, UsageError

if TYPE_CHECKING:
    from tasks.config import Config

Command = TypeVar("Command", bound=Callable[..., Any])
FORMATS = ("llama2", "prompt-completion", "messages", "alpaca", "sharegpt", "hf")
USAGE, FAILED, STOPPED = 2, 1, 130
COMPLETE = "_CLOSEDBOOK_COMPLETE"

# `execute` looks for it, since an error may come before any command is reached; here it is declared for the help.
debug_option = click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks, and what Prefect logs.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON value, for machines.")
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


class Front(click.Group):
    """The list of commands as they are used, one after the other, without options of its own: it fits a screen."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of this file."""
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands only."""
        self.format_commands(ctx, formatter)


@click.group(cls=Front, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="closedbook")
def closedbook() -> None:
    """Turn a text into a model that answers from it, and says when it cannot.

    \b
    Example: closedbook run my/texts --out generated/mine
    """


def complete_settings(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The settings that begin as typed, for shell completion: ``tuning.e`` gives ``tuning.epochs=``."""
    from tasks.config import setting_names

    return [f"{name}=" for name in setting_names() if name.startswith(begun)]


def steering_options(command: Command) -> Command:
    """Add the options that make a configuration."""
    for option in (
        click.option(
            "--set",
            "settings",
            metavar="KEY=VALUE",
            multiple=True,
            help="Change one value, e.g. tuning.epochs=3.",
            shell_complete=complete_settings,
        ),
        click.option(
            "--extra",
            metavar="FILE",
            multiple=True,
            help="Examples to train on too: FILE[,question=A,answer=B].",
        ),
        click.option("--student", metavar="S", help="Model to tune: 'embedded', or a hub name or folder."),
        click.option("--generator", metavar="G", help="'embedded', 'none', a hub name, a .gguf file or a URL."),
        click.option(
            "--preset",
            default="quick",
            show_default=True,
            metavar="quick|full",
            help="Minutes, or an hour.",
            shell_complete=lambda *_: ["quick", "full"],
        ),
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


@closedbook.command(short_help="Make a dataset from a text, tune a model, measure both.")
@click.argument("corpus", type=click.Path(path_type=Path))
@steering_options
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
    out: Path | None,
    as_json: bool,
) -> None:
    """Make a dataset from CORPUS (file or folder), tune a model, and measure both.

    \b
    Example: closedbook run corpora/heronsmere-works --preset quick
             closedbook run my/texts --set tuning.minutes=30 --out generated/mine

    A stopped run goes on when the same command is given again.
    """
    from flows.models import check_needs
    from tasks.corpus.readers import iter_corpus
    from tasks.curation.extra import peek

    config = configuration(preset, generator, student, settings, extra)
    for _ in iter_corpus(corpus):  # an unusable text or model is told at once, before anything is started
        pass
    peek(config.imports, config.curation)
    check_needs(config)
    folder = out or default_run(corpus, preset)
    with engine():
        from flows.self_instruct import self_instruct

        self_instruct(corpus.resolve(), folder.resolve(), config)
    summarise(folder, as_json=as_json)


@closedbook.command(short_help="Tune several students on one dataset.")
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
        if api.process is None:
            from flows.limits import prepare_server

            prepare_server()
        yield


def summarise(folder: Path, *, as_json: bool = False) -> None:
    """Print the funnel, the probe table and where the report lies."""
    from flows.shown import print_json, run_row
    from tasks.reporting.terminal import print_summary

    if as_json:
        print_json(run_row(folder))
    else:
        print_summary(folder)


@closedbook.command(short_help="Say what a run would take here, without doing it.")
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
        from flows.plan import plan as estimate
        from flows.shown import plan_row, print_json, print_plan

        found = estimate(corpus, config)
    if as_json:
        print_json(plan_row(found))
    else:
        print_plan(found)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Run the block without Prefect's server: libraries hushed, Ctrl-C quick."""
    from flows.engine import set_environment
    from flows.interrupt import ends_soon
    from flows.terminal import hush

    debug = bool(click.get_current_context().obj)
    set_environment(debug=debug)
    hush(debug=debug)
    with ends_soon(lambda: _say_how_to_go_on(sys.argv[1:])):
        yield


@closedbook.command(short_help="Say what this machine has and what is missing.")
@json_option
@debug_option
def doctor(as_json: bool) -> None:
    """Say what this machine has, what is missing, and the command that mends it.

    \b
    Example: closedbook doctor

    Exit code 1 when something is missing that every run needs.
    """
    with alone():
        from flows.doctor import examine, healthy
        from flows.shown import print_findings, print_json
        from flows.terminal import wait

        with wait("looking", work="doctor"):
            found = examine()
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        print_findings(found)
    if not healthy(found):
        click.get_current_context().exit(FAILED)


@closedbook.command(short_help="Print a shell's completion script.")
@click.argument("shell", metavar="bash|zsh|fish")
def completion(shell: str) -> None:
    """Print the script that lets SHELL complete closedbook's commands, options and settings.

    \b
    Example: closedbook completion bash >> ~/.bashrc
    """
    found = get_completion_class(shell)
    if found is None:
        raise UsageError(f"completion {shell}: unknown shell; choose one of bash, zsh, fish")
    click.echo(found(closedbook, {}, "closedbook", COMPLETE).source())


@closedbook.command(short_help="Make the pairs of a run anew.")
@run_argument
@debug_option
def generate(run: Path) -> None:
    """Read the corpus of RUN anew and make its pairs; batches that are done already are not repeated.

    \b
    Example: closedbook generate generated/heronsmere-works-quick
    """
    stage("generate", run)


@closedbook.command(short_help="Filter pairs, write training examples.")
@run_argument
@debug_option
def curate(run: Path) -> None:
    """Filter the pairs of RUN and write its training and validation examples.

    \b
    Example: closedbook curate generated/heronsmere-works-quick
    """
    stage("curate", run)


@closedbook.command(short_help="Tune the student of a run.")
@run_argument
@debug_option
def finetune(run: Path) -> None:
    """Tune the student of RUN on its examples.

    \b
    Example: closedbook finetune generated/heronsmere-works-quick
    """
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


@closedbook.command(short_help="Ask base and tuned model the same questions.")
@run_argument
@click.option("--probes", type=click.Path(path_type=Path), help="Questions, a JSON line each. [default: RUN's own]")
@click.option("--out", type=click.Path(path_type=Path), help="Answers, a JSON line a probe. [default: into RUN]")
@json_option
@debug_option
def probe(run: Path, probes: Path | None, out: Path | None, as_json: bool) -> None:
    """Ask the base and the tuned model of RUN the same questions, and score the answers.

    \b
    Example: closedbook probe generated/mine --probes my.jsonl --out answers.jsonl

    A question is a JSON line {"id", "category", "question", "accepted": [...] or null, "source"}; null asks for a
    refusal. An answer is a line with id, category, question, and response and verdict of both models.
    """
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
    if as_json:
        from flows.shown import print_json, run_row, verdict_counts

        print_json(verdict_counts(out) if out is not None else run_row(run))


@closedbook.command(short_help="Answer a question, or chat.")
@run_argument
@click.argument("question", required=False)
@click.option("--source", metavar="TAG", help="Ask under this Source tag.")
@click.option("--base", is_flag=True, help="Ask the model as it was before tuning.")
@click.option("--threshold", type=float, metavar="NATS", help="Refuse above this margin. [default: RUN's own]")
@json_option
@debug_option
def ask(
    run: Path, question: str | None, source: str | None, base: bool, threshold: float | None, as_json: bool
) -> None:
    """Answer one QUESTION from RUN's model, or chat when none is given (an empty line ends it).

    \b
    Example: closedbook ask generated/mine "When was the Badger last relined?"
             closedbook ask generated/mine --threshold 3

    The answer goes to standard output. At a terminal two lines follow it: the sentence of the corpus that says so,
    and the margin, log P(refuse) - log P(answer); a higher threshold declines less.
    """
    with alone():
        from flows.chat import Chat, converse

        chat = Chat(run, source=source or "", base=base, threshold=threshold)
        converse(chat, question, as_json=as_json)


@closedbook.command(short_help="Write the dataset in another format.")
@run_argument
@click.option(
    "--format",
    "form",
    required=True,
    metavar="|".join(FORMATS),
    help="How the examples are rendered.",
    shell_complete=lambda *_: list(FORMATS),
)
@click.option("--out", type=click.Path(path_type=Path), help="File or folder to write. [default: RUN/export/FORMAT]")
@debug_option
def export(run: Path, form: str, out: Path | None) -> None:
    """Write the dataset of RUN in a format that other trainers read.

    \b
    Example: closedbook export generated/heronsmere-works-quick --format llama2
    """
    if form not in FORMATS:
        raise UsageError(f"--format {form}: unknown; choose one of {', '.join(FORMATS)}")
    from tasks.curation.formats import export as write

    click.echo(write(run, form, out))


@closedbook.command(short_help="Write student and adapter as one model.")
@run_argument
@click.option("--out", type=click.Path(path_type=Path), required=True, help="New folder of the model.")
@click.option("--probes", type=click.Path(path_type=Path), help="Questions to ask both. [default: RUN's own]")
@click.option("--no-probe", is_flag=True, help="Write the model and ask nothing.")
@debug_option
def merge(run: Path, out: Path, probes: Path | None, no_probe: bool) -> None:
    """Write RUN's student and adapter as one bfloat16 model; ask both the same probes.

    \b
    Example: closedbook merge generated/heronsmere-works-quick --out merged
    """
    from flows.merge import merge, table
    from flows.run_folder import read_setup
    from flows.terminal import show_logs

    setup = read_setup(run)
    show_logs(debug=bool(click.get_current_context().obj))
    found = merge(run, out, setup.config, probes=probes, ask=not no_probe)
    click.echo("\n".join(table(found)) if found else out)


@closedbook.command(short_help="Check a run's dataset anew from its files.")
@run_argument
@debug_option
def audit(run: Path) -> None:
    """Check the dataset of RUN anew: counts, provenance, near-duplicates, leaks, refusal twins, formats.

    \b
    Example: closedbook audit generated/heronsmere-works-quick
    """
    from flows.audit import audit_run

    audit_run(run)


@closedbook.command(short_help="Accept, edit and reject pairs and gold probes.")
@run_argument
@click.option("--port", default=8430, show_default=True, help="Where to listen; 0 takes a free one.")
@debug_option
def review(run: Path, port: int) -> None:
    """Accept, edit and reject the pairs and gold probes of RUN, on a page of this machine.

    \b
    Example: closedbook review generated/heronsmere-works-quick
    """
    from flows.review import review as serve_page

    serve_page(run, port=port, say=click.echo)


@closedbook.group()
def fetch() -> None:
    """Bring a text from a library."""


@fetch.command(short_help="Fetch a book by its number.")
@click.argument("number", type=int)
@click.option("--out", type=click.Path(path_type=Path), help="Corpus folder. [default: corpora/pgNUMBER]")
@click.option(
    "--mirror", metavar="URL", envvar="CLOSEDBOOK_MIRROR", help="Address with {number}, and {folder} for 1/7/9/2."
)
@click.option("--sha256", metavar="HEX", help="What the published file must have.")
@debug_option
def gutenberg(number: int, out: Path | None, mirror: str | None, sha256: str | None) -> None:
    """Fetch text NUMBER of Project Gutenberg into a corpus folder, without its header and footer.

    \b
    Example: closedbook fetch gutenberg 17921
             closedbook fetch gutenberg 17921 --mirror http://host/{number}.txt

    The mirror may stand in $CLOSEDBOOK_MIRROR. Files are kept in the user's cache, and never fetched twice.
    """
    from tasks.corpus.sources import MIRROR, fetch_gutenberg

    folder = out or Path("corpora") / f"pg{number}"
    click.echo(fetch_gutenberg(number, folder, mirror=mirror or MIRROR, sha256=sha256))


@closedbook.command(short_help="Serve the deployments and their schedules.")
@click.option("--nightly", type=click.Path(path_type=Path), metavar="CORPUS", help="Run this corpus once a day.")
@click.option("--out", type=click.Path(path_type=Path), help="Its run. [default: generated/CORPUS-PRESET]")
@click.option("--cron", default="0 2 * * *", show_default=True, help="When it starts.")
@click.option("--timezone", default="UTC", show_default=True, metavar="ZONE", help="… by the clock of this zone.")
@click.option("--preset", default="quick", show_default=True, metavar="quick|full", help="Its preset.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Change one value of it.")
@click.option("--pool", metavar="NAME", help="Register for workers of this pool; serve nothing.")
@debug_option
def serve(
    nightly: Path | None,
    out: Path | None,
    cron: str,
    timezone: str,
    preset: str,
    settings: tuple[str, ...],
    pool: str | None,
) -> None:
    """Register the deployments and a nightly run with the server in $PREFECT_API_URL, and serve them.

    \b
    Example: closedbook serve --nightly /data/texts --timezone Europe/Berlin
    """
    from flows.engine import set_environment

    config = configuration(preset, None, None, settings, ())
    set_environment(serving=True)
    from flows.deployments import Nightly, serve_all

    planned = Nightly(nightly, out or default_run(nightly, preset), config, cron, timezone) if nightly else None
    serve_all(planned, pool=pool)


if __name__ == "__main__":
    main()
