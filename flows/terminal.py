"""What a person at a terminal sees while a flow works: log lines as plain facts, and one live bar a stage.

    reading    1,495 words, 11 windows, 214 facts
    generating ━━━━━━━━━━━╸━━━━━━━  92/165 requests  18 pairs  96 tokens/s  1:12 left

Everything goes to standard error; standard output is for results. In a pipe there are log lines and no bars.
"""

import contextlib
import logging
import resource
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from flows.pace import Pace, Speed, known_speed, note_speed

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


class TimeLeft(ProgressColumn):
    """The time left by the bar's own pace, counting down between two units."""

    def render(self, task: Task) -> Text:
        """Return minutes and seconds, or dashes while nothing can be told."""
        left = task.fields["pace"].left()
        return Text("-:-- left" if left is None else f"{int(left) // 60}:{int(left) % 60:02d} left", "cyan")


@dataclass(frozen=True, slots=True)
class Bar:
    """A live bar. ``note`` is what there is to say besides the count, e.g. ``96 tokens/s``."""

    label: str
    progress: Progress
    task: TaskID
    pace: Pace

    def to(self, done: float, total: float | None = None, note: str = "", *, resumed: bool = False) -> None:
        """Move to ``done``; ``total`` may become known on the way. ``resumed``: this much was done by another run."""
        self.pace.to(done, total, resumed=resumed)
        self.progress.update(self.task, completed=done, note=note)
        if total is not None:
            self.progress.update(self.task, total=total)


@contextlib.contextmanager
def bar(label: str, unit: str, total: float | None = None, *, work: str = "") -> Iterator[Bar]:
    """Show a bar while the block works.

    Args:
        label: what is done, a word in -ing.
        unit: what is counted, in the plural.
        total: how many units there are, where that is known.
        work: names the work for ``speeds.json``; "" keeps nothing.
    """
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn(unit + "  {task.fields[note]}"),
        TimeLeft(),
    )
    pace = Pace(_known(work), total)
    with Progress(*columns, console=console, disable=not console.is_terminal, refresh_per_second=2) as progress:
        yield Bar(label, progress, progress.add_task(label, total=total, note="", pace=pace), pace)
    _note(work, pace)


@contextlib.contextmanager
def wait(label: str, size: float = 1.0, *, work: str) -> Iterator[Bar]:
    """Show that the block works, where it cannot say how far it is: the time left is known from earlier runs only.

    Args:
        label: what is done, a word in -ing.
        size: what the time grows with, e.g. how many pairs are filtered.
        work: names the work for ``speeds.json``.
    """
    pace = Pace(_known(work), size)
    columns = (TextColumn("{task.description:<10}"), BarColumn(bar_width=24), TimeLeft())
    shown = console.is_terminal
    with Progress(*columns, console=console, disable=not shown, refresh_per_second=2, transient=True) as progress:
        yield Bar(label, progress, progress.add_task(label, total=None, pace=pace), pace)
    pace.to(size)
    _note(work, pace)


def _known(work: str) -> float | None:
    known = known_speed(work) if work else None
    return known.seconds if known else None


def _note(work: str, pace: Pace) -> None:
    if work and pace.done > pace.first:
        seconds = (pace.moved - pace.started) / (pace.done - pace.first)
        note_speed(work, Speed(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))
