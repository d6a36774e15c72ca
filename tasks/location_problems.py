"""What goes wrong at a bucket or a share, as one line that names the place, what is wrong with it, and the fix.

    PermissionError of a PUT  ->  s3://heron/runs/mine: no right to write there; s3://heron must grant s3:PutObject, …

What a store says of itself is cut short, and nothing of a request is repeated: no line holds a secret.
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

from tasks.addresses import KEYS, Location
from tasks.errors import LocationError, UsageError

Deed = Literal["list", "read", "write", "remove"]

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
NOT_ACCEPTED = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired")


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


def refuse_secret_endpoint() -> None:
    """An endpoint is shown when it does not answer: one with a password in it is not taken.

    Raises:
        UsageError: when one is set.
    """
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        if "@" in urlsplit(os.environ.get(name, "")).netloc:
            raise UsageError(f"{name}: holds a password; leave it out and set {KEYS['s3']}")
