"""What a person at a terminal sees while a flow works: log lines as plain facts, and one live bar a stage.

    reading    1,495 words, 11 windows, 214 facts
    generating ━━━━━━━━━━━╸━━━━━━━  9/16 batches  118 pairs  96 tokens/s  0:01:12 left

Everything goes to standard error; standard output is for results. In a pipe there are log lines and no bars.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Advance = Callable[..., None]
console = Console(stderr=True, highlight=False, soft_wrap=True)


class LineHandler(logging.Handler):
    """Prints a log record's message as one line, above any live bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message; a warning says so."""
        mark = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        console.print(mark + record.getMessage(), markup=False)


def show_logs() -> None:
    """Show what flows and tasks log. Call it after Prefect is imported, which sets up logging anew."""
    for name in ("flows", "tasks"):
        source = logging.getLogger(name)
        source.setLevel(logging.INFO)
        source.addHandler(LineHandler())


@contextlib.contextmanager
def bar(label: str, total: int, unit: str) -> Iterator[Advance]:
    """Show a bar; yield ``advance(steps, note)``, where the note is what there is to say besides, e.g. ``96 tokens/s``.

    The bar moves by itself once a second, so that the time left is true inside a long step too.
    """
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn(unit + "  {task.fields[note]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, refresh_per_second=4) as progress:
        task = progress.add_task(label, total=total, note="")

        def advance(steps: int = 1, note: str = "") -> None:
            progress.update(task, advance=steps, note=note)

        yield advance
