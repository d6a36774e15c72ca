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

from filelock import FileLock, Timeout

from tasks import leases
from tasks.corpus.readers import FORMATS, SUFFIXES
from tasks.errors import LocationError, StorageError, UsageError
from tasks.leases import Lease
from tasks.locations import Location, fetch, hidden, listing, location, put
from tasks.working_copies import bring, check_whole, copy_of, home_of, is_behind, publish

logger = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
CONFIG, BATCHES = "config.json", ".batches"
PROBES, BESIDE = "probes.jsonl", ("probes.jsonl", "README.md")
"""Gold questions, and what belongs to a text that lies by itself."""
BATCH_NAME = re.compile(r"batch-[0-9a-z-]+")
FETCHING = 600.0
"""Seconds that a corpus may take to come, while another run of this machine waits for the same one."""
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


def fetched(run: Path) -> Path:
    """Bring a run here to be read, with its corpus; return its folder. A run of this machine is that already.

    Raises:
        LocationError: when it cannot be reached or read.
        StorageError: when it is being written.
    """
    place = location(run)
    if place is None:
        fetch_corpus(corpus_of(run))
        return run
    with alone_here(place):
        refuse_foreign(place)
        if not (copy_of(place).exists() and leases.left_by_us(place)) and is_behind(place):
            bring(place)
            check_whole(place)
    fetch_corpus(corpus_of(copy_of(place)))
    return copy_of(place)


def corpus_of(run: Path) -> Path:
    """What a run was begun with; a folder that is no run, of which others tell, stands for itself."""
    path = run / CONFIG
    try:
        return Path(json.loads(path.read_text(encoding="utf-8"))["corpus"]) if path.is_file() else run
    except (ValueError, KeyError, TypeError):
        return run


def fetch_corpus(corpus: Path) -> Path:
    """Bring the texts of a corpus here that are new or changed there; return where they are.

    Raises:
        UsageError: when there is nothing.
        LocationError: when it cannot be reached or read.
    """
    place = location(corpus)
    if place is None:
        return corpus
    with alone_here(place, patience=FETCHING):
        bring(place, wanted=is_wanted)
        copy = copy_of(place)
        if not copy.exists():
            raise UsageError(f"{place}: no text there; give a text ({SUFFIXES}) or a folder of texts")
        for name in BESIDE if copy.is_file() else ():
            beside = Location(f"{place.url.rpartition('/')[0]}/{name}")
            if listing(beside):
                fetch(beside, {"": copy.with_name(name)})
    return copy


def fetch_either(path: Path) -> Path:
    """Bring a run or a corpus here to be read, whichever it is; raises as ``fetched`` and ``fetch_corpus``."""
    place = location(path)
    return fetched(path) if place is not None and CONFIG in listing(place) else fetch_corpus(path)


def is_wanted(name: str) -> bool:
    """Whether a file of a corpus is fetched: texts, the questions, and what is said of them."""
    path = Path(name)
    return name == "" or path.suffix.lower() in FORMATS or path.name == PROBES


def refuse_foreign(place: Location) -> None:
    """Leave alone a place that holds something else.

    Raises:
        UsageError: when files are there and none of them says that it is a run.
    """
    if (names := listing(place)) and CONFIG not in names:
        raise UsageError(f"{place}: holds {min(names) or 'a file'} and is no run of closedbook; choose another place")


@contextlib.contextmanager
def alone_here(place: Location, *, patience: float = 10.0) -> Iterator[None]:
    """Keep the copy of a location to this process, waiting so many seconds for another to be done.

    Raises:
        StorageError: when another process of this machine is at work in it.
    """
    folder = home_of(place)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=patience)
    except Timeout as error:
        raise StorageError(
            f"{place}: another closedbook of this machine is at work in it; wait for it, or choose another --out"
        ) from error
    try:
        yield
    finally:
        lock.release()
