"""Runs and corpora elsewhere, worked on here: ``s3://heron/runs/mine`` is a folder of this machine while a flow works.

    @anywhere                                   self_instruct(Path("s3://heron/texts"), Path("s3://heron/runs/mine"))
    def self_instruct(corpus, run, config): …   works in the copy of the run, with the copy of the corpus beside it

At the start comes what is newer there, after each stage goes what was made here, the manifest last. A batch of
generation goes there as soon as it is done, so that another machine goes on where this one was killed. One machine
works in a run at a time: a lease there says which (``tasks/leases.py``), a lock here which process of it.
"""

import contextlib
import functools
import inspect
import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, TypeVar

from flows.fetching import alone_here, corpus_of, fetch_corpus, refuse_foreign
from tasks import leases
from tasks.addresses import Location, location
from tasks.errors import LocationError
from tasks.leases import Lease
from tasks.locations import fetch, hidden, put
from tasks.working_copies import bring, copy_of, home_of, is_behind, publish

logger = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
BATCHES = ".batches"
BATCH_NAME = re.compile(r"batch-[0-9a-z-]+")
LEAST_PAUSE, SHARE = 30.0, 10
"""Within a stage what is there is published this many seconds after the last time, or ten times what that took."""


@dataclass(slots=True)
class Opened:
    """A run elsewhere that this process works in; ``kept`` are the batches that are there, ``owed`` those that wait."""

    place: Location
    lease: Lease
    kept: set[str]
    owed: set[str] = field(default_factory=set)
    due: float = field(default_factory=lambda: time.monotonic() + LEAST_PAUSE)

    def publish(self) -> None:
        """Bring what changed there.

        Raises:
            LocationError: when it cannot be written, or another machine has taken over.
        """
        started = time.monotonic()
        self.lease.check()
        self.send_batches()
        if sent := publish(self.place):
            logger.info(f"published {sent:,} files to {self.place}")
        ended = time.monotonic()
        self.due = ended + max(LEAST_PAUSE, SHARE * (ended - started))

    def send_batches(self) -> None:
        """Bring the batches there that wait; raises as ``publish``."""
        for key in sorted(self.owed):
            put(self.place, f"{BATCHES}/{key}", kept_batches() / key)
            self.kept.add(key)
            self.owed.remove(key)


_opened: ContextVar[Opened | None] = ContextVar("opened", default=None)
_inside: ContextVar[bool] = ContextVar("inside", default=False)


def anywhere(function: Callable[P, R]) -> Callable[P, R]:
    """Let a flow take a run, and a corpus, anywhere: it is called with a folder of this machine as its ``run``."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def within(*args: P.args, **kwargs: P.kwargs) -> R:
        given = signature.bind(*args, **kwargs)
        with at_hand(given.arguments["run"], given.arguments.get("corpus")) as run:
            given.arguments["run"] = run
            return function(*given.args, **given.kwargs)

    return within


@contextlib.contextmanager
def at_hand(run: Path, corpus: Path | None = None) -> Iterator[Path]:
    """Yield the folder to work in: the run itself, or its copy, whose changes go to the run's location in the end.

    Args:
        corpus: what the run is made from; None: what it was begun with. If it is elsewhere, its copy is made new.

    Raises:
        LocationError: when a place cannot be reached, read or written, or another machine is at work in the run.
        UsageError: when what is there is no run.
    """
    place = location(run)
    if _inside.get():
        yield run
        return
    token = _inside.set(True)
    try:
        if place is None:
            fetch_corpus(corpus or corpus_of(run))
            yield run
        else:
            with alone_here(place), opened(place) as copy:
                fetch_corpus(corpus or corpus_of(copy))
                yield copy
    finally:
        _inside.reset(token)


@contextlib.contextmanager
def opened(place: Location) -> Iterator[Path]:
    """Hold a run elsewhere: take its lease, bring it here, and in the end publish what was made."""
    refuse_foreign(place)
    lease = leases.take(place)
    lease.begin()
    copy = copy_of(place)
    try:
        if not (lease.ours and copy.exists()) and is_behind(place):
            bring(place)
        copy.mkdir(parents=True, exist_ok=True)
        now = Opened(place, lease, bring_batches(place))
        token = _opened.set(now)
        try:
            yield copy
        except Exception as error:
            if not isinstance(error, LocationError):
                with contextlib.suppress(LocationError):  # what failed is told, not what followed from it
                    now.publish()
                    lease.release()
            raise
        finally:
            _opened.reset(token)
        now.publish()
        lease.release()
    finally:
        lease.ended.set()


def publish_changes(*, soon: bool = False) -> None:
    """Publish what was made so far, where the run is elsewhere.

    Args:
        soon: within a stage: only if the last time is long ago, and what fails is tried again later.
    """
    now = _opened.get()
    if now is None:
        return
    if not soon:
        now.publish()
    elif time.monotonic() > now.due:
        now.due = time.monotonic() + LEAST_PAUSE
        with tried_again():
            now.publish()


@contextlib.contextmanager
def tried_again() -> Iterator[None]:
    """Go on with the stage when something cannot be published yet; at its end it has to be."""
    try:
        yield
    except LocationError as error:
        logger.warning(f"not published yet, tried again later: {error}")


def keep_batch(key: str) -> None:
    """Bring the kept result of a batch to the run's location, where that is elsewhere and it is not there yet."""
    now = _opened.get()
    if now is None or key in now.kept or not (kept_batches() / key).is_file():
        return
    now.owed.add(key)
    with tried_again():
        now.send_batches()


def bring_batches(place: Location) -> set[str]:
    """Bring the kept batches of a run to where Prefect looks for them; return the names of all there."""
    there = {name for name in hidden(place, BATCHES) if BATCH_NAME.fullmatch(name)}
    kept, staged = kept_batches(), home_of(place) / "batches"
    fetch(place, {f"{BATCHES}/{name}": staged / name for name in sorted(there) if not (kept / name).is_file()})
    for path in sorted(staged.glob("batch-*")):
        if is_json_result(path):
            kept.mkdir(parents=True, exist_ok=True)
            path.replace(kept / path.name)
        else:
            logger.warning(f"{place}: {path.name} is no result of a batch: it is made again")
            path.unlink()
            there.discard(path.name)
    return there


def is_json_result(path: Path) -> bool:
    """Whether a file is a result that Prefect will read as JSON: it would unpickle one that says so."""
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        return bool(row["metadata"]["serializer"]["type"] == "json")
    except (ValueError, KeyError, TypeError):
        return False


def kept_batches() -> Path:
    """Where Prefect keeps results on this machine."""
    from prefect.settings import PREFECT_RESULTS_LOCAL_STORAGE_PATH

    return Path(PREFECT_RESULTS_LOCAL_STORAGE_PATH.value())
