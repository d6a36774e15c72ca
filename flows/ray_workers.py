"""The worker processes of a Ray cluster: on this machine, or on the nodes of one at an address.

    with reach(RunnerConfig(kind="ray", address="ray://10.0.0.5:10001"), config) as cluster: …

    share([{"CPU": 16}, {"CPU": 16}], workers=None, on_gpus=False)               -> (2, {"num_cpus": 16})
    share([{"CPU": 16, "GPU": 2}], workers=None, on_gpus=True)                   -> (2, {"num_cpus": 1, "num_gpus": 1})

Ray keeps a worker process for the next batch, with the model in it, and sends what a killed one was at to another,
three times. It sets OMP_NUM_THREADS to the cores that a batch has.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before Ray is imported, which sends statistics otherwise

import ray
from prefect_ray import RayTaskRunner
from prefect_ray.context import remote_options
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from flows.models import is_server
from flows.reaching import one_line
from flows.workers import Cluster, Rows, check_workers, examine, shares
from tasks.config import Config, RunnerConfig
from tasks.errors import UnreachableServer

OBJECTS = 100_000_000
"""Bytes of Ray's object store on this machine: a batch and its result take some kilobytes."""
EXAMINED = 120.0
"""Seconds in which a node has to answer: it starts a process for it, which imports torch's friends."""


@contextlib.contextmanager
def reach(runner: RunnerConfig, config: Config) -> Iterator[Cluster]:
    """Start Ray on this machine, or reach the cluster at the address.

    Raises:
        UnreachableServer: when Ray is not to be had there, or has no node that computes.
        GenerationError: when a node has other versions, or does not see what it has to.
    """
    served = is_server(config.generation.generator)
    with contextlib.ExitStack() as stack:
        # Ray prints what befell a worker, whatever log_to_driver says; standard output is for results.
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        environments = [] if runner.address else shares(runner, config)
        given = {"address": runner.address} if runner.address else layout(environments)
        pool = RayTaskRunner(init_kwargs={"log_to_driver": False, "logging_level": "ERROR"} | given)
        try:
            stack.enter_context(pool)
        except (ConnectionError, RuntimeError, ValueError, RayError) as error:
            raise UnreachableServer(
                f"--address {runner.address}: no Ray cluster is to be had there ({one_line(error)}); is it of the same "
                "version, and does it ask for a token (RAY_AUTH_MODE=token)?"
            ) from error
        nodes = [node for node in ray.nodes() if node["Alive"]]
        workers = len(environments) or runner.workers
        slots, options = share([node["Resources"] for node in nodes], workers=workers, on_gpus=not served)
        if not slots:
            raise UnreachableServer(f"--address {runner.address}: no node of it has a CPU to compute with")
        if runner.address:
            check_workers(runner, partial(ask_nodes, nodes))
        yield Cluster(partial(submit, pool, options), lambda: slots, done, ray.cancel, (RayError,))


def layout(environments: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """What Ray is to be like on this machine.

    Its workers would run at niceness 15, and starve beside anything else that computes.
    """
    cores = int(environments[0]["OMP_NUM_THREADS"])
    return {
        "address": "local",
        "num_cpus": cores * len(environments),
        "include_dashboard": False,
        "object_store_memory": OBJECTS,
        "_system_config": {"worker_niceness": 0},
    }


def share(nodes: Sequence[Mapping[str, float]], *, workers: int | None, on_gpus: bool) -> tuple[int, dict[str, float]]:
    """How many batches are under way at once, and what each of them has.

    ``workers`` None: one a GPU, or one a node. Cores are dealt so that every worker finds a node that has its share.
    """
    cores = [int(node.get("CPU", 0)) for node in nodes]
    gpus = int(sum(node.get("GPU", 0) for node in nodes)) if on_gpus else 0
    number = workers or gpus or sum(have > 0 for have in cores)
    if gpus:
        return number, {"num_cpus": 1, "num_gpus": min(1.0, gpus / number)}
    fits = [each for each in range(max(cores, default=0), 0, -1) if sum(have // each for have in cores) >= number]
    each = fits[0] if fits else 1
    return min(number, sum(have // each for have in cores)), {"num_cpus": each}


def submit(pool: RayTaskRunner[Any], options: Mapping[str, float], *sent: Any) -> Any:
    """Send a task and its parameters, for a worker that has its share."""
    with remote_options(**options):
        return pool.submit(*sent)


def done(future: Any, seconds: float) -> bool:
    """Wait for a reference, so many seconds at most; whether it is done."""
    return bool(ray.wait([future], timeout=seconds)[0])


def ask_nodes(nodes: Sequence[Mapping[str, Any]], asked: dict[str, Any]) -> Rows:
    """Have a worker on each node say what it has."""
    asker: Callable[..., Any] = ray.remote(num_cpus=0, max_retries=0)(examine).options
    sent = {
        f"worker {node['NodeManagerAddress']}": asker(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(asked)
        for node in nodes
    }
    rows: dict[str, Any] = {}
    for name, reference in sent.items():
        try:
            rows[name] = ray.get(reference, timeout=EXAMINED)
        except RayError as error:
            rows[name] = error
    return rows
