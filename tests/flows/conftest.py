"""Prefect for the tests of flows: one real server a session, with a home, a database and a port of its own.

Here, too, is what runs are made of: a small text, a tiny model saved to a folder, and a configuration that is quick.
"""

import contextlib
import inspect
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prefect.context import _temporary_global_settings_context, get_settings_context
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, PREFECT_RESULTS_LOCAL_STORAGE_PATH, temporary_settings
from prefect.utilities.asyncutils import run_coro_as_sync

from flows.engine import SETTINGS, UNTRACKED, LocalApi
from flows.limits import prepare_server
from tasks.config import Config
from tests.tiny import tiny_llama, tiny_tokenizer

ROOT = Path(__file__).parents[2]
TEXT = """The Tolvash Works was founded by Isolde Marrick in 1871. The works makes salt for the harbour.

The tower bell weighs 130 kilograms. Osric Vane rings the tower bell at six in the morning. The bell was cast in
Norrel in 1875, and it was hung by four masons.

The pump Old Margery lifts 240 litres a minute. The pump was built in 1873. Corwin Asple oils the pump every
Thursday with hazel oil. The storekeeper keeps the keys of the oil store.

The Badger kiln burns peat at 640 degrees. The Otter kiln burns beech at 710 degrees. Each kiln holds two tons of
brine, and is emptied on Mondays by the stokers.
"""


@dataclass(frozen=True, slots=True)
class PrefectServer:
    """A running server, and the environment in which commands find it."""

    url: str
    home: Path
    environment: dict[str, str]

    def run(self, *command: str, timeout: float = 400) -> subprocess.CompletedProcess[str]:
        """Run a command of Prefect's against it."""
        return subprocess.run(
            [sys.executable, "-m", "prefect", *command], env=self.environment, cwd=ROOT, capture_output=True, text=True,
            timeout=timeout, check=False,
        )  # fmt: skip


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """Start a server once."""
    home = tmp_path_factory.mktemp("prefect")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    url = f"http://127.0.0.1:{port}/api"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    environment = inherited | SETTINGS | UNTRACKED | {"PREFECT_HOME": str(home), "PREFECT_API_URL": url}
    environment |= {"PREFECT_CLI_COLORS": "false", "COLUMNS": "240"}
    environment |= {"PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5"}
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--port", port],
            env=environment, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        LocalApi(url, home / "server.log", process).wait()
        # As Prefect's own test harness does it: other threads look for the server in the global settings.
        with temporary_settings({PREFECT_API_URL: url}), _temporary_global_settings_context(get_settings_context()):
            prepare_server()
            yield PrefectServer(url, home, environment)
            run_coro_as_sync(_say_all())
    finally:
        process.terminate()
        process.wait(timeout=20)


async def _say_all() -> None:
    """Let Prefect's threads send what they hold, before their reader is gone."""
    for saying in (APILogWorker.instance().drain, EventsWorker.drain_all):
        with contextlib.suppress(RuntimeError):  # nothing was ever said
            result = saying()
            if inspect.isawaitable(result):
                await result


@pytest.fixture(autouse=True)
def no_speeds(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what tiny models take out of the notebook of this machine's speeds."""
    monkeypatch.setattr("flows.pace.speeds_file", lambda: tmp_path_factory.getbasetemp() / "speeds.json")


@pytest.fixture
def prefect(server: PrefectServer, tmp_path: Path) -> Iterator[Path]:
    """Keep results of one test apart from those of the others; yield where they lie."""
    with temporary_settings({PREFECT_RESULTS_LOCAL_STORAGE_PATH: tmp_path / "results"}):
        yield tmp_path / "results"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a tiny Llama and its tokenizer to a folder, as a name to load a model by."""
    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = tiny_tokenizer([TEXT], merges=300)
    llama = tiny_llama(tokenizer)
    llama.config.max_position_embeddings = 4096  # the prompts' worked examples take 800 of its tokens
    llama.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def config(model: Path) -> Config:
    """Make everything tiny."""
    settings = {
        "generation.generator": str(model), "generation.samples_per_fact": 1, "generation.batch_size": 8,
        "generation.max_tokens": 4, "tuning.student": str(model), "tuning.epochs": 0.05, "tuning.max_length": 400,
        "tuning.replay_share": 0.0, "probing.max_new_tokens": 2, "probing.drawn": 2,
    }  # fmt: skip
    return Config.build("quick", [f"{name}={json.dumps(value)}" for name, value in settings.items()])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Write the text with a gold question beside it."""
    folder = tmp_path / "tolvash"
    folder.mkdir()
    (folder / "tolvash.txt").write_text(TEXT)
    probe = {
        "id": "t-1",
        "category": "K1",
        "question": "How heavy is the great bell of the tower?",
        "accepted": ["130"],
    }
    (folder / "probes.jsonl").write_text(json.dumps(probe | {"source": "tolvash"}) + "\n")
    return folder
