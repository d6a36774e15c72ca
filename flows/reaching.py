"""A runner's options to what they need here: its extra, and something that answers at its address. Loads no Prefect.

check_runner(RunnerConfig(kind="dask", address="tcp://127.0.0.1:1"), config)
-> UnreachableServer: "--address tcp://127.0.0.1:1: nothing answers there (ConnectionRefusedError: …); start …"
"""

import socket
from importlib.util import find_spec
from urllib.parse import urlsplit

from flows.models import is_server
from tasks.config import Config, RunnerConfig
from tasks.errors import UnreachableServer, UsageError

CONNECTING = 5.0
"""Seconds in which a scheduler has to answer."""
EXAMPLES = {"dask": "tcp://10.0.0.5:8786", "ray": "ray://10.0.0.5:10001"}
STARTS = {"dask": "dask scheduler", "ray": "ray start --head"}


def check_runner(runner: RunnerConfig, config: Config) -> None:
    """See that a runner can be had, before anything long is begun.

    Raises:
        UsageError: for an extra that is not installed, an address that is none, or threads round a model.
        UnreachableServer: when nothing answers at the address.
    """
    if runner.kind == "threads" and (runner.workers or 1) > 1 and not is_server(config.generation.generator):
        raise UsageError(
            f"--workers {runner.workers}: a model in this process generates one batch at a time; give --runner dask or "
            "--runner ray for more processes"
        )
    if runner.kind != "threads" and find_spec(f"prefect_{runner.kind}") is None:
        raise UsageError(
            f"--runner {runner.kind}: not installed; `pip install --constraint constraints.txt --editable "
            f"'.[{runner.kind}]'`, here and on every worker"
        )
    if runner.address:
        check_reachable(runner)


def check_reachable(runner: RunnerConfig) -> None:
    """See that something listens at the address; Ray's "auto" is left to Ray.

    Raises:
        UsageError: for an address without a host and a port.
        UnreachableServer: when nothing listens.
    """
    address = runner.address
    if runner.kind == "ray" and address == "auto":
        return
    try:
        split = urlsplit(address if "://" in address else f"//{address}")
        host, port = split.hostname, split.port
    except ValueError:
        host, port = None, None
    if host is None or port is None:
        raise UsageError(f"--address {address}: no host and port; give it like {EXAMPLES[runner.kind]}")
    try:
        socket.create_connection((host, port), timeout=CONNECTING).close()
    except OSError as error:
        raise UnreachableServer(
            f"--address {address}: nothing answers there ({one_line(error)}); start `{STARTS[runner.kind]}` there, or "
            "leave --address out for workers on this machine"
        ) from error


def one_line(error: BaseException) -> str:
    """What an error says, shortened to a line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
