"""How long a step will take: from what it has done so far, and from what the same work took on this machine before.

    pace = Pace("generating", prior=0.52)       0.52 s a request, as an earlier run here measured it
    pace.to(64, 165); pace.left()               52.9 s: what is left at the speed of the two weighted together

What a step took is kept in ``speeds.json`` in the user's cache, by the name of the work ("generating b179c9523d0e 64").
There a later run finds its prior, and ``closedbook plan`` its estimate. The file is a notebook: nothing depends on it.
"""

import json
import math
import time
from bisect import bisect_right
from dataclasses import asdict, dataclass, field
from pathlib import Path

from filelock import FileLock

from tasks.embedded import cache_folder
from tasks.storage import write_json

SPEEDS = "speeds.json"
PRIOR_WEIGHT = 0.04
"""What the prior counts, as a share of the step's units: after a tenth of them, what was seen outweighs it 5 to 2."""
RECENT, SHORTEST = 0.3, 15.0
"""The speed is that of the whole step so far, or of the last share of its time (so many seconds at least) if that was
faster: other work on the machine comes and goes. Chosen on the logs of real trainings (bench/results/time-left.md)."""
NEWEST = 0.5
"""What the newest measurement counts against all before it: a machine is not always equally busy."""


@dataclass(frozen=True, slots=True)
class Speed:
    """What one unit of some work took on this machine, and the most memory the process held by its end."""

    seconds: float
    memory_mb: int = 0


def speeds_file() -> Path:
    """Where the speeds are kept."""
    return cache_folder() / SPEEDS


def known_speed(work: str) -> Speed | None:
    """What the work took here before; None where it never ran, or the file is damaged."""
    try:
        row = json.loads(speeds_file().read_text(encoding="utf-8")).get(work)
        return Speed(float(row["seconds"]), int(row["memory_mb"])) if row else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def note_speed(work: str, speed: Speed) -> None:
    """Keep what the work took, averaged with what it took before; memory is the most ever held."""
    path = speeds_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{SPEEDS}.lock")):
        if before := known_speed(work):
            seconds = NEWEST * speed.seconds + (1 - NEWEST) * before.seconds
            speed = Speed(seconds, max(speed.memory_mb, before.memory_mb))
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            rows = {}
        write_json(path, (rows if isinstance(rows, dict) else {}) | {work: asdict(speed)})


@dataclass(slots=True)
class Pace:
    """The speed of one step. Units need not be equally long, but their mean should not change on the way.

    ``prior`` is seconds a unit, None where nothing is known; ``most`` is the rest of a budget, in seconds. A step that
    is resumed in its middle says so: what was done before this process began tells nothing about its speed.
    """

    prior: float | None = None
    total: float | None = None
    most: float = math.inf
    done: float = 0.0
    first: float = 0.0
    started: float = field(default_factory=lambda: time.monotonic())
    moved: float = field(default_factory=lambda: time.monotonic())
    history: list[tuple[float, float]] = field(default_factory=list)

    def to(self, done: float, total: float | None = None, *, resumed: bool = False) -> None:
        """Say that ``done`` units of ``total`` are done."""
        self.moved = time.monotonic()
        self.done = done
        self.total = self.total if total is None else total
        if resumed:
            self.first, self.started = done, self.moved
            self.history.clear()
        self.history.append((self.moved, done))

    @property
    def unit(self) -> float | None:
        """Seconds a unit, as far as can be told now."""
        weight = 0.0 if self.prior is None else PRIOR_WEIGHT * (self.total or 0.0)
        seen = [(self.moved - since, self.done - before) for since, before in (self._recent(), self._begun())]
        told = [
            ((self.prior or 0.0) * weight + seconds) / (units + weight) for seconds, units in seen if units + weight > 0
        ]
        return min(told, default=self.prior)

    def _begun(self) -> tuple[float, float]:
        return self.started, self.first

    def _recent(self) -> tuple[float, float]:
        """When the part of the step began that tells its speed, and what was done by then."""
        reach = self.moved - max(SHORTEST, RECENT * (self.moved - self.started))
        place = bisect_right(self.history, (reach, math.inf))
        return self.history[place - 1] if place else self._begun()

    def left(self) -> float | None:
        """Seconds left; the budget's rest while nothing else can be told, None where there is none."""
        unit = self.unit
        left = self.most if unit is None or self.total is None else min(unit * (self.total - self.done), self.most)
        if left == math.inf:
            return None
        return max(0.0, left - (time.monotonic() - self.moved))
