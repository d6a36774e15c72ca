"""Where a run or a corpus lies: a path of this machine, or an address elsewhere, which holds no secret.

location(Path("s3://heron/runs/mine"))   ->  Location("s3://heron/runs/mine")   (Path keeps one of the two slashes)
location(Path("/data/runs/mine"))        ->  None: a folder of this machine, a mounted share among them
"""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tasks.errors import UsageError

KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`",
}
WHOLE = ("s3", "gs", "abfs", "az")
"""Object stores, where nobody sees an object before all of it is there."""
SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*)", re.DOTALL)


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
    if ":" in user or (at and scheme in KEYS) or "?" in rest:
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
