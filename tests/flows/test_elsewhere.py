"""Runs and corpora on S3: the same bytes as on a disk, nothing made twice, and no secret anywhere."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.cli import execute
from flows.deployments import Nightly, deployments
from flows.elsewhere import at_hand, keep_batch, publish_changes
from flows.fetching import fetch_corpus, fetched
from flows.run_folder import begin, read_setup
from flows.self_instruct import self_instruct
from tasks.config import Config
from tasks.errors import LocationError, UnusableResult
from tasks.storage import file_hash, write_text
from tests.flows.conftest import ROOT, TEXT, PrefectServer
from tests.s3 import ALL, Store

TEXTS, RUN = Path("s3://heron/texts"), Path("s3://heron/runs/mine")


@pytest.mark.timeout(900)  # 20 s alone on 2 cores, minutes on a machine with five times its load
def test_machines_that_are_killed_hand_on_every_batch_and_no_false_manifest(
    server: PrefectServer, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "tolvash.txt").write_text(TEXT)
    store.write("texts/tolvash.txt", TEXT.encode())
    quiet = {"PREFECT_LOGGING_TO_API_ENABLED": "false", "PREFECT_LOGGING_LEVEL": "CRITICAL"}
    subprocess.run(
        [sys.executable, "-m", "tests.flows.killing_elsewhere", str(tmp_path)], cwd=ROOT, check=True,
        env=server.environment | quiet | store.environment(), capture_output=True, timeout=400,
    )  # fmt: skip
    trials = json.loads((tmp_path / "trials.json").read_text())
    assert [trial["killed"] for trial in trials] == [True, True, False] and trials[-1]["ended"]
    for trial in trials:
        assert not set(trial["before"]) & set(trial["begun"])  # nothing is generated twice …
        assert len(set(trial["begun"]) - set(trial["after"])) <= trial["killed"]  # … and the one under way is lost
        assert "manifest.json" not in trial["before"]
    assert len(trials[0]["begun"]) >= 6 and trials[1]["begun"] and not trials[2]["begun"]
    outputs = manifest_of(store)["outputs"]
    assert store.names("runs/mine") - {"manifest.json"} - hidden_names(store) == set(outputs)
    whole = sorted((tmp_path / "whole").glob("*.jsonl"))
    assert {"completions.jsonl", "pairs.jsonl", "train.jsonl", "valid.jsonl"} <= {path.name for path in whole}
    for path in whole:
        assert store.read(f"runs/mine/{path.name}") == path.read_bytes(), path.name


def manifest_of(store: Store) -> dict[str, Any]:
    """The manifest on S3, whose every hash is that of the object there."""
    manifest: dict[str, Any] = json.loads(store.read("runs/mine/manifest.json"))
    for name, digest in manifest["outputs"].items():
        assert hashlib.sha256(store.read(f"runs/mine/{name}")).hexdigest() == digest, name
    return manifest


def hidden_names(store: Store) -> set[str]:
    return {name for name in store.names("runs/mine") if name.startswith(".")}


@pytest.mark.timeout(500)
def test_a_run_on_s3_is_a_run_and_its_secret_is_nowhere(
    server: PrefectServer, prefect: Path, corpus: Path, config: Config, store: Store, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for path in corpus.iterdir():
        store.write(f"texts/{path.name}", path.read_bytes())
    self_instruct(TEXTS, RUN, config)
    manifest = manifest_of(store)
    assert manifest["corpus"] == "s3://heron/texts"
    assert manifest["inputs"] == {"tolvash.txt": file_hash(corpus / "tolvash.txt")}
    assert {"report.html", "adapter/adapter_model.safetensors", "dataset/README.md"} <= set(manifest["outputs"])
    assert hidden_names(store) == {f".batches/{path.name}" for path in prefect.iterdir()}  # no lease, nothing torn
    assert "t-1" in store.read("runs/mine/probes.jsonl").decode()

    assert "to s3://heron/runs/mine" in caplog.text
    written = [path for path in [*tmp_path.rglob("*"), *server.home.rglob("*")] if path.is_file()]
    assert any(path.name == "prefect.db" for path in written) and any(path.name == "report.html" for path in written)
    for secret in (store.secret, store.key):
        assert secret not in caplog.text
        assert not [path for path in written if secret.encode() in path.read_bytes()]
        assert not [name for name in store.names() if secret.encode() in store.read(name)]

    monkeypatch.setenv("CLOSEDBOOK_CACHE", str(tmp_path / "reader"))
    assert execute(["audit", str(RUN)]) == 0
    assert execute(["export", str(RUN), "--format", "llama2", "--out", str(tmp_path / "llama2")]) == 0
    assert execute(["export", str(RUN), "--format", "alpaca"]) == 0
    assert (tmp_path / "llama2" / "train.jsonl").is_file()
    assert "export/alpaca/train.jsonl" in store.names("runs/mine") and manifest_of(store) == manifest


def work(text: str) -> None:
    """Do a stage's work in the run, whatever it is."""
    with at_hand(RUN, TEXTS) as run:
        write_text(run / "config.json", "{}")
        write_text(run / "pairs.jsonl", text)
        publish_changes()
        write_text(run / "train.jsonl", text)


@pytest.fixture
def begun(prefect: Path, store: Store) -> Store:
    """Begin a run."""
    store.write("texts/tolvash.txt", TEXT.encode())
    work("one")
    return store


