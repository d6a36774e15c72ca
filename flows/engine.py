"""Prefect for one command: settings, and an API server of its own that lives as long as the command.

    with local_api() as api:      # the server starts in the background, 3 s (10 s the first time) …
        import torch              # … while this process loads what it needs
        api.wait()
        self_instruct(...)        # flows, tasks, cache and logs all go to that server

``$PREFECT_API_URL``, when set, names a server that is running already: then none is started.

Prefect can start such a server by itself, but imports its whole server into the calling process to do so (2 s), shares
the terminal's Ctrl-C with it, and leaves it behind when the command is killed. Here the child ends with its parent.
"""

import contextlib
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.embedded import cache_folder
from tasks.errors import ClosedbookError, StorageError

logger = logging.getLogger(__name__)

CACHE = "CLOSEDBOOK_CACHE"
LEAST_SPACE = 4_000_000  # bytes; the empty database takes 2 MB, and a page more than is free cannot be told apart
START_SECONDS = 300  # a first start creates the database, which takes minutes on a machine with ten times its load

# Set while the server is this command's own: nothing else runs on it.
PRIVATE = "CLOSEDBOOK_PRIVATE_SERVER"
# The same as [tool.prefect] in pyproject.toml, which Prefect reads from the working directory only.
SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Leases on disk: a limit's slots are given back even if the server was started anew meanwhile.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "flows,tasks",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
}
# Besides its server's, Prefect's client has a telemetry of its own, which only this turns off.
UNTRACKED = {"DO_NOT_TRACK": "1"}
# For a command at a terminal: Prefect itself says nothing.
AT_A_TERMINAL = {
    "TQDM_DISABLE": "1",  # bars of loaders; a stage has one of its own
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_UI_ENABLED": "false",
}


@dataclass(slots=True)
class LocalApi:
    """The API that the flows of this command report to. ``process`` is None for a server that was there before."""

    url: str
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def wait(self) -> None:
        """Return once the server answers.

        Raises:
            ClosedbookError: when it ends or stays silent.
            StorageError: … for want of disk space.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and (self.process is None or self.process.poll() is None):
            if answers(f"{self.url}/health"):
                return
            time.sleep(0.05)
        home = self.log.parent
        if self.process and shutil.disk_usage(home).free < LEAST_SPACE:
            raise StorageError(f"{home}: no space left on the disk for Prefect's database; free some, or set {CACHE}")
        where = f"see {self.log}" if self.process else "is it running? unset PREFECT_API_URL to do without it"
        raise ClosedbookError(f"Prefect's server at {self.url} does not answer; {where}")


def answers(url: str) -> bool:
    """Whether a server is there."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def set_environment(*, debug: bool = False, serving: bool = False) -> None:
    """Settle Prefect's settings before it is imported; what the user has set stays."""
    given = SETTINGS | UNTRACKED | ({} if serving else AT_A_TERMINAL)
    if debug:
        given["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "DEBUG"
    if "PREFECT_API_URL" not in os.environ and not serving:
        given["PREFECT_HOME"] = str(cache_folder() / "prefect")
    for name, value in given.items():
        os.environ.setdefault(name, value)
    for name in ("NO_PROXY", "no_proxy"):  # a proxy that the user has set is not for a server on this machine
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1"]))


@contextlib.contextmanager
def local_api() -> Iterator[LocalApi]:
    """Start the server in the background, or point to the one that is there; end it when the block ends."""
    home = Path(os.environ.get("PREFECT_HOME", cache_folder() / "prefect"))
    given = os.environ.get("PREFECT_API_URL")
    if given:
        yield LocalApi(given, home)
        return
    home.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as listener, (home / "server.log").open("wb") as log:
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        os.environ[PRIVATE] = "1"
        # A session of its own: Ctrl-C at the terminal goes to the flow, which reports to this server before it ends.
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.engine", str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield LocalApi(os.environ["PREFECT_API_URL"], home / "server.log", process)
    finally:
        for handler in logging.getLogger("prefect.flow_runs").handlers:
            handler.flush()  # the last lines of the log, before their reader is gone
        del os.environ["PREFECT_API_URL"], os.environ[PRIVATE]
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def serve(descriptor: int) -> None:
    """Serve the API on an open socket until the parent process is gone. Runs in a process of its own."""
    import uvicorn
    from prefect.server.api.server import create_app

    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    app = create_app(ephemeral=True, final=True)
    with socket.socket(fileno=descriptor) as listener:
        uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
