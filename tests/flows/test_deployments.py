"""Deployments on a real server: registered, run, watched; what is wrong is refused, what is unusable ends Failed."""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterName,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import PrefectHTTPStatusError

from flows.deployments import Nightly, deployments, serve_all
from tasks.config import Config, RunnerConfig
from tasks.errors import UsageError
from tasks.storage import read_manifest
from tests.flows.conftest import ROOT, PrefectServer

# Each starts Python with all that a run needs: 10 s alone on 2 cores, minutes on a busy machine.
pytestmark = pytest.mark.timeout(500)
SERVE = [sys.executable, "-c", "from flows.cli import main; main()", "serve"]
EVERY_SECOND = {"PREFECT_RUNNER_POLL_FREQUENCY": "1", "PREFECT_WORKER_QUERY_SECONDS": "1"}


@pytest.fixture(scope="module")
def served(server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """Serve the deployments, a run on the first of each month among them."""
    log = tmp_path_factory.mktemp("serve") / "serve.log"
    nightly = ["--nightly", "corpora/heronsmere-works", "--cron", "0 2 1 * *", "--timezone", "Europe/Berlin"]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*SERVE, *nightly], env=server.environment | EVERY_SECOND, cwd=ROOT, stdout=stream, stderr=stream
        )
    try:
        registered(server, "self-instruct/nightly", log)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=20)


def registered(server: PrefectServer, name: str, log: Path) -> None:
    for _ in range(600):
        with get_client(sync_client=True) as client:
            if any(f"self-instruct/{found.name}" == name for found in client.read_deployments()):
                return
        time.sleep(0.3)
    raise AssertionError(f"{name} was not registered: {log.read_text()}")


def parameters(**values: object) -> list[str]:
    pairs = [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in values.items()]
    return [part for name, value in pairs for part in ("--param", f"{name}={value}")]


def latest(name: str) -> FlowRun:
    with get_client(sync_client=True) as client:
        named = FlowRunFilter(name=FlowRunFilterName(any_=[name]))  # the nightly's planned runs fill any page of runs
        return client.read_flow_runs(flow_run_filter=named, sort=FlowRunSort.START_TIME_DESC)[0]


def test_a_deployed_run_is_watched_to_its_end_and_leaves_artifacts_and_logs(
    served: PrefectServer, corpus: Path, config: Config, tmp_path: Path
) -> None:
    run = tmp_path / "deployed"
    given = parameters(corpus=str(corpus), run=str(run), config=config.model_dump(mode="json"))
    told = served.run(
        "deployment", "run", "self-instruct/self-instruct", *given, "--watch", "--watch-interval", "1",
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
    assert {"report.html", "dataset/README.md"} <= set(read_manifest(run)["outputs"])
    deployed = latest("self-instruct deployed")
    found = artifacts(deployed)
    assert found >= {"funnel", "samples", "coverage", "probes", "generating", "training", "probing"}
    assert any(line.startswith("INFO drafted") for line in logs(deployed))


def artifacts(run: FlowRun) -> set[str]:
    """The keys of what a run and its stages left on the page."""
    with get_client(sync_client=True) as client:
        stages = [stage.id for stage in client.read_flow_runs(limit=50) if stage.parent_task_run_id]
        chosen = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id, *stages]))
        return {str(artifact.key) for artifact in client.read_artifacts(artifact_filter=chosen)}


def logs(run: FlowRun) -> list[str]:
    """What a run and its stages logged, with their levels."""
    with get_client(sync_client=True) as client:
        stages = [stage.id for stage in client.read_flow_runs(limit=50) if stage.parent_task_run_id]
        chosen = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id, *stages]))
        return [f"{logging.getLevelName(line.level)} {line.message}" for line in client.read_logs(chosen)]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"corpus": "/data/texts", "run": "/data/run", "config": {"tuning": {"epoch": 3}}}, "epoch"),
        ({"corpus": "/data/texts", "run": "/data/run", "config": {"generation": {"floor": -1}}}, "floor"),
        ({"corpus": "/data/texts"}, "run"),
    ],
)
def test_a_bad_parameter_is_refused_before_anything_runs(
    served: PrefectServer, given: dict[str, object], named: str
) -> None:
    with get_client(sync_client=True) as client:
        chain = client.read_deployment_by_name("self-instruct/self-instruct")
        with pytest.raises(PrefectHTTPStatusError) as refused:
            client.create_flow_run_from_deployment(chain.id, parameters=given, name="bad")
        assert named in refused.value.response.text
        assert "bad" not in {run.name for run in client.read_flow_runs()}


