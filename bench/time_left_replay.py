"""The log of a real training turns into how well its bar knew the time left: ``… bench.time_left_replay RUN …``.

    generated/demo/training.jsonl   {"step": 120, "steps": 525, "elapsed_s": 118.2, …}, a row every ten steps

The rows are put to the bar's own ``Pace``, with a clock that says what the log says; between two rows the time left
counts down, and is sampled every half second. Counted as in ``bench.time_left``.
"""

import json
from pathlib import Path

import click

from bench.time_left import FIRST, Step
from flows import pace
from flows.pace import Pace

EVERY = 0.5


class Clock:
    """A clock that a log sets."""

    now = 0.0

    def monotonic(self) -> float:
        """Say the time."""
        return self.now


def replay(run: Path) -> str:
    """One row of the table."""
    clock = Clock()
    pace.time = clock  # type: ignore[assignment]
    rows = [json.loads(line) for line in (run / "training.jsonl").read_text(encoding="utf-8").splitlines()]
    step = Step(run.name, Pace(total=rows[0]["steps"], started=0.0, moved=0.0), started=0.0)
    for row in rows:
        while clock.now + EVERY < row["elapsed_s"]:
            clock.now += EVERY
            step.samples.append((clock.now, step.pace.left()))
        clock.now = row["elapsed_s"]
        step.pace.to(row["step"], row["steps"])
    step.ended = clock.now
    return step.row()


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
def main(runs: tuple[Path, ...]) -> None:
    """Print the table."""
    click.echo(f"| training of | seconds | within 20% (or 2 s) after {FIRST:.0%} | median error | worst | shown |")
    click.echo("|---|---|---|---|---|---|")
    for run in runs:
        click.echo(replay(run))


if __name__ == "__main__":
    main()
