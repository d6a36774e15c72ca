"""Two processes tune one student, joined by gloo."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from flows.run_folder import begin, read_setup
from flows.students import open_student
from tasks.config import Config
from tasks.records import Document, Example, Pair
from tasks.storage import iter_dicts, write_records
from tests.families import write_family

QUESTIONS = [f"Who built pump {number}?" for number in range(16)]
LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Write a run up to its examples."""
    settings = {
        "tuning.student": write_family("llama-2, grouped heads", tmp_path / "student", QUESTIONS), "tuning.epochs": 2.0,
        "tuning.batch_size": 4, "tuning.rank": 4, "tuning.replay_share": 0.0, "tuning.question_dropout": 0.0,
    }  # fmt: skip
    config = Config.build("quick", [f"{name}={json.dumps(value)}" for name, value in settings.items()])
    run = tmp_path / "run"
    begin(tmp_path / "heron.txt", run, config)
    write_records(run / "train.jsonl", [Example(q, "pair", "", q, "Odo.", "", "train") for q in QUESTIONS])
    for name in ("valid", "pairs", "facts", "entities"):
        write_records(run / f"{name}.jsonl", list[Pair]())
    write_records(run / "documents.jsonl", [Document.create("heron", "Odo built it.")])
    return run


@pytest.mark.timeout(300)  # two processes start, on however busy a machine
def test_two_processes_tune_one_student_together(run: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    done = subprocess.run(
        [*LAUNCH, "flows.distributed", str(run)],
        capture_output=True,
        text=True,
        env=environment | {"OMP_NUM_THREADS": "1"},
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    outcome = json.loads((run / "training.json").read_text())
    assert outcome["steps"] == 4  # 16 examples twice, in steps of 2 processes with 4 each
    assert [row["step"] for row in iter_dicts(run / "training.jsonl")] == [1, 2, 3, 4]
    assert (run / "adapter" / "adapter_model.safetensors").is_file() and not (run / "checkpoints").exists()
    student = open_student(run, read_setup(run).config, exact=True)
    moved = [weight for name, weight in student.tuned.named_parameters() if "lora_B" in name]
    assert moved and all(bool(torch.isfinite(weight).all()) and float(weight.abs().sum()) > 0 for weight in moved)
