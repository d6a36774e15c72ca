"""A run's figures turn into what the terminal shows at its end: headline, probes, funnel, and where the page lies.

    print_summary(Path("generated/heron"))

    Knows: 54 of 64, 84% (73 to 91%); base 3 of 64, 5% (2 to 13%)
    stage    in  kept  rejected
    filter  1033   893  140: 90 ungrounded, 50 echo
    …
    Report: generated/heron/report.html

In a pipe the same tables are plain: no colour, no frames, lines as long as they need to be.
"""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tasks.records import Probe, ProbeResult, Tally
from tasks.reporting.audit import AUDIT, Check, read_audit
from tasks.reporting.funnel import FUNNEL, Funnel, load_funnel
from tasks.reporting.outcomes import Outcome, Share, by_category, headline, join, models_of
from tasks.storage import read_records

PIPE_WIDTH = 240  # wide enough that no line of a pipe is folded
INK = {"base": "yellow", "tuned": "cyan"}


def print_summary(run: Path, console: Console | None = None) -> None:
    """Print what a run has come to so far; parts whose files are not there are left out.

    Raises:
        StorageError: when a file is damaged.
    """
    console = console or default_console()
    if (run / "probes.jsonl").is_file() and (run / "results.jsonl").is_file():
        outcomes = join(read_records(run / "probes.jsonl", Probe), read_records(run / "results.jsonl", ProbeResult))
        for line in headline_lines(outcomes):
            console.print(line)
        console.print(probe_table(outcomes, framed=console.is_terminal))
    if (run / FUNNEL).is_file():
        funnel = load_funnel(run)
        console.print(", ".join(f"{count:,} {name}" for name, count in funnel.levels()), highlight=False, markup=False)
        console.print(funnel_table(funnel, framed=console.is_terminal))
        for problem in funnel.problems:
            console.print(_plain(f"does not add up: {problem}", "red"))
    if (run / AUDIT).is_file():
        for line in audit_lines(read_audit(run)):
            console.print(line)
    if (run / "report.html").is_file():
        console.print(_plain(f"Report: {run / 'report.html'}"), soft_wrap=True)


def print_audit(run: Path, checks: Sequence[Check], console: Console | None = None) -> None:
    """Print what an audit of a run's dataset looked at and found, below the counts of each stage."""
    console = console or default_console()
    console.print(funnel_table(load_funnel(run), framed=console.is_terminal))
    table = _table(console.is_terminal)
    table.add_column("check")
    table.add_column("looked at")
    table.add_column("problems", justify="right")
    for check in checks:
        table.add_row(check.name, check.looked_at, Text(f"{check.count:,}", "red" if check.count else ""))
    console.print(table)
    for line in audit_lines(checks):
        console.print(line)


def audit_lines(checks: Sequence[Check]) -> list[Text]:
    """How many checks of the dataset hold, and what is wrong where one does not."""
    failed = [check for check in checks if check.count]
    head = Text(f"Dataset: {len(checks) - len(failed)} of {len(checks)} checks hold")
    return [head, *(_plain(f"{check.name}: {problem}", "red") for check in failed for problem in check.problems)]


def default_console() -> Console:
    """A console on standard output: rich on a terminal, plain in a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=PIPE_WIDTH, color_system=None)


def headline_lines(outcomes: list[Outcome]) -> list[Text]:
    """One line a figure: the tuned model first, then the base."""
    lines = []
    for figure in headline(outcomes):
        shown = sorted(figure.shares.items(), key=lambda item: item[0] != "tuned")
        figures = "; ".join(f"{'' if model == 'tuned' else model + ' '}{share.words()}" for model, share in shown)
        lines.append(Text.assemble((f"{figure.title}: ", "bold"), figures))
    return lines


def probe_table(outcomes: list[Outcome], *, framed: bool) -> Table:
    """Categories by models: n, and the share right with its interval."""
    models = models_of(outcomes)
    table = _table(framed)
    table.add_column("probes")
    table.add_column("" if framed else "meaning", style="dim" if framed else "")
    table.add_column("n", justify="right")
    for model in models:
        table.add_column(f"{model} right", justify="right")
        table.add_column("95%", justify="right", style="dim" if framed else "")
    for row in by_category(outcomes):
        cells = [cell for model in models for cell in _share(row.shares[model], INK.get(model, ""))]
        table.add_row(_plain(row.category), row.meaning, f"{row.n:,}", *cells)
    return table


def funnel_table(funnel: Funnel, *, framed: bool) -> Table:
    """Stages: what came in, what was kept, what was rejected and why."""
    table = _table(framed)
    table.add_column("stage")
    table.add_column("in", justify="right")
    table.add_column("kept", justify="right")
    table.add_column("rejected")
    for stage in funnel.stages:
        table.add_row(_plain(stage.stage), f"{stage.parsed:,}", f"{stage.kept:,}", _plain(_reasons(stage)))
    return table


def _table(framed: bool) -> Table:
    return Table(box=box.SIMPLE_HEAD if framed else None, pad_edge=False, show_edge=False)


def _share(share: Share, ink: str) -> tuple[Text, Text]:
    return (Text(share.percent(), ink), Text(share.interval())) if share.n else (Text("-"), Text(""))


def _reasons(stage: Tally) -> str:
    ordered = sorted(stage.rejected.items(), key=lambda item: (-item[1], item[0]))
    total = sum(stage.rejected.values())
    return f"{total:,}: " + ", ".join(f"{count:,} {reason}" for reason, count in ordered) if total else "0"


def _plain(text: str, style: str = "") -> Text:
    """Text that cannot steer the terminal: no markup, no escape sequences."""
    return Text("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text), style)
