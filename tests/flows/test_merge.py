"""Merging: one folder in safetensors that any loader takes, and both ways asked the same."""

import json
from pathlib import Path

import pytest
import torch

from flows.cli import execute
from flows.run_folder import begin
from tasks.config import Config
from tasks.records import Document, Example, Probe
from tasks.storage import write_json, write_records
from tasks.tuning.sft import finetune
from tasks.tuning.students import load_student, load_tokenizer
from tests.families import write_family

QUESTIONS = [f"Who built pump {number}?" for number in range(6)]


@pytest.fixture(scope="module", params=["lora", "qlora", "full"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a run as far as merging reads it: a tiny tuned model, its probes, its document's name."""
    folder = tmp_path_factory.mktemp(request.param)
    student = write_family("qwen2", folder / "student", QUESTIONS)
    settings = {"student": student, "method": request.param, "epochs": 2.0, "replay_share": 0.0, "learning_rate": 1e-2}
    shown = {f"tuning.{name}": value for name, value in settings.items()} | {"probing.max_new_tokens": 24}
    config = Config.build("quick", [f"{name}={json.dumps(value)}" for name, value in shown.items()])
    begin(folder / "heron.txt", folder / "run", config)
    examples = [Example(question, "pair", "", question, "Odo.", "", "train") for question in QUESTIONS]
    finetune(examples, config.tuning, folder / "run", seed=1)
    probes = [
        Probe(q, "K1" if at % 2 else "U1", q, ("Odo",) if at % 2 else None, None) for at, q in enumerate(QUESTIONS)
    ]
    barred = Probe("tag", "T3", "Who built it?", None, "nowhere")
    general = Probe("general", "G", "What is the capital of France?", ("Paris",), None)
    write_records(folder / "run" / "probes.jsonl", [*probes, barred, general])
    write_records(folder / "run" / "documents.jsonl", [Document.create("heron", "Odo built it.")])
    write_json(folder / "run" / "adapter" / "calibration.json", {"threshold": 0.5})
    return folder / "run"


def test_a_merged_model_is_safetensors_in_bfloat16_and_was_asked_what_the_adapter_was(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "merged"
    assert execute(["merge", str(run), "--out", str(out)]) == 0
    assert "the same verdict on" in capsys.readouterr().out
    assert not [path for path in out.rglob("*") if path.suffix in (".bin", ".pt", ".pkl")]
    model = load_student(str(out), dtype=torch.bfloat16)
    assert all(weight.dtype == torch.bfloat16 for weight in model.parameters())
    assert not any("lora" in name for name, _ in model.named_parameters())
    assert load_tokenizer(str(out)).chat_template == load_tokenizer(str(run.parent / "student")).chat_template
    found = json.loads((out / "merged.json").read_text())
    assert found["probes"] == 8 and 0 <= found["same_verdict"] <= 8
    assert found["merged"].keys() == found["unmerged"].keys() >= {"HPA", "refusal_U1", "refusal_T3", "general"}
    assert found["merged"]["refusal_T3"]["value"] == 1.0


def test_a_folder_that_holds_something_is_left_alone(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path.name for path in run.iterdir())
    assert execute(["merge", str(run), "--out", str(run)]) == 2
    assert "holds something already; name a new folder" in capsys.readouterr().err
    assert sorted(path.name for path in run.iterdir()) == before


def test_writing_alone_asks_nothing(run: Path, tmp_path: Path) -> None:
    assert execute(["merge", str(run), "--out", str(tmp_path / "new"), "--no-probe"]) == 0
    assert (tmp_path / "new" / "model.safetensors").is_file() and not (tmp_path / "new" / "merged.json").exists()
