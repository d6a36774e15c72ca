"""The whole chain on a small text, with a real tiny model as generator and as student."""

import json
from pathlib import Path

import pytest

from flows.chat import Chat
from flows.probe import ask_file
from flows.self_instruct import self_instruct
from tasks.config import Config
from tasks.errors import UnusableResult
from tasks.storage import iter_dicts, read_manifest
from tests.tiny import tiny_llama, tiny_tokenizer

TEXT = """The Tolvash Works was founded by Isolde Marrick in 1871. The works makes salt for the harbour.

The tower bell weighs 130 kilograms. Osric Vane rings the tower bell at six in the morning. The bell was cast in
Norrel in 1875, and it was hung by four masons.

The pump Old Margery lifts 240 litres a minute. The pump was built in 1873. Corwin Asple oils the pump every
Thursday with hazel oil. The storekeeper keeps the keys of the oil store.

The Badger kiln burns peat at 640 degrees. The Otter kiln burns beech at 710 degrees. Each kiln holds two tons of
brine, and is emptied on Mondays by the stokers.
"""
DATASET = ("documents", "chunks", "facts", "completions", "pairs", "rejected", "train", "valid", "probes")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a tiny Llama and its tokenizer to a folder, as a name to load a model by."""
    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = tiny_tokenizer([TEXT], merges=300)
    llama = tiny_llama(tokenizer)
    llama.config.max_position_embeddings = 4096  # the prompts' worked examples take 800 of its tokens
    llama.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def config(model: Path) -> Config:
    """Make everything tiny."""
    settings = {
        "generation.generator": str(model), "generation.samples_per_fact": 1, "generation.batch_size": 8,
        "generation.max_tokens": 4, "tuning.student": str(model), "tuning.epochs": 0.05, "tuning.max_length": 400,
        "tuning.replay_share": 0.0, "probing.max_new_tokens": 2, "probing.drawn": 2,
    }  # fmt: skip
    return Config.build("quick", [f"{name}={json.dumps(value)}" for name, value in settings.items()])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Write the text with a gold question beside it."""
    folder = tmp_path / "tolvash"
    folder.mkdir()
    (folder / "tolvash.txt").write_text(TEXT)
    probe = {
        "id": "t-1",
        "category": "K1",
        "question": "How heavy is the great bell of the tower?",
        "accepted": ["130"],
    }
    (folder / "probes.jsonl").write_text(json.dumps(probe | {"source": "tolvash"}) + "\n")
    return folder


def test_a_text_becomes_a_probed_model_and_the_same_text_the_same_dataset(
    prefect: Path, corpus: Path, config: Config, tmp_path: Path
) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    self_instruct(corpus, first, config)
    manifest = read_manifest(first)
    assert {"report.html", "results.jsonl", "adapter/adapter_model.safetensors"} <= set(manifest["outputs"])
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

    firm, loose = Chat(first, threshold=-1e9), Chat(first, threshold=1e9)
    question = "How heavy is the tower bell?"
    assert firm.reply(question).refused and firm.reply(question).evidence is None
    assert json.loads(json.dumps(loose.reply(question).row())).keys() == {
        "question", "answer", "refused", "margin", "threshold", "source", "evidence",
    }  # fmt: skip


def test_an_unusable_result_fails_the_run(prefect: Path, corpus: Path, config: Config, tmp_path: Path) -> None:
    strict = config.model_copy(update={"curation": config.curation.model_copy(update={"answer_words": (59, 60)})})
    with pytest.raises(UnusableResult, match="none of"):
        self_instruct(corpus, tmp_path / "run", strict)
    assert not (tmp_path / "run" / "manifest.json").exists()
