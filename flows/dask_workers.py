"""The workers of a Dask cluster: a scheduler and processes on this machine, or those at an address.

    with reach(RunnerConfig(kind="dask", address="tcp://10.0.0.5:8786"), config) as cluster: …

A worker that dies is started anew by its nanny, and what it was at goes to another. Dask gives a batch up that so many
workers died with (``distributed.scheduler.allowed-failures``): by itself after three, here after ``DEATHS``.
"""

import contextlib
import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

import dask
import distributed
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker
from prefect_dask import DaskTaskRunner

from flows.models import is_server
from flows.reaching import CONNECTING
from flows.workers import Cluster, Rows, check_workers, examine, shares
from tasks.config import Config, RunnerConfig
from tasks.errors import UnreachableServer

JOINING = 20.0
"""Seconds in which the first worker has to be there."""
DEATHS = 10
"""Workers that may die with one batch before it is given up; those count that had it only in their queue."""
RESTART = "10 minutes"
"""How long a killed worker may take to be back. Dask has 15 s, in which a busy machine imports half of it."""


@contextlib.contextmanager
def reach(runner: RunnerConfig, config: Config) -> Iterator[Cluster]:
    """Start workers, or reach those of the scheduler at the address.

    Raises:
        UnreachableServer: when what answers is no scheduler, or it has no workers.
        GenerationError: when a worker has other versions, or does not see what it has to.
    """
    with contextlib.ExitStack() as stack:
        if runner.address:
            pool = DaskTaskRunner(address=runner.address, client_kwargs={"timeout": CONNECTING})
        else:
            stack.enter_context(dask.config.set({"distributed.deploy.lost-worker-timeout": RESTART}))
            local = distributed.SpecCluster(**layout(shares(runner, config)))
            pool = DaskTaskRunner(cluster=stack.enter_context(local))
        client = connected(stack.enter_context(pool), runner)
        if runner.address:
            check_workers(runner, partial(ask_all, client))

        def slots() -> int:
            per_worker = client.nthreads().values()
            return sum(per_worker) if is_server(config.generation.generator) else len(per_worker)

        lost = (KilledWorker, FutureCancelledError)
        yield Cluster(pool.submit, slots, done, lambda future: future.cancel(), lost)


def layout(environments: list[dict[str, str]]) -> dict[str, Any]:
    """What a cluster on this machine consists of: a scheduler in this process, and a worker process an environment.

    Dask would allot each worker a part of the memory and kill it beyond that; a model takes what it takes.
    """
    local = {"host": "127.0.0.1", "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    alike = local | {"nthreads": 1, "memory_limit": 0, "silence_logs": logging.CRITICAL}
    return {
        "scheduler": {"cls": distributed.Scheduler, "options": local | {"port": 0, "allowed_failures": DEATHS}},
        "workers": {
            i: {"cls": distributed.Nanny, "options": alike | {"env": environment}}
            for i, environment in enumerate(environments)
        },
        "silence_logs": logging.CRITICAL,
    }


def connected(pool: DaskTaskRunner, runner: RunnerConfig) -> distributed.Client:
    """Return the client of a scheduler that has a worker.

    Raises:
        UnreachableServer: when there is no scheduler, or it has no workers.
    """
    try:
        client = pool.client
    except OSError as error:
        raise UnreachableServer(
            f"--address {runner.address}: what answers there is no Dask scheduler; start one with `dask scheduler`"
        ) from error
    try:
        client.wait_for_workers(1, timeout=JOINING)
    except TimeoutError as error:
        raise UnreachableServer(
            f"--address {runner.address}: the scheduler has no workers; start some with `dask worker {runner.address} "
            "--nthreads 1`"
        ) from error
    return client


def ask_all(client: distributed.Client, asked: dict[str, Any]) -> Rows:
    """Have each worker say what it has, and the scheduler, which unpacks batches too but makes none."""
    said = client.run(examine, asked, on_error="return")
    rows = {f"worker {address}": row for address, row in said.items()}
    try:
        rows["the scheduler"] = client.run_on_scheduler(examine, asked) | {"reports": True, "sees": True}
    except (ImportError, AttributeError, TypeError) as error:  # no closedbook there, or an older one
        rows["the scheduler"] = error
    return rows


def done(future: distributed.Future, seconds: float) -> bool:
    """Wait for a future, so many seconds at most; whether it is done."""
    with contextlib.suppress(TimeoutError):
        future.exception(timeout=seconds)
    return bool(future.done())
