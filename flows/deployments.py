"""What is deployed: the chain, its stages, and a nightly run, served from here or put into a pool for workers.

    prefect server start                                              # once, elsewhere
    export PREFECT_API_URL=http://127.0.0.1:4200/api
    closedbook serve --nightly /data/texts --timezone Europe/Berlin   # registers, and runs what is due
    closedbook serve --pool closedbook                                # registers only; `prefect worker start` runs
    prefect deployment run self-instruct/self-instruct --param corpus=/data/heron --param run=/data/runs/heron --watch

Deployments are made from the imported flows, so that Prefect stores module-path entry points: a path to a file would
put ``flows/`` itself on ``sys.path``, where a module may shadow a library's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from prefect import serve
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectAlreadyExists
from prefect.flows import Flow
from prefect.schedules import Cron
from prefect.settings import PREFECT_API_URL
from prefect.types.entrypoint import EntrypointType

from flows.curate import curate
from flows.engine import SETTINGS, UNTRACKED
from flows.finetune import finetune
from flows.generate import generate
from flows.limits import prepare_server
from flows.probe import probe
from flows.self_instruct import self_instruct
from tasks.addresses import address
from tasks.config import Config, RunnerConfig
from tasks.errors import UsageError

TAG = "closedbook"
STAGES: tuple[Flow[..., Any], ...] = (generate, curate, finetune, probe)
# Two nightly runs never overlap: the later one is cancelled, since the next will read the same texts.
ALONE = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


@dataclass(frozen=True, slots=True)
class Nightly:
    """What is run by itself, and when. ``cron`` is read in ``timezone``, daylight saving time included."""

    corpus: Path
    run: Path
    config: Config
    cron: str = "0 2 * * *"
    timezone: str = "UTC"
    runner: RunnerConfig = RunnerConfig()

    def deployment(self, **options: Any) -> RunnerDeployment:
        """The deployment ``self-instruct/nightly``.

        Raises:
            UsageError: for a schedule or a time zone that there is not.
        """
        if self.timezone not in available_timezones():
            raise UsageError(f"--timezone {self.timezone}: no such time zone; give one like Europe/Berlin")
        try:
            schedule = Cron(self.cron, timezone=self.timezone)
        except ValueError as error:
            raise UsageError(f"--cron {self.cron!r}: no schedule; give five fields, e.g. '0 2 * * *'") from error
        return _deployment(
            self_instruct,
            "nightly",
            parameters={
                "corpus": address(self.corpus),
                "run": address(self.run),
                "config": self.config.model_dump(mode="json"),
                "runner": self.runner.model_dump(mode="json"),
            },
            schedule=schedule,
            concurrency_limit=ALONE,
            **options,
        )


def deployments(nightly: Nightly | None = None, *, pool: str | None = None) -> list[RunnerDeployment]:
    """Return what ``closedbook serve`` registers: the chain, each stage, and the nightly run if there is one."""
    # A worker starts a run with an environment of its own: Prefect's settings of this project go along.
    options: dict[str, Any] = (
        {"work_pool_name": pool, "job_variables": {"env": SETTINGS | UNTRACKED}} if pool is not None else {}
    )
    made = [_deployment(flow, flow.name, **options) for flow in (self_instruct, *STAGES)]
    return [*made, nightly.deployment(**options)] if nightly else made


def _deployment(flow: Flow[..., Any], name: str, **options: Any) -> RunnerDeployment:
    return RunnerDeployment.from_flow(
        flow,
        name=name,
        description=flow.description,
        tags=[TAG],
        entrypoint_type=EntrypointType.MODULE_PATH,
        **options,
    )


def serve_all(nightly: Nightly | None = None, *, pool: str | None = None) -> None:
    """Register the deployments, and run what is due until stopped; with a ``pool``, leave that to its workers.

    Raises:
        UsageError: when no server is named, or the schedule is none.
    """
    made = deployments(nightly, pool=pool)
    if not PREFECT_API_URL.value():
        raise UsageError(
            "PREFECT_API_URL is not set: start `prefect server start` and set it, e.g. to http://127.0.0.1:4200/api"
        )
    prepare_server()
    if pool is None:
        serve(*made, pause_on_shutdown=False)
        return
    create_pool(pool)
    for deployment in made:
        deployment.apply()


def create_pool(name: str) -> None:
    """Create a work pool whose workers run flows as processes, unless there is one of that name."""
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=name, type="process"))
        except ObjectAlreadyExists:
            return
