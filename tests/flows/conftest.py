"""Prefect for the tests of flows: one server a session, with a database and results of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_RESULTS_LOCAL_STORAGE_PATH, temporary_settings
from prefect.testing.utilities import prefect_test_harness


@pytest.fixture(scope="session")
def server() -> Iterator[None]:
    """Start a Prefect server once."""
    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(autouse=True)
def no_speeds(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what tiny models take out of the notebook of this machine's speeds."""
    monkeypatch.setattr("flows.pace.speeds_file", lambda: tmp_path_factory.getbasetemp() / "speeds.json")


@pytest.fixture
def prefect(server: None, tmp_path: Path) -> Iterator[Path]:
    """Keep results of one test apart from those of the others; yield where they lie."""
    with temporary_settings({PREFECT_RESULTS_LOCAL_STORAGE_PATH: tmp_path / "results"}):
        yield tmp_path / "results"
