"""Batches on several workers: the same files as from one process, and a worker that is killed costs its batch."""

import importlib.util
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect.futures import PrefectConcurrentFuture
from prefect.settings import PREFECT_RESULTS_LOCAL_STORAGE_PATH, temporary_settings

from flows.batches import batch_key, made
from flows.curate import curate
from flows.generate import generate
from flows.models import close_generators
from flows.reaching import check_runner
from flows.run_folder import begin
from flows.runners import Job, spread, workers
from flows.workers import Cluster, examine, marked, objection, shares
from tasks.config import Config, RunnerConfig
from tasks.errors import GenerationError, UnreachableServer, UsageError
from tests.flows.conftest import TEXT, PrefectServer
from tests.flows.killing import SCRIPTED
from tests.flows.talking import Talking, talking

HERE = RunnerConfig()
BATCHES = 28
FILES = {"documents", "chunks", "facts", "entities", "completions", "candidates", "pairs", "rejected", "train", "valid"}


def asking(server: Talking, **settings: object) -> Config:
    """A configuration with the server as generator, and a batch for each request."""
    given = SCRIPTED | {"generator": server.url, "batch_size": 1, "samples_per_fact": 2} | settings
    return Config.model_validate({"generation": given})


@dataclass(frozen=True, slots=True)
class Making:
    """A folder of runs from one text, each with results of its own."""

    folder: Path

    def run(self, name: str, config: Config, runner: RunnerConfig = HERE) -> Path:
        """Make a dataset; the same name goes on with what was kept."""
        run, corpus = self.folder / name, self.folder / "corpus"
        corpus.mkdir(exist_ok=True)
        (corpus / "tolvash.txt").write_text(TEXT)
        with temporary_settings({PREFECT_RESULTS_LOCAL_STORAGE_PATH: self.kept(name)}):
            begin(corpus, run, config)
            generate(run, config, runner)
            curate(run, config)
        return run

    def kept(self, name: str) -> Path:
        """Where a run's finished batches are kept."""
        return self.folder / f"{name}.results"


