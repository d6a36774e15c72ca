"""What is deployed: the chain and each of its stages, with a schedule, tags and a limit.

    prefect server start                 # once, elsewhere
    PREFECT_API_URL=http://127.0.0.1:4200/api closedbook serve
    prefect deployment run self-instruct/self-instruct --param corpus=/data/heron --param run=/data/runs/heron --watch

Deployments are made from the imported flows, so that Prefect stores module-path entry points: a path to a file would
put ``flows/`` itself on ``sys.path``, where a module may shadow a library's.
"""

import os

from prefect import serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.curate import curate
from flows.finetune import finetune
from flows.generate import generate
from flows.probe import probe
from flows.self_instruct import self_instruct
from tasks.errors import UsageError

NIGHTLY = "0 2 * * *"
TAGS = ["closedbook"]


def deployments() -> list[RunnerDeployment]:
    """Return what ``closedbook serve`` registers.

    The nightly run has a schedule only where ``$CLOSEDBOOK_CORPUS`` says what to read; its time zone is ``$TZ`` or UTC.
    Two nightly runs never overlap: the second is cancelled, since the first will have read the same texts.
    """
    alone = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    corpus = os.environ.get("CLOSEDBOOK_CORPUS")
    chain = RunnerDeployment.from_flow(
        self_instruct,
        name="self-instruct",
        parameters={"corpus": corpus, "run": "generated/nightly"} if corpus else {},
        schedule=Cron(NIGHTLY, timezone=os.environ.get("TZ") or "UTC") if corpus else None,
        concurrency_limit=alone,
        description=self_instruct.description,
        tags=TAGS,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    stages = [
        RunnerDeployment.from_flow(
            stage, name=stage.name, description=stage.description, tags=TAGS, entrypoint_type=EntrypointType.MODULE_PATH
        )
        for stage in (generate, curate, finetune, probe)
    ]
    return [chain, *stages]


def serve_all() -> None:
    """Register the deployments with the server and run what it schedules, until stopped.

    Raises:
        UsageError: when no server is named.
    """
    if "PREFECT_API_URL" not in os.environ:
        raise UsageError(
            "PREFECT_API_URL is not set: start `prefect server start` and set it, e.g. http://127.0.0.1:4200/api"
        )
    serve(*deployments(), pause_on_shutdown=False)
