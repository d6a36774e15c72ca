"""The whole chain on a small text, with a real tiny model as generator and as student."""

import json
from pathlib import Path

import pytest

from flows.chat import Chat
from flows.probe import ask_file
from flows.self_instruct import self_instruct
from flows.students import open_student
from tasks.config import Config
from tasks.errors import UnusableResult
from tasks.storage import iter_dicts, read_manifest

DATASET = ("documents", "chunks", "facts", "completions", "pairs", "rejected", "train", "valid", "probes")


def test_a_text_becomes_a_probed_model_and_the_same_text_the_same_dataset(
    prefect: Path, corpus: Path, config: Config, tmp_path: Path
) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    self_instruct(corpus, first, config)
    manifest = read_manifest(first)
    assert {"report.html", "results.jsonl", "adapter/adapter_model.safetensors"} <= set(manifest["outputs"])
    assert "dataset/README.md" in manifest["outputs"]
    assert not [name for name in manifest["outputs"] if name.startswith(".")]
    assert manifest["inputs"].keys() == {"tolvash.txt"}
    assert json.loads((first / "funnel.json").read_text())[0]["problems"] == []
    assert [row["problems"] for row in json.loads((first / "audit.json").read_text()) if row["count"]] == []
    asked = {row["id"] for row in iter_dicts(first / "probes.jsonl")}
    for model in ("base", "tuned"):
        assert {row["probe_id"] for row in iter_dicts(first / "results.jsonl") if row["model"] == model} == asked
    assert "t-1" in asked

    kept = {path.name: path.stat().st_mtime_ns for path in prefect.iterdir()}
    self_instruct(corpus, again, config)
    for name in DATASET:
        assert (first / f"{name}.jsonl").read_bytes() == (again / f"{name}.jsonl").read_bytes(), name
    assert {path.name: path.stat().st_mtime_ns for path in prefect.iterdir()} == kept  # no batch was made twice

    out = ask_file(first, corpus / "probes.jsonl", tmp_path / "answers.jsonl", config)
    row = next(iter_dicts(out))
    assert list(row)[:7] == [
        "id", "category", "question", "base_response", "base_verdict", "tuned_response", "tuned_verdict",
    ]  # fmt: skip

    taught = json.loads((first / "training.json").read_text())["longest"]
    assert open_student(first, config).decoding.longest == taught > config.probing.max_new_tokens

    firm, loose = Chat(first, threshold=-1e9), Chat(first, threshold=1e9)
    question = "How heavy is the tower bell?"
    assert firm.reply(question).refused and firm.reply(question).evidence is None
    assert json.loads(json.dumps(loose.reply(question).row())).keys() == {
        "question", "answer", "refused", "margin", "threshold", "source", "sources", "evidence",
    }  # fmt: skip


def test_an_unusable_result_fails_the_run(prefect: Path, corpus: Path, config: Config, tmp_path: Path) -> None:
    strict = config.model_copy(update={"curation": config.curation.model_copy(update={"answer_words": (59, 60)})})
    with pytest.raises(UnusableResult, match="none of"):
        self_instruct(corpus, tmp_path / "run", strict)
    assert not (tmp_path / "run" / "manifest.json").exists()