@pytest.fixture(scope="module")
def making(server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> Making:
    return Making(tmp_path_factory.mktemp("runners"))


@pytest.fixture(scope="module")
def whole(making: Making) -> dict[str, bytes]:
    """The files of a run in one process."""
    with talking(pause=0) as server:
        return files(making.run("whole", asking(server)))


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Keep no connection to a server of another test."""
    yield
    close_generators()


def files(run: Path) -> dict[str, bytes]:
    """The dataset files of a run."""
    found = {path.stem: path.read_bytes() for path in run.glob("*.jsonl")}
    assert found.keys() >= FILES
    return found


def test_threads_have_several_batches_under_way_at_one_server(making: Making, whole: dict[str, bytes]) -> None:
    with talking() as server:
        run = making.run("threads", asking(server), RunnerConfig(workers=3))
    assert files(run) == whole
    assert len(server.connected) == 3
    assert len(server.asked) == len(set(server.asked)) == BATCHES


@pytest.mark.timeout(300)  # 10 s alone on 2 cores; processes that start take minutes on a busy machine
@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_a_killed_worker_costs_its_batch_and_changes_no_byte(
    making: Making, whole: dict[str, bytes], kind: str
) -> None:
    with talking(kill_at=[9]) as server:
        run = making.run(kind, asking(server), RunnerConfig.model_validate({"kind": kind, "workers": 2}))
        assert len(server.killed) == 1
        assert len(set(server.asked)) == BATCHES and len(server.asked) == BATCHES + 1
        assert 2 <= len(server.connected) <= 3  # each worker opened the generator once, and who came for the killed one
        assert len(list(making.kept(kind).glob("batch-*"))) == BATCHES
        assert files(run) == whole
        assert files(making.run(kind, asking(server))) == whole
        assert len(server.asked) == BATCHES + 1  # what workers have kept, a run in one process finds


@pytest.mark.timeout(300)
def test_workers_of_a_running_cluster_are_examined_and_used(making: Making, whole: dict[str, bytes]) -> None:
    from distributed import SpecCluster

    from flows.dask_workers import layout

    with talking() as server, SpecCluster(**layout(shares(RunnerConfig(workers=1), asking(server)))) as cluster:
        run = making.run("address", asking(server), RunnerConfig(kind="dask", address=cluster.scheduler_address))
    assert files(run) == whole
    assert len(server.asked) == BATCHES


def test_a_budget_of_tokens_ends_at_the_same_batch_wherever_it_is_made(making: Making) -> None:
    with talking() as server:
        few = asking(server, budget_tokens=80)
        one = files(making.run("few", few))
        assert len(server.asked) == 10
        several = files(making.run("few-threads", few, RunnerConfig(workers=3)))
    assert several == one
    assert len(list(making.kept("few-threads").glob("batch-*"))) >= 10


def test_a_batch_that_comes_twice_is_sent_once(prefect: Path) -> None:
    with talking() as server:
        config = asking(server)
        job: Job = (batch_key([], config), [], config)
        with workers(RunnerConfig(workers=3), config) as place:
            assert [kept for _, kept in place.results([job] * 5)] == [False, True, True, True, True]


def test_a_run_that_every_worker_has_left_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.runners.DESERTED", 0.0)
    never = PrefectConcurrentFuture[Any](uuid4(), Future())
    cancelled: list[object] = []
    deserted = Cluster(lambda *sent: never, lambda: 0, lambda future, seconds: False, cancelled.append)
    with pytest.raises(GenerationError, match="no worker is left; start some, and run the same command again"):
        next(spread(deserted, [("batch-1", [], Config())]))
    assert cancelled == [never.wrapped_future] * len(cancelled) and cancelled


def test_a_worker_refuses_a_batch_that_it_knows_under_another_name() -> None:
    with talking() as server, pytest.raises(GenerationError, match="batch-of-an-older-version is another batch here"):
        made("batch-of-an-older-version", [], asking(server))


@pytest.mark.parametrize(
    ("runner", "said"),
    [
        ({"workers": 2}, "--workers 2: a model in this process generates one batch at a time"),
        ({"kind": "dask", "address": "tcp://127.0.0.1:1"}, "--address tcp://127.0.0.1:1: nothing answers there"),
        ({"kind": "ray", "address": "127.0.0.1:1"}, "--address 127.0.0.1:1: nothing answers there"),
        ({"kind": "dask", "address": "head"}, "--address head: no host and port; give it like tcp://10.0.0.5:8786"),
        ({"kind": "ray", "address": "ray://head:port"}, "no host and port; give it like ray://10.0.0.5:10001"),
    ],
)
def test_a_runner_that_is_not_to_be_had_is_told_at_once(runner: dict[str, object], said: str) -> None:
    with pytest.raises((UsageError, UnreachableServer)) as told:
        check_runner(RunnerConfig.model_validate(runner), Config())
    assert str(told.value).startswith("--") and said in str(told.value)


@pytest.mark.parametrize(
    ("runner", "said"),
    [
        ({"address": "tcp://h:1"}, "--address tcp://h:1: --runner threads has none"),
        ({"kind": "dask", "address": "tcp://h:1", "workers": 2}, "--workers 2: the Dask cluster at tcp://h:1 has"),
    ],
)
def test_options_that_do_not_fit_each_other_are_refused(runner: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        RunnerConfig.model_validate(runner)


def test_a_missing_extra_is_told_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.reaching.find_spec", lambda name: importlib.util.find_spec(f"no_{name}"))
    with pytest.raises(UsageError, match=r"--runner ray: not installed; `pip install .*'\.\[ray\]'`"):
        check_runner(RunnerConfig(kind="ray"), Config())


def question(server: PrefectServer, mark: str) -> dict[str, object]:
    return {"packages": ("prefect", "torch"), "api": server.url, "mark": mark}


def test_workers_like_this_machine_are_fit(server: PrefectServer, prefect: Path) -> None:
    with marked() as mark:
        row = examine(question(server, mark))
    assert objection({"worker a": row, "worker b": dict(row)}, row) == ""
    assert list(prefect.iterdir()) == []


CHANGES: list[tuple[Callable[[dict[str, object]], object], str]] = [
    (lambda row: row | {"prefect": "3.7.0"}, "has prefect 3.7.0, this machine has"),
    (lambda row: row | {"torch": "missing"}, "has torch missing"),
    (lambda row: row | {"python": "3.12"}, "has python 3.12"),
    (lambda row: row | {"code": "0"}, "has another version of closedbook"),
    (lambda row: row | {"reports": False}, "set PREFECT_API_URL"),
    (lambda row: row | {"sees": False}, "set PREFECT_RESULTS_LOCAL_STORAGE_PATH"),
    (
        lambda row: ModuleNotFoundError("No module named 'flows'"),
        "cannot run closedbook (ModuleNotFoundError: No module",
    ),
]


@pytest.mark.parametrize(("change", "said"), CHANGES)
def test_a_worker_that_is_not_fit_is_named_with_the_reason(
    server: PrefectServer, change: Callable[[dict[str, object]], object], said: str
) -> None:
    row = examine(question(server, ""))
    told = objection({"worker tcp://10.0.0.7:4101": row, "worker tcp://10.0.0.8:4101": change(row)}, row)  # type: ignore[dict-item]
    assert told.startswith("worker tcp://10.0.0.8:4101 ") and said in told and "\n" not in told


def test_a_worker_that_reaches_neither_server_nor_folder_says_so(server: PrefectServer, tmp_path: Path) -> None:
    row = examine(question(server, str(tmp_path / "elsewhere")) | {"api": "http://127.0.0.1:1/api"})
    assert (row["reports"], row["sees"]) == (False, False)


def test_workers_here_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [each["OMP_NUM_THREADS"] for each in shares(RunnerConfig(kind="dask"), Config())] == ["4"] * 4
    assert [each["OMP_NUM_THREADS"] for each in shares(RunnerConfig(kind="ray", workers=3), Config())] == ["5"] * 3


def test_each_worker_here_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert [each["CUDA_VISIBLE_DEVICES"] for each in shares(RunnerConfig(kind="dask"), Config())] == ["2", "5"]


@pytest.mark.parametrize(
    ("nodes", "workers", "on_gpus", "shared"),
    [
        ([{"CPU": 16.0}, {"CPU": 16.0}], None, False, (2, {"num_cpus": 16})),
        ([{"CPU": 16.0}, {"CPU": 16.0}, {"memory": 1.0}], 8, False, (8, {"num_cpus": 4})),
        ([{"CPU": 4.0}, {"CPU": 16.0}], 3, False, (3, {"num_cpus": 5})),
        ([{"CPU": 2.0}], 4, False, (2, {"num_cpus": 1})),
        ([{"CPU": 16.0, "GPU": 2.0}], None, True, (2, {"num_cpus": 1, "num_gpus": 1.0})),
        ([{"CPU": 16.0, "GPU": 2.0}], 4, True, (4, {"num_cpus": 1, "num_gpus": 0.5})),
        ([{"CPU": 16.0, "GPU": 2.0}], None, False, (1, {"num_cpus": 16})),
        ([{"memory": 1.0}], None, False, (0, {"num_cpus": 1})),
    ],
)
def test_a_batch_on_ray_has_a_share_that_a_node_can_give(
    nodes: list[dict[str, float]], workers: int | None, on_gpus: bool, shared: tuple[int, dict[str, float]]
) -> None:
    from flows.ray_workers import share

    assert share(nodes, workers=workers, on_gpus=on_gpus) == shared
