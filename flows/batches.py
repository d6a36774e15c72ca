"""One batch of requests to its checked pairs: the unit that is kept, resumed and never generated twice.

    complete_one("batch-3f2a…", [Request(…), …], config)  ->  {"completions": […], "pairs": […], …}   as JSON

Prefect keeps the result under the batch's key, in ``$PREFECT_RESULTS_LOCAL_STORAGE_PATH``. The key is made of all that
the result depends on and nothing else: the requests (prompts, and what the drafts are checked against), the sampling
and thresholds, the model, the seed, and the source of the modules that render, parse and check. A batch does not know
where in its document it stands. A result torn by a kill is no valid JSON, counts as missing, and is made again.

What may pass is tried again: a server that does not answer, after 10 s, 30 s, 90 s … and only in runs of a deployment,
since a person at a terminal wants to know at once. Nothing else is: a wrong setting stays wrong. Memory that runs out
is no matter of retries either: the engine halves its batch and goes on.
"""

import contextlib
import importlib
import inspect
import platform
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from typing import Any

from prefect import Task, task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.runtime import deployment

from flows.models import identity, is_server, opened
from tasks.config import Config
from tasks.errors import GenerationError, UnreachableServer
from tasks.generation.drafting import Request, complete_batch, pairs_from
from tasks.generation.generators import Sampling
from tasks.records import derive_id

PAUSES = [10.0, 30.0, 90.0, 270.0, 810.0]
"""Seconds before each new attempt: 20 minutes in all, in which a server can be started anew."""
LONGEST_BATCH = 3600.0
"""Seconds after which a batch is given up: a hundred times what one takes on 2 cores (``flows/runners.py``)."""
DECIDES_BATCHES = ("generator", "rounds", "budget_minutes", "budget_tokens", "batch_size", "samples_per_fact", "floor",
                   "forms_per_fact", "kinds")  # fmt: skip
"""Settings that decide what is asked, or by whom; the requests and the model's identity stand in the key themselves."""
ONE_AT_A_TIME = threading.Lock()
"""Held round a model in this process: a worker of somebody's cluster may have several threads."""
MAKERS = ("drafting", "generators", "guards", "parsing", "prompts", "ranking", "wordlists")


def batch_key(batch: Iterable[Request], config: Config) -> str:
    """Name all that a batch's result depends on."""
    wanted = config.generation.model_dump_json(exclude=set(DECIDES_BATCHES))
    model = identity(config.generation.generator)
    return "batch-" + derive_id(model, config.seed, wanted, code_identity(), *map(asdict, batch))


@cache
def code_identity() -> str:
    """Name the code that turns requests into pairs, by the source of its modules."""
    modules = [importlib.import_module(f"tasks.generation.{name}") for name in MAKERS]
    return derive_id("code", *map(inspect.getsource, modules))


def _by_key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    return str(parameters["key"])


def may_pass(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Whether a failed batch is worth another attempt."""
    problem = state.result(raise_on_failure=False)
    return isinstance(problem, UnreachableServer) and deployment.id is not None


def made(key: str, batch: list[Request], config: Config) -> dict[str, Any]:
    """Generate and check one batch; return its records, tokens and seconds as JSON values.

    Raises:
        GenerationError: when this machine knows the batch under another name, so that its result would not be that one.
    """
    if batch_key(batch, config) != key:
        raise GenerationError(
            f"{platform.node()}: {key} is another batch here: its closedbook, or what it has as generator "
            f"{config.generation.generator}, is not that of the machine that sent it; install the same there"
        )
    wanted = config.generation
    sampling = Sampling(wanted.temperature, wanted.top_p, wanted.max_tokens, config.seed)
    with contextlib.nullcontext() if is_server(wanted.generator) else ONE_AT_A_TIME:
        generator = opened(wanted.generator, wanted.remote_code)
        generator.forget()  # a batch is the same after whatever batches its process made before
        started, before = time.monotonic(), generator.tokens_generated
        completions = complete_batch(generator, batch, sampling)
        pairs, rejections = pairs_from(generator, completions, batch, wanted)
        return {
            "completions": [asdict(completion) for completion in completions],
            "pairs": [asdict(pair) for pair in pairs],
            "rejections": [asdict(rejection) for rejection in rejections],
            "tokens": generator.tokens_generated - before,
            "seconds": time.monotonic() - started,
        }


@task(
    task_run_name="generate {key}",
    cache_policy=CacheKeyFnPolicy(cache_key_fn=_by_key),
    persist_result=True,
    result_serializer="json",
    retries=len(PAUSES),
    retry_delay_seconds=PAUSES,
    retry_condition_fn=may_pass,
)
def complete_one(key: str, batch: list[Request], config: Config) -> dict[str, Any]:
    """Generate one batch, or find it kept. A cluster gets this function by value: all it does stands in ``made``."""
    return made(key, batch, config)
