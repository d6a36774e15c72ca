"""What several commands share: options, the configuration that they make, and what a command runs inside.

--preset quick --set tuning.epochs=3   ->   Config(preset="quick", tuning=TuningConfig(epochs=3.0, ...), ...)
"""

import contextlib
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tasks.addresses import location
from tasks.errors import UsageError

if TYPE_CHECKING:
    from tasks.config import Config, RunnerConfig

Command = TypeVar("Command", bound=Callable[..., Any])

# `execute` looks for it, since an error may come before any command is reached; here it is declared for the help.
debug_option = click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks, and what Prefect logs.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON value, for machines.")
run_argument = click.argument("run", type=click.Path(path_type=Path))


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


def runner_options(command: Command) -> Command:
    """Add the options that say where batches are generated."""
    for option in (
        click.option("--workers", type=int, metavar="N", help="Batches under way at once."),
        click.option("--address", default="", metavar="A", help="Of a running cluster. [default: start workers here]"),
        click.option("--runner", default="threads", metavar="R", help="Generate on: threads, dask or ray."),
    ):
        command = option(command)
    return command


def runner_of(runner: str, address: str, workers: int | None) -> "RunnerConfig":
    """Resolve the options of ``runner_options``.

    Raises:
        UsageError: for a runner that there is not, or options that do not fit each other.
    """
    from pydantic import ValidationError

    from tasks.config import RunnerConfig

    try:
        return RunnerConfig.model_validate({"kind": runner, "address": address, "workers": workers})
    except ValidationError as error:
        first = error.errors()[0]
        option = {"kind": "--runner"}.get(str(first["loc"][0]), f"--{first['loc'][0]}")
        raise UsageError(f"{option} {first['input']}: {first['msg']}") from error


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


def absolute(path: Path) -> Path:
    """A path that holds wherever it is used: one of this machine made absolute, a location as it is."""
    return path.resolve() if location(path) is None else path


def refuse_elsewhere(option: str, path: Path | None) -> None:
    """Refuse a location where only a path of this machine will do.

    Raises:
        UsageError: when it is one.
    """
    if path is not None and (place := location(path)):
        raise UsageError(f"{option} {place}: has to be a path of this machine; runs and corpora may lie elsewhere")


@contextlib.contextmanager
def engine() -> Iterator[None]:
    """Run the block with Prefect at hand: its server starting meanwhile, logs shown, Ctrl-C quick."""
    from flows.engine import local_api, set_environment
    from flows.interrupt import ends_soon

    debug = bool(click.get_current_context().obj)
    set_environment(debug=debug)
    with ends_soon(lambda: say_how_to_go_on(sys.argv[1:])), local_api() as api:
        import flows.self_instruct  # noqa: F401  # loads what is heavy while the server starts
        from flows.terminal import show_logs

        show_logs(debug=debug)
        api.wait()
        if api.process is None:
            from flows.limits import prepare_server

            prepare_server()
        yield


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Run the block without Prefect's server: libraries hushed, Ctrl-C quick."""
    from flows.engine import set_environment
    from flows.interrupt import ends_soon
    from flows.terminal import hush

    debug = bool(click.get_current_context().obj)
    set_environment(debug=debug)
    hush(debug=debug)
    with ends_soon(lambda: say_how_to_go_on(sys.argv[1:])):
        yield


def say_how_to_go_on(arguments: list[str]) -> None:
    """Tell, after Ctrl-C, that what is done is kept, and the command that goes on."""
    command = shlex.join(["closedbook", *arguments])
    print(f"\nclosedbook: stopped; what is done is kept. To go on: {command}", file=sys.stderr, flush=True)
