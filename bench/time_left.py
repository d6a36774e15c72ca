"""A real run turns into a table of how well its bars knew the time left: ``python -m bench.time_left OUT CORPUS …``.

    training   121 s   within 20%: 97%   median 4%   worst 9% of the step     1 s after the bar appeared

Every quarter of a second the time left that a bar shows is noted, and compared with what was left in truth once the
step has ended. Counted are the samples after the first tenth of a step; a sample is right when it is within 20% of the
truth, or within 2 s of it. Steps under 2 s are left out. ``--speeds FILE`` says what is known of the machine before:
a file that is not there yet makes it a first run.
"""

import statistics
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import click

from flows import pace, terminal
from flows.commands.options import configuration
from flows.engine import local_api, set_environment
from flows.pace import Pace

EVERY = 0.25
SHORTEST = 2.0
FIRST = 0.1
ALLOWED, ALLOWED_SECONDS = 0.2, 2.0


@dataclass(slots=True)
class Step:
    """A bar's samples: (seconds since the bar appeared, seconds left as it showed them)."""

    label: str
    pace: Pace
    started: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    samples: list[tuple[float, float | None]] = field(default_factory=list)

    def row(self) -> str:
        """One row of the table."""
        took = self.ended - self.started
        counted = [(took - at, left) for at, left in self.samples if at >= FIRST * took]
        known = [(truth, left) for truth, left in counted if left is not None]
        first = next((at for at, left in self.samples if left is not None), None)
        if not known:
            return f"| {self.label} | {took:.0f} | - | - | - | never |"
        errors = [abs(left - truth) for truth, left in known]
        right = sum(e <= max(ALLOWED * t, ALLOWED_SECONDS) for e, (t, _) in zip(errors, known, strict=True))
        relative = statistics.median(e / max(t, EVERY) for e, (t, _) in zip(errors, known, strict=True))
        shown = "at once" if first is not None and first < 2 * EVERY else f"after {first:.0f} s"
        share, worst = right / len(counted), max(errors) / took
        return f"| {self.label} | {took:.0f} | {share:.0%} | {relative:.0%} | {worst:.0%} | {shown} |"


class Recorder:
    """Stands in for the terminal's bars, and samples those that live."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.bar, self.note = terminal.Bar, terminal._note
        threading.Thread(target=self._sample, daemon=True).start()

    def make(self, label: str, *rest: object) -> terminal.Bar:
        """Make a bar as asked, and begin to sample it."""
        made = self.bar(label, *rest)  # type: ignore[arg-type]
        self.steps.append(Step(label, made.pace))
        return made

    def end(self, work: str, its: Pace) -> None:
        """Note when a bar's step ended, keep its speed as usual, and print its row."""
        ended = next(step for step in self.steps if step.pace is its)
        ended.ended = time.monotonic()
        self.note(work, its)
        if ended.ended - ended.started >= SHORTEST:
            print(ended.row(), flush=True)

    def _sample(self) -> None:
        while True:
            time.sleep(EVERY)
            for step in list(self.steps):
                if not step.ended:
                    step.samples.append((time.monotonic() - step.started, step.pace.left()))


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("corpus", type=click.Path(path_type=Path, exists=True))
@click.option("--speeds", type=click.Path(path_type=Path), required=True)
@click.option("--set", "settings", multiple=True)
def main(out: Path, corpus: Path, speeds: Path, settings: tuple[str, ...]) -> None:
    """Run the chain into OUT and print the table."""
    recorder = Recorder()
    terminal.Bar = recorder.make  # type: ignore[misc,assignment]
    terminal._note = recorder.end
    pace.speeds_file = lambda: speeds
    first = "a first run" if not speeds.exists() else "a later run"
    print(f"{first} on this machine, quick preset, {' '.join(settings)}\n")
    print("| step | seconds | within 20% (or 2 s) | median error | worst, of the step | time left shown |")
    print("|---|---|---|---|---|---|")
    set_environment()
    with local_api() as api:
        from flows.self_instruct import self_instruct

        terminal.show_logs()
        api.wait()
        self_instruct(corpus.resolve(), out.resolve(), configuration("quick", None, None, settings, ()))


if __name__ == "__main__":
    main()
