"""What Prefect's page shows of a run besides its logs: tables of what came out, and how far it is.

    show(run, "funnel", "samples", "coverage")        three table artifacts, by the keys of these names
    with progress("training", "steps") as shown:      a bar at the terminal and a progress artifact on the page
        shown.to(40, 216, "loss 0.311")

The rows are made in ``tasks/reporting/tables.py``; here they are only handed to the server.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact

from flows.pace import Pace
from flows.terminal import Bar, bar
from tasks.reporting.tables import Rows, coverage_rows, funnel_rows, probe_rows, sample_rows

TABLES: dict[str, tuple[Callable[[Path], Rows], str]] = {
    "funnel": (funnel_rows, "What came in, was kept and was rejected, stage by stage"),
    "samples": (sample_rows, "Ten of the pairs, one of each form in turn"),
    "coverage": (coverage_rows, "How many questions the sentences of each text got"),
    "probes": (probe_rows, "The same questions to the model before and after"),
}
EVERY = 10.0
"""Seconds between two updates of the page."""


def show(run: Path, *names: str) -> None:
    """Put tables of a run on the page of the flow run that calls this."""
    for name in names:
        rows, description = TABLES[name]
        create_table_artifact(rows(run), key=name, description=f"{run.name}: {description}")


@dataclass(slots=True)
class Progress:
    """A bar, and the artifact that follows it."""

    bar: Bar
    artifact: UUID
    total: float | None
    label: str
    shown: float = 0.0

    @property
    def pace(self) -> Pace:
        """What the bar's time left is told from."""
        return self.bar.pace

    def to(self, done: float, total: float | None = None, note: str = "", *, resumed: bool = False) -> None:
        """Move to ``done``; ``total`` may become known on the way. ``resumed``: this much was done by another run."""
        self.total = total or self.total
        self.bar.to(done, total, note, resumed=resumed)
        now = time.monotonic()
        if self.total and (now - self.shown >= EVERY or done >= self.total):
            self.shown = now
            update_progress_artifact(self.artifact, 100.0 * min(1.0, done / self.total), f"{self.label}: {note}")


@contextlib.contextmanager
def progress(label: str, unit: str, total: float | None = None, *, work: str = "") -> Iterator[Progress]:
    """Show how far the block is, at the terminal (see ``flows.terminal.bar``) and on the page."""
    artifact = create_progress_artifact(0.0, key=label, description=label)
    with bar(label, unit, total, work=work) as shown:
        yield Progress(shown, artifact, total, label)  # type: ignore[arg-type]
