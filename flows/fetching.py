"""Runs and corpora elsewhere, brought here to be read: what is newer there comes into the copy of this machine.

fetched(Path("s3://heron/runs/mine"))    ->  ~/.cache/closedbook/elsewhere/3f2a9c…/mine     whole, or an error
fetch_corpus(Path("s3://heron/texts"))   ->  ~/.cache/closedbook/elsewhere/81d04e…/texts    texts and questions
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from tasks import leases
from tasks.addresses import Location, location
from tasks.corpus.readers import FORMATS, SUFFIXES
from tasks.errors import StorageError, UsageError
from tasks.locations import fetch, listing
from tasks.working_copies import bring, check_whole, copy_of, home_of, is_behind

CONFIG = "config.json"
PROBES, BESIDE = "probes.jsonl", ("probes.jsonl", "README.md")
"""Gold questions, and what belongs to a text that lies by itself."""
FETCHING = 600.0
"""Seconds that a corpus may take to come, while another run of this machine waits for the same one."""


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
