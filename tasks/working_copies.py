"""A run or a corpus elsewhere, and its copy here: what changed there comes here, what changed here goes there.

    s3://heron/runs/mine   <->   ~/.cache/closedbook/elsewhere/3f2a9c…/mine/         the copy
                                 ~/.cache/closedbook/elsewhere/3f2a9c…/synced.json   {"url": …, "files": {"pairs.jsonl":
                                     {"there": "a3f0…", "here": "5b1d…", "size": 9182, "written": 1795…}, …}}

``synced.json`` says of each file as which version it was the same on both sides. The manifest goes there last, and is
taken away before any file that it names is replaced: whoever finds one finds the files that it names.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.addresses import Location, address, location
from tasks.embedded import cache_folder
from tasks.errors import StorageError
from tasks.locations import fetch, listing, put, remove
from tasks.storage import MANIFEST, file_hash, write_json

logger = logging.getLogger(__name__)
SYNCED = "synced.json"


@dataclass(frozen=True, slots=True)
class Synced:
    """A file as it was when both sides were the same: the store's stamp; hash, size and time of writing here."""

    there: str
    here: str
    size: int
    written: int

    def is_as(self, known: "Synced | None") -> bool:
        """Whether neither side has changed since."""
        return known is not None and (self.there, self.here) == (known.there, known.here)


def copies() -> Path:
    """The folder of all copies."""
    return cache_folder() / "elsewhere"


def home_of(place: Location) -> Path:
    """The folder that holds the copy of a location and what is known of it."""
    return copies() / hashlib.sha256(place.url.encode()).hexdigest()[:16]


def copy_of(place: Location) -> Path:
    """Where the copy of a location is, or will be; it is called as the location is."""
    return home_of(place) / place.name


def here(path: Path) -> Path:
    """Where the files of a path are on this machine: the copy of a location, or the path itself."""
    place = location(path)
    return path if place is None else copy_of(place)


def origin(path: Path) -> str:
    """The inverse of ``here``, as it is written down: the address of which a path is the copy, or the path itself."""
    if path.parent.parent == copies():
        return str(_read(path.parent / SYNCED)["url"])
    return address(path)


def bring(place: Location, wanted: Callable[[str], bool] = lambda name: True) -> int:
    """Make the copy of a location the same as it is there; return how many files came.

    Raises:
        LocationError: when something cannot be listed or read.
    """
    there = {name: stamp for name, stamp in listing(place).items() if wanted(name)}
    copy, known = copy_of(place), synced(place)
    present = local_files(copy)
    for name in set(present) - set(there):
        present[name].unlink()
        _leave_no_empty_folder(present[name].parent, copy)
    new = {name: copy / name for name, stamp in there.items() if not _same(known.get(name), stamp, present.get(name))}
    fetch(place, new)
    files = local_files(copy)
    note(place, {name: _now(stamp, files[name], known.get(name)) for name, stamp in there.items()})
    if new:
        logger.info(f"fetched {len(new):,} of {len(there):,} files from {place}")
    return len(new)


def is_behind(place: Location) -> bool:
    """Whether what is there is not what this machine left there, or knows of."""
    known = synced(place) if copy_of(place).exists() else {}
    return listing(place) != {name: row.there for name, row in known.items()}


def publish(place: Location) -> int:
    """Bring what changed in the copy of a run to its location, in the order in which it was written.

    Returns:
        How many files went there.

    Raises:
        LocationError: when something cannot be written there; the copy stays as it is.
    """
    there, known, copy = listing(place), synced(place), copy_of(place)
    files = sorted(local_files(copy).items(), key=lambda item: item[1].stat().st_mtime_ns)
    now = {name: _now(there.get(name, ""), path, known.get(name)) for name, path in files}
    changed = [name for name, row in now.items() if name not in there or not row.is_as(known.get(name))]
    gone = [name for name in there if name in known and name not in now]
    if not changed and not gone:
        return 0
    named = manifest_outputs(copy)
    holds = bool(named) and all(name in now and now[name].here == digest for name, digest in named.items())
    stays = holds and MANIFEST not in changed and not set(named) & {*changed, *gone}
    if MANIFEST in there and not stays:
        remove(place, [MANIFEST])
    parts = [name for name in changed if name != MANIFEST]
    for name in parts:
        put(place, name, copy / name)
    remove(place, (name for name in gone if name != MANIFEST))
    if holds and not stays:
        put(place, MANIFEST, copy / MANIFEST)
    after = listing(place)
    note(place, {name: _now(after[name], copy / name, row) for name, row in now.items() if name in after})
    return len(parts) + (holds and not stays)


def manifest_outputs(copy: Path) -> dict[str, str]:
    """What the manifest of a copy names, with hashes; nothing where there is none."""
    path = copy / MANIFEST
    return dict(_read(path)["outputs"]) if path.is_file() else {}


def check_whole(place: Location) -> None:
    """Hold a copy against its manifest, if it has one.

    Raises:
        StorageError: when a file is not the one that the manifest names: it is being replaced right now.
    """
    copy, known = copy_of(place), synced(place)
    for name, digest in manifest_outputs(copy).items():
        if name not in known or known[name].here != digest:
            raise StorageError(f"{place}: {name} is not the one its manifest names: a run is at work; try again later")


def local_files(copy: Path) -> dict[str, Path]:
    """The files of a copy by name, hidden ones left out; a copy that is a file is called ``""``."""
    if copy.is_file():
        return {"": copy}
    found = {path.relative_to(copy): path for path in copy.rglob("*") if path.is_file()}
    return {str(name): path for name, path in found.items() if not any(part.startswith(".") for part in name.parts)}


def synced(place: Location) -> dict[str, Synced]:
    """What is known of a location's files."""
    path = home_of(place) / SYNCED
    return {name: Synced(**row) for name, row in _read(path)["files"].items()} if path.is_file() else {}


def note(place: Location, files: dict[str, Synced]) -> None:
    """Write down what is the same on both sides."""
    rows = {name: asdict(row) for name, row in files.items()}
    write_json(home_of(place) / SYNCED, {"url": place.url, "files": rows})


def _leave_no_empty_folder(folder: Path, copy: Path) -> None:
    while folder.is_relative_to(copy) and folder != copy and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _now(stamp: str, path: Path, known: Synced | None) -> Synced:
    """A file as it is, hashed only if it was written since."""
    stat = path.stat()
    if known and (known.size, known.written) == (stat.st_size, stat.st_mtime_ns):
        return Synced(stamp, known.here, known.size, known.written)
    return Synced(stamp, file_hash(path), stat.st_size, stat.st_mtime_ns)


def _same(known: Synced | None, stamp: str, path: Path | None) -> bool:
    return path is not None and _now(stamp, path, known).is_as(known)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