@pytest.mark.parametrize("right", ["s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:GetObject"])
def test_a_right_that_is_missing_stops_a_run_with_a_line_and_before_any_work(begun: Store, right: str) -> None:
    begun.allow(*(set(ALL) - {right}))
    with pytest.raises(LocationError, match=rf"s3://heron must grant {right}, then run the same command again"):
        work("two")
    assert begun.read("runs/mine/pairs.jsonl") == b"one"
    begun.allow(*ALL)
    work("three")
    assert begun.read("runs/mine/train.jsonl") == b"three"


def test_rights_that_go_while_a_run_is_at_work_lose_nothing(begun: Store) -> None:
    with pytest.raises(LocationError, match="must grant s3:PutObject"), at_hand(RUN) as run:
        write_text(run / "pairs.jsonl", "long work")
        begun.allow("s3:ListBucket", "s3:GetObject", "s3:DeleteObject")
        publish_changes()
    assert begun.read("runs/mine/pairs.jsonl") == b"one"
    begun.allow(*ALL)
    with at_hand(RUN) as run:
        assert (run / "pairs.jsonl").read_text() == "long work"
    assert begun.read("runs/mine/pairs.jsonl") == b"long work"
    assert not [name for name in begun.names("runs/mine") if name.startswith(".lease")]


def test_a_store_that_is_away_within_a_stage_is_no_end_of_it(begun: Store, prefect: Path) -> None:
    prefect.mkdir(exist_ok=True)
    with at_hand(RUN):
        begun.allow("s3:ListBucket", "s3:GetObject", "s3:DeleteObject")
        for name in ("batch-ace", "batch-bee"):
            (prefect / name).write_text("{}")
            keep_batch(name)
        publish_changes(soon=True)
        assert "batch-ace" not in " ".join(begun.names("runs/mine"))
        begun.allow(*ALL)
    assert {".batches/batch-ace", ".batches/batch-bee"} <= hidden_names(begun)


def test_a_run_that_fails_publishes_what_it_came_to_and_lets_others_in(begun: Store) -> None:
    with pytest.raises(UnusableResult), at_hand(RUN) as run:
        write_text(run / "rejected.jsonl", "all of them")
        raise UnusableResult("none of 3 pairs was kept")
    assert begun.read("runs/mine/rejected.jsonl") == b"all of them"
    assert not [name for name in begun.names("runs/mine") if name.startswith(".lease")]


def test_a_batch_that_is_no_json_is_not_taken(begun: Store, prefect: Path) -> None:
    good = {"metadata": {"serializer": {"type": "json"}}, "result": "{}"}
    evil = {"metadata": {"serializer": {"type": "pickle"}}, "result": "gASV"}
    for name, row in (("batch-900d", good), ("batch-e0e1", evil), ("no-batch", evil)):
        begun.write(f"runs/mine/.batches/{name}", json.dumps(row).encode())
    with at_hand(RUN):
        assert [path.name for path in prefect.iterdir()] == ["batch-900d"]
        (prefect / "batch-ace").write_text(json.dumps(good))
        keep_batch("batch-ace")
    assert "batch-ace" in {name.rpartition("/")[2] for name in begun.names("runs/mine/.batches")}


BAD_INPUT = (
    ("run s3://heron/nothing", 2, "s3://heron/nothing: no text there; give a text"),
    ("run s3://herron/texts", 1, "s3://herron: no such bucket or folder; create it"),
    ("run s3://AKIA:hush@heron/texts", 2, "s3://…@heron/texts: holds a password or a signature"),
    ("run s3://heron/texts --out s3://heron/x?X-Amz-Signature=hush", 2, "s3://heron/x: holds a password"),
    ("serve --nightly s3://AKIA:hush@heron/texts", 2, "holds a password or a signature"),
    ("plan bucket://heron/texts", 2, "bucket:// is no kind of location"),
    ("ask s3://heron/texts question", 2, "s3://heron/texts: holds tolvash.txt and is no run of closedbook"),
    ("ask s3://heron/nothing question", 1, "no run in it"),
    ("export s3://heron/runs/mine --format llama2 --out s3://heron/x", 2, "--out s3://heron/x: has to be a path"),
    ("compare s3://heron/texts --students embedded --out s3://heron/x", 2, "--out s3://heron/x: has to be a path"),
    ("merge s3://heron/runs/mine --out s3://heron/x", 2, "--out s3://heron/x: has to be a path of this machine"),
)


def test_bad_input_is_one_clear_line(begun: Store, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, code, said in BAD_INPUT:
        assert execute(arguments.split()) == code, arguments
        told = capsys.readouterr().err
        assert told.startswith("closedbook: ") and told.count("\n") == 1 and said in told, arguments
        assert "hush" not in told and "AKIA" not in told, arguments


def test_a_nightly_run_is_registered_under_its_addresses() -> None:
    nightly = deployments(Nightly(TEXTS, RUN, Config()))[-1]
    assert (nightly.parameters["corpus"], nightly.parameters["run"]) == ("s3://heron/texts", "s3://heron/runs/mine")


def test_a_local_run_of_texts_elsewhere_finds_them_and_their_questions(begun: Store, tmp_path: Path) -> None:
    begun.write("texts/probes.jsonl", b"")
    begin(TEXTS, tmp_path / "run", Config())
    assert json.loads((tmp_path / "run" / "config.json").read_text())["corpus"] == "s3://heron/texts"
    assert fetched(tmp_path / "run") == tmp_path / "run"
    corpus = read_setup(tmp_path / "run").corpus
    assert sorted(path.name for path in corpus.iterdir()) == ["probes.jsonl", "tolvash.txt"]
    text = fetch_corpus(Path("s3://heron/texts/tolvash.txt"))
    assert text.read_text() == TEXT and text.with_name("probes.jsonl").is_file()
