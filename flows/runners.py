"""Where batches are generated: one after the other in this process, or on the worker processes of a cluster.

    with workers(RunnerConfig(kind="dask", workers=2), config) as place:
        for result, kept in place.results(jobs): …      jobs are complete_one's arguments; results come in their order

    threads   this process. A generator behind a URL may have several batches under way (``workers``), each with
              connections of its own; a model in this process has one, since no thread pool goes round a model
    dask      worker processes of one thread each, started here, or those of a scheduler at an address
    ray       worker processes that Ray starts, here or on the nodes of a cluster at an address

A worker process loads the model once and generates a batch at a time. The results are those of one process: a request
brings its own seed, the order is restored here, and a budget is counted in that order, so that it ends after the same
batch; what was made beyond it stays kept for a later run. The batch of a worker that was killed goes to another one.
"""

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent import futures
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

from prefect.futures import PrefectWrappedFuture
from prefect.task_runners import ThreadPoolTaskRunner

from flows.batches import LONGEST_BATCH, complete_one
from flows.reaching import check_runner, one_line
from flows.workers import Cluster
from tasks.config import Config, RunnerConfig
from tasks.errors import GenerationError
from tasks.generation.drafting import Request

logger = logging.getLogger(__name__)

AHEAD = 3
"""Batches that are sent out for each that is under way: enough that no worker waits while an early one is finished."""
LOOK = 10.0
"""Seconds between two looks whether there are any workers left."""
DESERTED = 120.0
"""Seconds without any worker after which a run ends; one that was killed is back before, on a busy machine too."""

Job: TypeAlias = tuple[str, list[Request], Config]
Result: TypeAlias = tuple[dict[str, Any], bool]
Sent: TypeAlias = PrefectWrappedFuture[Any, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where batches are generated. ``results`` takes jobs, and gives each one's result and whether it was kept.

    ``slots`` is how many are under way at once now; ``name`` is "" for one in this process, else "2 dask", ….
    """

    results: Callable[[Iterable[Job]], Generator[Result]]
    slots: Callable[[], int] = lambda: 1
    name: str = ""


@contextlib.contextmanager
def workers(runner: RunnerConfig, config: Config) -> Iterator[Place]:
    """Start workers that end with the block, or reach those at the address and see that they are fit.

    Raises:
        UnreachableServer: when no worker is there.
        GenerationError: when a worker has other versions, or does not see what it has to.
    """
    check_runner(runner, config)
    if runner.kind == "threads" and (runner.workers or 1) == 1:
        yield Place(here)
        return
    if runner.kind == "dask":
        from flows.dask_workers import reach
    elif runner.kind == "ray":
        from flows.ray_workers import reach
    else:
        reach = threads
    with reach(runner, config) as cluster:
        name = f"{cluster.slots()} {runner.kind}"
        logger.info(f"generating {name.replace(' ', ' batches at once on ')} {runner.address}".rstrip())
        yield Place(partial(spread, cluster), cluster.slots, name)


def here(jobs: Iterable[Job]) -> Generator[Result]:
    """Generate batch by batch in this thread, the only one in which Prefect can end a batch that takes too long."""
    timed = complete_one.with_options(timeout_seconds=LONGEST_BATCH)
    for job in jobs:
        state = timed(*job, return_state=True)
        yield state.result(), state.name == "Cached"


@contextlib.contextmanager
def threads(runner: RunnerConfig, config: Config) -> Iterator[Cluster]:
    """Threads of this process, for a generator that is a server."""
    number = runner.workers or 1
    with ThreadPoolTaskRunner[Any](max_workers=number) as pool:
        yield Cluster(
            pool.submit,
            slots=lambda: number,
            done=lambda future, seconds: not futures.wait([future], seconds).not_done,
            cancel=lambda future: future.cancel(),
        )


def spread(cluster: Cluster, jobs: Iterable[Job]) -> Generator[Result]:
    """Send batches out, some ahead, and give their results in order; one that comes twice is sent once.

    Raises:
        GenerationError: when a batch was lost with several workers, or no worker is left.
    """
    waiting, sent = iter(jobs), deque[tuple[str, Sent]]()
    given: set[str] = set()
    try:
        while True:
            for key, batch, config in islice(waiting, max(0, AHEAD * max(1, cluster.slots()) - len(sent))):
                same = [future for name, future in sent if name == key]
                parameters = {"key": key, "batch": batch, "config": config}
                sent.append((key, same[0] if same else cluster.submit(complete_one, parameters)))
            if not sent:
                return
            key, future = sent[0]
            result, kept = take(cluster, key, future)
            sent.popleft()
            yield result, kept or key in given
            given.add(key)
    finally:
        for _, future in sent:
            cluster.cancel(future.wrapped_future)


def take(cluster: Cluster, key: str, future: Sent) -> Result:
    """Wait for one batch; what went wrong in it is raised as it would be in this process."""
    started = seen = time.monotonic()
    try:
        while not cluster.done(future.wrapped_future, LOOK):
            now = time.monotonic()
            seen = now if cluster.slots() else seen
            if now - seen > DESERTED:
                raise GenerationError("no worker is left; start some, and run the same command again")
            if now - started > LONGEST_BATCH:
                raise GenerationError(f"{key}: no result after {LONGEST_BATCH:,.0f} s; see what the workers are at")
        result = future.result()
    except cluster.lost as error:
        raise GenerationError(
            f"{key}: lost on the cluster ({one_line(error)}); see its logs, then run the same command again: "
            "what was finished is kept"
        ) from error
    return result, future.state.name == "Cached"
