"""Runs and corpora on S3: the same bytes as on a disk, nothing made twice, and no secret anywhere."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.self_instruct import self_instruct
from tasks.config import Config
from tasks.storage import file_hash
from tests.flows.conftest import ROOT, TEXT, PrefectServer
from tests.s3 import Store

TEXTS, RUN = Path("s3://heron/texts"), Path("s3://heron/runs/mine")


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
    assert [trial["killed"] for trial in trials] == [True, True, True, False] and trials[-1]["ended"]
    for trial in trials:
        assert not set(trial["before"]) & set(trial["begun"])  # nothing is generated twice …
        assert len(set(trial["begun"]) - set(trial["after"])) <= trial["killed"]  # … and the one under way is lost
        assert "manifest.json" not in trial["before"]
    assert len(trials[0]["begun"]) >= 6 and trials[1]["begun"] and not trials[2]["begun"] + trials[3]["begun"]
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


def test_a_run_on_s3_is_a_run_and_its_secret_is_nowhere(
    server: PrefectServer, prefect: Path, corpus: Path, config: Config, store: Store, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
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
