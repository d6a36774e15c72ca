"""What a person at a terminal sees while a flow works: log lines as plain facts, and one live bar a stage.

    reading    1,495 words, 11 windows, 214 facts
    generating ━━━━━━━━━━━╸━━━━━━━  9/16 batches  118 pairs  96 tokens/s  0:01:12 left

Everything goes to standard error; standard output is for results. In a pipe there are log lines and no bars.
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

console = Console(stderr=True, highlight=False, soft_wrap=True)


class LineHandler(logging.Handler):
    """Prints a log record's message as one line, above any live bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message; a warning says so."""
        mark = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        console.print(mark + record.getMessage(), markup=False)


def hush(*, debug: bool = False) -> None:
    """Keep libraries from talking: their deprecations are for the tests, where they are errors."""
    if not debug:
        warnings.simplefilter("ignore")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # on import it tells which optional kernels are missing


def show_logs(*, debug: bool = False) -> None:
    """Show what flows and tasks log. Call it after Prefect is imported, which sets up logging anew."""
    hush(debug=debug)
    for name in ("flows", "tasks"):
        source = logging.getLogger(name)
        source.setLevel(logging.INFO)
        source.addHandler(LineHandler())


@dataclass(frozen=True, slots=True)
class Bar:
    """A live bar. ``note`` is what there is to say besides the count, e.g. ``96 tokens/s``."""

    progress: Progress
    task: TaskID

    def to(self, done: int, total: int | None = None, note: str = "") -> None:
        """Move to ``done``; ``total`` may become known on the way."""
        self.progress.update(self.task, completed=done, note=note)
        if total is not None:
            self.progress.update(self.task, total=total)


@contextlib.contextmanager
def bar(label: str, unit: str, total: int | None = None) -> Iterator[Bar]:
    """Show a bar while the block works."""
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn(unit + "  {task.fields[note]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, refresh_per_second=2) as progress:
        yield Bar(progress, progress.add_task(label, total=total, note=""))
