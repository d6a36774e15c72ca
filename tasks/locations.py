"""Addresses of runs and corpora elsewhere, and the few things that are done there: list, read, write, remove, claim.

    location(Path("s3://heron/runs/mine"))    ->  Location("s3://heron/runs/mine")   (Path keeps one of the two slashes)
    location(Path("/data/runs/mine"))         ->  None: a folder of this machine, a mounted share among them
    listing(place)                            ->  {"pairs.jsonl": "a3f0…", "adapter/adapter_config.json": "9e1b…", …}

Every kind of location that fsspec knows will do. Credentials come from the environment or the provider's own files and
are never looked at here; an address that holds some is refused. A file is put there whole: one PUT on an object store,
elsewhere a temporary name that is then moved.
"""

import contextlib
import errno
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import urlsplit

from tasks.errors import LocationError, UsageError

Deed = Literal["list", "read", "write", "remove"]

EXTRAS = {"s3": "s3", "gs": "gs"}
"""The extra of closedbook that brings what a scheme needs."""
RIGHTS: dict[str, dict[Deed, str]] = {
    "s3": {"list": "s3:ListBucket", "read": "s3:GetObject", "write": "s3:PutObject", "remove": "s3:DeleteObject"},
    "gs": {
        "list": "storage.objects.list",
        "read": "storage.objects.get",
        "write": "storage.objects.create",
        "remove": "storage.objects.delete",
    },
}
REQUESTS: dict[str, Deed] = {"HeadObject": "read", "GetObject": "read", "ListObjectsV2": "list"}
"""What s3fs may ask on its way to something else."""
KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`",
}
NOT_ACCEPTED = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired")
WHOLE = ("s3", "gs", "abfs", "az")
"""Object stores, where nobody sees an object before all of it is there."""
SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*)", re.DOTALL)
STAMPS = ("ETag", "etag", "md5Hash")
DATES = ("mtime", "LastModified", "updated", "created")


@dataclass(frozen=True, slots=True)
class Location:
    """Where a run or a corpus lies, as an address without any secret in it."""

    url: str

    @property
    def scheme(self) -> str:
        """The part before the colon."""
        return self.url.partition(":")[0]

    @property
    def name(self) -> str:
        """The last part: what a folder of it is called."""
        return PurePosixPath(self.url).name

    @property
    def bucket(self) -> str:
        """The address of the bucket, the part that rights are given for; elsewhere the address itself."""
        return "/".join(self.url.split("/")[:3]) if self.scheme in WHOLE else self.url

    def __str__(self) -> str:
        return self.url


def location(path: Path) -> Location | None:
    """Read a path as an address; None for a path of this machine.

    Raises:
        UsageError: for an address that holds a password or a signature. It is not repeated.
    """
    found = SCHEME.fullmatch(str(path))
    if found is None:
        return None
    scheme, rest = found.groups()
    url = f"file:///{rest}" if scheme == "file" else f"{scheme}://{rest}"
    host, _, key = rest.partition("/")
    user, at, host = host.rpartition("@")
    if ":" in user or (at and scheme in RIGHTS) or "?" in rest:
        shown = f"{scheme}://{'…@' if at else ''}{host}/{key.partition('?')[0]}"
        raise UsageError(
            f"{shown}: holds a password or a signature; leave it out and give credentials by the environment"
            + (f" ({KEYS[scheme]})" if scheme in KEYS else "")
        )
    return Location(url.rstrip("/"))


def address(path: Path) -> str:
    """A path as it is written down: absolute, or an address."""
    place = location(path)
    return str(path.resolve()) if place is None else place.url


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


def refuse_secret_endpoint() -> None:
    """An endpoint is shown when it does not answer: one with a password in it is not taken.

    Raises:
        UsageError: when one is set.
    """
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        if "@" in urlsplit(os.environ.get(name, "")).netloc:
            raise UsageError(f"{name}: holds a password; leave it out and set {KEYS['s3']}")


@contextlib.contextmanager
def told(place: Location, deed: Deed) -> Iterator[None]:
    """Turn what a store raises into one line that names the place, what is wrong with it, and the fix.

    Raises:
        LocationError: for anything that goes wrong there.
    """
    try:
        yield
    except _failures(place.scheme) as error:
        raise LocationError(problem(place, deed, error)) from error


def _failures(scheme: str) -> tuple[type[Exception], ...]:
    """What the libraries of a scheme raise, besides OSError."""
    if scheme == "s3":
        from botocore.exceptions import BotoCoreError, ClientError

        return (OSError, BotoCoreError, ClientError)
    if scheme == "gs":
        from aiohttp import ClientError as WebError
        from gcsfs.retry import HttpError
        from google.auth.exceptions import GoogleAuthError

        return (OSError, WebError, HttpError, GoogleAuthError)
    return (OSError,)


def problem(place: Location, deed: Deed, error: Exception) -> str:
    """Say in a line what went wrong; what a store says of itself is cut short, and nothing of a request is repeated."""
    kind, code = type(error).__name__, _code(error)
    number = getattr(error, "errno", None)
    if "CredentialsError" in kind or code in NOT_ACCEPTED:
        what = f"the credentials are not accepted ({code})" if code else "no credentials found"
        return f"{place.bucket}: {what}; set {KEYS.get(place.scheme, 'those of the store')}"
    if isinstance(error, PermissionError):
        deed = REQUESTS.get(getattr(error.__cause__, "operation_name", ""), deed)
        right = RIGHTS.get(place.scheme, {}).get(deed, f"the right to {deed}")
        return f"{place}: no right to {deed} there; {place.bucket} must grant {right}, then run the same command again"
    if code == "NoSuchBucket" or (isinstance(error, FileNotFoundError) and deed in ("list", "write")):
        return f"{place.bucket}: no such bucket or folder; create it, or correct the name"
    if number in (errno.ENOSPC, errno.EDQUOT) and deed == "read":
        return f"{place}: no space left on this machine for a copy of it; free some, or set CLOSEDBOOK_CACHE"
    if number in (errno.ENOSPC, errno.EDQUOT):
        return f"{place}: no space left there; free some and run the same command again"
    if isinstance(error, ConnectionError | TimeoutError) or "Connect" in kind or "Timeout" in kind:
        where = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "the store"
        asked = f"{where} does not answer; check AWS_ENDPOINT_URL and the network"
        return f"{place}: {asked if place.scheme == 's3' else 'does not answer; check the network'}"
    said = " ".join(str(error).split())[:160]
    return f"{place}: cannot {deed} there ({code or kind}: {said}); mend it and run the same command again"


def _code(error: Exception) -> str:
    """The code by which S3 names an error; s3fs keeps the answer in the cause."""
    answer = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    return str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""


def _at(root: str, name: str) -> str:
    return f"{root}/{name}" if name else root
