"""What holds for every test: no hub, no telemetry, one thread (tiny models gain nothing from more).

Here, too, is the S3 server of the tests that need one: it is started for the first of them.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.embedded import cache_folder
from tests.s3 import Store, s3_server

os.environ["DO_NOT_TRACK"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW"] = "ignore"
# A job in the background of a shell ignores Ctrl-C, and so would every command that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def s3() -> Iterator[Store]:
    """Serve S3 on loopback."""
    with s3_server() as store:
        yield store


@pytest.fixture
def store(s3: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """Give the code under test an empty bucket, all rights, and a cache of its own."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    (cache_folder() / "models").mkdir(parents=True, exist_ok=True)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "models").symlink_to(cache_folder() / "models")  # the parser is not fetched anew
    monkeypatch.setenv("CLOSEDBOOK_CACHE", str(tmp_path / "cache"))
    s3.empty()
    return s3