def test_the_command_refuses_a_bad_parameter_in_one_line(served: PrefectServer) -> None:
    given = parameters(corpus="/data/texts", run="/data/run", colour="blue")
    told = served.run("deployment", "run", "self-instruct/self-instruct", *given, "--watch")
    assert told.returncode == 1
    assert "colour" in told.stdout + told.stderr


def test_the_server_plans_the_nightly_runs_by_the_clock_of_their_zone(served: PrefectServer) -> None:
    with get_client(sync_client=True) as client:
        nightly = client.read_deployment_by_name("self-instruct/nightly")
        chosen = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[nightly.id]))
        for _ in range(200):
            if planned := client.read_flow_runs(flow_run_filter=chosen):
                break
            time.sleep(0.3)
        assert planned, (served.home / "server.log").read_text()[-2000:]
    for run in planned:
        assert run.state is not None and run.state.is_scheduled() and run.expected_start_time is not None
        local = run.expected_start_time.astimezone(ZoneInfo("Europe/Berlin"))
        assert (local.day, local.hour, local.minute) == (1, 2, 0)


def test_a_worker_runs_what_is_in_its_pool_and_an_unusable_result_ends_failed(
    server: PrefectServer, corpus: Path, tmp_path: Path
) -> None:
    serve_all(pool="closedbook")
    hopeless = {"generation": {"generator": "none"}, "curation": {"answer_words": [59, 60]}}
    given = parameters(corpus=str(corpus), run=str(tmp_path / "hopeless"), config=hopeless)
    worker = subprocess.Popen(
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", "closedbook"],
        env=server.environment | EVERY_SECOND, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        told = server.run(
            "deployment", "run", "self-instruct/self-instruct", *given, "--watch", "--watch-interval", "1"
        )
    finally:
        worker.terminate()
        worker.wait(timeout=20)
    assert told.returncode == 1
    failed = latest("self-instruct hopeless")
    assert failed.state is not None and failed.state.is_failed()
    assert "none of" in str(failed.state.message) and "was kept" in str(failed.state.message)
    assert not (tmp_path / "hopeless" / "manifest.json").exists()


def test_the_form_of_every_deployment_says_what_each_value_is() -> None:
    for made in deployments():
        schema = made._parameter_openapi_schema
        assert all(value.get("description") for value in schema.properties.values()), made.name
        sections = schema.definitions
        assert {"GenerationConfig", "TuningConfig"} <= set(sections)
        for section in sections.values():
            assert all({"description", "$ref"} & set(value) for value in section["properties"].values()), section[
                "title"
            ]
        assert str(made.entrypoint).startswith("flows.") and made.tags == ["closedbook"]


def test_nightly_runs_are_alone_and_keep_to_the_clock_of_their_zone(tmp_path: Path) -> None:
    where = RunnerConfig(kind="dask", address="tcp://10.0.0.5:8786")
    nightly = deployments(Nightly(tmp_path, tmp_path / "run", Config(), "30 1 * * 1-5", "Europe/Berlin", where))[-1]
    assert nightly.parameters["runner"] == {"kind": "dask", "address": "tcp://10.0.0.5:8786", "workers": None}
    schedule = nightly.schedules[0].schedule  # type: ignore[index]
    assert (nightly.name, schedule.cron, schedule.timezone) == ("nightly", "30 1 * * 1-5", "Europe/Berlin")  # type: ignore[union-attr]
    assert nightly.concurrency_limit == 1
    assert nightly.concurrency_options.collision_strategy == "CANCEL_NEW"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("cron", "zone", "said"), [("61 2 * * *", "UTC", "--cron '61 2 "), ("0 2 * * *", "Mars/Base", "--timezone Mars")]
)
def test_a_schedule_that_is_none_is_named(tmp_path: Path, cron: str, zone: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        deployments(Nightly(tmp_path, tmp_path / "run", Config(), cron, zone))
