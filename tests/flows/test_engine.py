"""The private Prefect server: it answers, keeps to the user's settings, and goes with the process that started it."""

import os
import select
import signal
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.engine import SETTINGS, local_api, set_environment
from tasks.errors import ClosedbookError

SCRIPT = """
import time
from flows.engine import local_api, set_environment
set_environment()
with local_api() as api:
    api.wait()
    print(api.url, api.process.pid, flush=True)
    time.sleep(60)
"""


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False


def gone(process: int, seconds: float = 10) -> bool:
    descriptor = os.pidfd_open(process)
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def test_the_server_goes_when_its_parent_is_killed(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        env=environment | {"CLOSEDBOOK_CACHE": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as output:
        url, server = output.readline().split()
        assert answers(url)
        assert (tmp_path / "prefect" / "prefect.db").exists()
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert gone(int(server))


def test_a_server_that_is_there_is_used_and_a_missing_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setattr("flows.engine.START_SECONDS", 0.2)
    with local_api() as api:
        assert api.process is None
        with pytest.raises(ClosedbookError, match="/api does not answer"):
            api.wait()


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"PREFECT_SERVER_LOGGING_LEVEL": "DEBUG"})
    set_environment()
    assert os.environ["PREFECT_SERVER_LOGGING_LEVEL"] == "DEBUG"
    assert os.environ["DO_NOT_TRACK"] == "1"


def test_the_command_and_pyproject_agree() -> None:
    table = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["tool"]["prefect"]
    assert dict(named("PREFECT", table)) == SETTINGS


def named(prefix: str, table: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Settings of a table as the environment variables of the same meaning."""
    for name, value in table.items():
        variable = f"{prefix}_{name}".upper()
        if isinstance(value, dict):
            yield from named(variable, value)
        else:
            yield variable, ",".join(value) if isinstance(value, list) else str(value).lower()
