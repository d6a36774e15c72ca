"""The few things that are done where a run or a corpus lies elsewhere: list, read, write, remove, create.

    listing(Location("s3://heron/runs/mine"))   ->  {"pairs.jsonl": "a3f0…", "adapter/adapter_config.json": "9e1b…", …}

Every kind of location that fsspec knows will do. Credentials come from the environment or the provider's own files and
are never looked at here. A file is put there whole: one PUT on an object store, elsewhere a temporary name that is then
moved.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tasks.addresses import WHOLE, Location
from tasks.errors import LocationError, UsageError
from tasks.location_problems import refuse_secret_endpoint, told

EXTRAS = {"s3": "s3", "gs": "gs"}
"""The extra of closedbook that brings what a scheme needs."""
STAMPS = ("ETag", "etag", "md5Hash")
DATES = ("mtime", "LastModified", "updated", "created")


def listing(place: Location) -> dict[str, str]:
    """Name every file there, hidden ones left out, with a stamp that changes when the file does.

    A location that is a file itself is listed as ``""``.

    Raises:
        LocationError: when it cannot be listed, or a name would lead out of a folder.
    """
    files, root = opened(place)
    with told(place, "list"):
        found = files.find(root, detail=True)
    names = {path[len(root) :].lstrip("/"): info for path, info in found.items() if not path.endswith("/")}
    return {name: stamp(info) for name, info in names.items() if is_plain(place, name)}


def is_plain(place: Location, name: str) -> bool:
    """Whether a file counts: hidden ones do not, and a name that no folder can hold is an error."""
    parts = name.split("/")
    if name and any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise LocationError(f"{place}: the name {name[:80]!r} in it cannot be that of a file; rename the object")
    return not any(part.startswith(".") for part in parts)


def stamp(info: dict[str, Any]) -> str:
    """What the store says of a file that changes with its content."""
    tag = next((str(info[key]) for key in STAMPS if info.get(key)), "")
    return tag or " ".join(str(info[key]) for key in ("size", *DATES) if info.get(key) is not None)


def fetch(place: Location, wanted: dict[str, Path]) -> None:
    """Bring files here, many at a time, each to the path given, which is replaced when all of it has come.

    Raises:
        LocationError: when one cannot be read.
    """
    files, root = opened(place)
    partial = {name: path.with_name(f".{path.name}.{os.getpid()}.partial") for name, path in wanted.items()}
    for path in partial.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with told(place, "read"):
            files.get([_at(root, name) for name in partial], [str(path) for path in partial.values()])
        for name, path in partial.items():
            path.replace(wanted[name])
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)


def put(place: Location, name: str, file: Path) -> None:
    """Write a file there, whole or not at all.

    Raises:
        LocationError: when it cannot be written; what was there stays.
    """
    files, root = opened(place)
    goal = _at(root, name)
    with told(place, "write"):
        if place.scheme in WHOLE:
            files.put_file(str(file), goal)
            return
        folder, _, last = goal.rpartition("/")
        partial = f"{folder}/.{last}.{os.getpid()}.partial"
        files.makedirs(folder, exist_ok=True)
        try:
            files.put_file(str(file), partial)
            files.mv(partial, goal)
        except OSError:
            with contextlib.suppress(OSError):
                files.rm_file(partial)
            raise


def remove(place: Location, names: Iterable[str]) -> None:
    """Remove files there; one that is gone already is no error."""
    files, root = opened(place)
    for name in names:
        with told(place, "remove"), contextlib.suppress(FileNotFoundError):
            files.rm_file(_at(root, name))


def read_bytes(place: Location, name: str) -> bytes | None:
    """Read a small file; None where there is none."""
    files, root = opened(place)
    with told(place, "read"):
        try:
            return bytes(files.cat_file(_at(root, name)))
        except FileNotFoundError:
            return None


def write_bytes(place: Location, name: str, data: bytes, *, anew: bool = False) -> bool:
    """Write a small file; with ``anew`` only where there is none, and say whether there was none."""
    files, root = opened(place)
    goal = _at(root, name)
    with told(place, "write"):
        if place.scheme not in WHOLE:
            files.makedirs(goal.rpartition("/")[0], exist_ok=True)
        try:
            if anew and place.scheme not in WHOLE:
                with files.open(goal, "xb") as stream:  # fsspec's pipe_file looks first and creates then
                    stream.write(data)
            else:
                files.pipe_file(goal, data, mode="create" if anew else "overwrite")
        except FileExistsError:
            return False
    return True


def hidden(place: Location, folder: str) -> list[str]:
    """The names in a hidden folder there, sorted."""
    files, root = opened(place)
    with told(place, "list"):
        return sorted(path.rpartition("/")[2] for path in files.find(f"{_at(root, folder)}/"))


def opened(place: Location) -> tuple[Any, str]:
    """The file system of a location, and the location as a path in it.

    Raises:
        UsageError: when fsspec knows no such scheme.
        LocationError: when the package that it needs is not installed.
    """
    from fsspec.core import url_to_fs

    options = {"use_listings_cache": False} if place.scheme == "s3" else {}
    if place.scheme == "file":
        options = {"auto_mkdir": False}
    refuse_secret_endpoint()
    try:
        files, root = url_to_fs(place.url, **options)
    except ImportError as error:
        extra = EXTRAS.get(place.scheme)
        brings = f"`pip install 'closedbook[{extra}]'`" if extra else f"the package that fsspec wants: {error}"
        raise LocationError(f"{place}: {place.scheme}:// needs a package that is missing; {brings}") from error
    except ValueError as error:
        raise UsageError(
            f"{place}: {place.scheme}:// is no kind of location; give s3://, gs:// or a path of this machine"
        ) from error
    return files, str(root).rstrip("/")


def _at(root: str, name: str) -> str:
    return f"{root}/{name}" if name else root
