"""The commands about the machine round a run: what it has, a shell's completion, texts from a library, a server."""

from dataclasses import asdict
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from flows.commands.options import alone, configuration, debug_option, json_option, runner_of, runner_options
from flows.commands.running import default_run
from tasks.errors import UsageError

COMPLETE = "_CLOSEDBOOK_COMPLETE"


@click.command(short_help="Say what this machine has and what is missing.")
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
        click.get_current_context().exit(1)


@click.command(short_help="Print a shell's completion script.")
@click.argument("shell", metavar="bash|zsh|fish")
def completion(shell: str) -> None:
    """Print the script that lets SHELL complete closedbook's commands, options and settings.

    \b
    Example: closedbook completion bash >> ~/.bashrc
    """
    found = get_completion_class(shell)
    if found is None:
        raise UsageError(f"completion {shell}: unknown shell; choose one of bash, zsh, fish")
    click.echo(found(click.get_current_context().find_root().command, {}, "closedbook", COMPLETE).source())


@click.group()
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


@click.command(short_help="Serve the deployments and their schedules.")
@click.option("--nightly", type=click.Path(path_type=Path), metavar="CORPUS", help="Run this corpus once a day.")
@click.option("--out", type=click.Path(path_type=Path), help="Its run. [default: generated/CORPUS-PRESET]")
@click.option("--cron", default="0 2 * * *", show_default=True, help="When it starts.")
@click.option("--timezone", default="UTC", show_default=True, metavar="ZONE", help="… by the clock of this zone.")
@click.option("--preset", default="quick", show_default=True, metavar="quick|full", help="Its preset.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Change one value of it.")
@runner_options
@click.option("--pool", metavar="NAME", help="Register for workers of this pool; serve nothing.")
@debug_option
def serve(
    nightly: Path | None,
    out: Path | None,
    cron: str,
    timezone: str,
    preset: str,
    settings: tuple[str, ...],
    runner: str,
    address: str,
    workers: int | None,
    pool: str | None,
) -> None:
    """Register the deployments and a nightly run with the server in $PREFECT_API_URL, and serve them.

    \b
    Example: closedbook serve --nightly /data/texts --timezone Europe/Berlin
    """
    from flows.engine import set_environment

    config, where = configuration(preset, None, None, settings, ()), runner_of(runner, address, workers)
    set_environment(serving=True)
    from flows.deployments import Nightly, serve_all

    planned = None
    if nightly is not None:
        planned = Nightly(nightly, out or default_run(nightly, preset), config, cron, timezone, where)
    serve_all(planned, pool=pool)
