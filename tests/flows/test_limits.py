"""One model at a time on a shared server; a run whose process is gone does not stay Running."""

import json
import threading
import time

import pytest
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency

from flows.engine import PRIVATE
from flows.limits import CRASHED, GPU, device, prepare_server
from tests.flows.conftest import PrefectServer


def test_two_models_never_compute_at_once(server: PrefectServer) -> None:
    inside: list[int] = []
    most: list[int] = []

    def compute() -> None:
        with device("embedded"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.3)
            inside.pop()

    threads = [threading.Thread(target=compute) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1]


@pytest.mark.parametrize("model", ["none", "http://127.0.0.1:8000/v1"])
def test_what_computes_elsewhere_waits_for_nobody(server: PrefectServer, model: str) -> None:
    with concurrency(GPU, strict=True), device(model):
        pass


def test_a_command_with_a_server_of_its_own_asks_for_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRIVATE, "1")
    with device("embedded"):
        pass


def test_preparing_a_server_twice_leaves_one_automation_and_a_limit_that_was_raised(server: PrefectServer) -> None:
    with get_client(sync_client=True) as client:
        assert client.read_global_concurrency_limit_by_name(GPU).limit == 1
        client.upsert_global_concurrency_limit_by_name(GPU, 2)
        prepare_server()
        assert client.read_global_concurrency_limit_by_name(GPU).limit == 2
        client.upsert_global_concurrency_limit_by_name(GPU, 1)
        found = client.read_automations_by_name(CRASHED)
    assert len(found) == 1
    assert json.loads(found[0].model_dump_json())["trigger"]["within"] == 300.0
