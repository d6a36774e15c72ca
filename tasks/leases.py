"""Who works in a run elsewhere: an object beside its files that is renewed for as long as somebody does.

    s3://heron/runs/mine/.lease/00000003   {"machine": "b7c1…", "host": "node-4", "beat": 12, "at": 1795043021.5}

A lease is taken by creating the object with the next number, which only one of several can do (S3 ``If-None-Match``);
on a server that ignores the condition the last one has it, and the others find that out before they publish.
No clock of another machine is trusted: a holder that is alive renews every ``BEAT`` seconds, and one that is not seen
to do so for ``SILENCE`` seconds is dead. A machine's own lease of before a kill is taken over at once.
"""

import json
import logging
import math
import platform
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from tasks.addresses import Location
from tasks.embedded import cache_folder
from tasks.errors import LocationError
from tasks.locations import hidden, read_bytes, remove, write_bytes
from tasks.storage import write_text

logger = logging.getLogger(__name__)
FOLDER = ".lease"
BEAT, SILENCE, LONG_AGO = 15.0, 60.0, 600.0
"""Seconds between renewals; without one until a holder is dead; after which that needs no watching."""


@dataclass(slots=True)
class Lease:
    """A lease that is held. ``ours`` says whether it was this machine's before, so that nobody else was there."""

    place: Location
    number: int
    owner: str
    ours: bool
    beats: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """Renew it from now on, in a thread of its own."""
        threading.Thread(target=self._renew, daemon=True).start()

    def _renew(self) -> None:
        while not self.ended.wait(BEAT):
            try:
                self.check()
                self.beats += 1
                write_bytes(self.place, _name(self.number), content(self.beats))
            except LocationError as error:  # the work here goes on: what it is worth is found when it is published
                logger.debug(f"lease not renewed: {error}")

    def check(self) -> None:
        """Raise if somebody else has taken over.

        Raises:
            LocationError: … because no renewal was seen for too long.
        """
        said = holder(self.place, self.number) if newest(self.place) == self.number else None
        if said is None or said.get("machine", self.owner) != self.owner:
            raise LocationError(
                f"{self.place}: another machine took this run over while this one was silent; nothing more is written "
                f"there from here"
            )

    def release(self) -> None:
        """Let others in."""
        self.ended.set()
        remove(self.place, [_name(self.number)])


def take(place: Location) -> Lease:
    """Take the lease of a run, waiting for a silent holder to be dead.

    Raises:
        LocationError: when another machine is at work, or nothing can be written there.
    """
    seen: dict[str, Any] | None = None
    since = time.monotonic()
    while True:
        number = newest(place)
        found = holder(place, number)
        ours = found is not None and found.get("machine") == machine()
        if found is None or ours or _is_dead(found, seen, since):
            if write_bytes(place, _name(number + 1), content(0), anew=True):
                remove(place, [_name(number)])  # the one before, if any: whether removing is allowed is told at once
                return Lease(place, number + 1, machine(), ours)
            continue  # somebody was quicker: look again
        if seen is not None and found != seen:
            raise LocationError(
                f"{place}: closedbook on {found.get('host')} is at work in it; wait for it, or choose another --out"
            )
        if seen is None:
            since, seen = time.monotonic(), found
            logger.info(f"{place}: {found.get('host')} was at work in it; waiting {SILENCE:.0f} s for a sign of life")
        time.sleep(min(1.0, BEAT / 4))


def _is_dead(found: dict[str, Any], seen: dict[str, Any] | None, since: float) -> bool:
    silent = found == seen and time.monotonic() - since > SILENCE
    return silent or time.time() - float(found.get("at", math.inf)) > LONG_AGO


def left_by_us(place: Location) -> bool:
    """Whether the last who worked there was this machine, which was killed or could not publish."""
    found = holder(place, newest(place))
    return found is not None and found.get("machine") == machine()


def newest(place: Location) -> int:
    """The number of the lease that counts; 0 where there is none."""
    numbers = [int(name) for name in hidden(place, FOLDER) if name.isdigit()]
    return max(numbers, default=0)


def holder(place: Location, number: int) -> dict[str, Any] | None:
    """What a lease says, nothing where it is being written; None where it is gone."""
    data = read_bytes(place, _name(number)) if number else None
    if data is None:
        return None
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def content(beats: int) -> bytes:
    """What is written into a lease."""
    said = {"machine": machine(), "host": platform.node(), "beat": beats, "at": time.time()}
    return json.dumps(said).encode()


def machine() -> str:
    """A name of this machine's cache, drawn once: what is at work under it is kept apart by locks of this machine."""
    path = cache_folder() / "machine"
    if not path.is_file():
        write_text(path, uuid.uuid4().hex)
    return path.read_text(encoding="utf-8")


def _name(number: int) -> str:
    return f"{FOLDER}/{number:08d}"
