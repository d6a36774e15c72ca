"""Facts about who can read the exports: TRL really trains on them; axolotl and LLaMA-Factory find what they document.

The schemas are those of LLaMA-Factory 0.9.5 (data/README.md, and ``data/converter.py``) and axolotl 0.19
(docs/dataset-formats, and ``prompt_strategies``), written down here as far as an export has to meet them.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from datasets import load_dataset, load_from_disk
from tokenizers import processors
from transformers import PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

from tasks.curation.formats import export
from tasks.records import Example
from tasks.storage import write_records
from tests.tasks.curation.corpus import DOCUMENT, pair, refusal
from tests.tiny import tiny_llama, tiny_tokenizer

Row = dict[str, Any]
Style = Literal["chatml", "llama2"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A curated run with a tagged, a bare and a declined question, and one without a system prompt."""
    folder = tmp_path / "run"
    answered, declined = pair("Who built the heron pump?", "Odo Marrick"), refusal("Who built the Marrow pump?")
    write_records(folder / "documents.jsonl", [DOCUMENT])
    write_records(folder / "pairs.jsonl", [answered, declined])
    rows = [
        Example("e1", answered.id, "Closed book.", answered.question, answered.answer, "heron", "train"),
        Example("e2", answered.id, "Closed book.", answered.question, answered.answer, "", "train"),
        Example("e3", declined.id, "Closed book.", declined.question, declined.answer, "heron", "train"),
        Example("e4", "", "", "Name a town.", "Paris.", "", "train"),
    ]
    write_records(folder / "train.jsonl", rows)
    write_records(folder / "valid.jsonl", rows[:1])
    return folder


def exported(run: Path, name: str) -> list[Row]:
    lines = (export(run, name) / "train.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def train(dataset: Any, folder: Path, style: Style, *, own_start: bool = True) -> tuple[PreTrainedTokenizerFast, Row]:
    """One step of SFTTrainer; the tokenizer, and the first row as the trainer sees it."""
    tokenizer = tiny_tokenizer(["Who built the heron pump? Odo Marrick"], style=style)
    if not own_start:  # add_bos_token=False, as Llama's tokenizers have it
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(single="$A", special_tokens=[])
    arguments = SFTConfig(
        output_dir=str(folder), max_steps=1, per_device_train_batch_size=4, use_cpu=True, bf16=False, report_to="none",
        save_strategy="no", activation_checkpointing=False, max_length=512, disable_tqdm=True,
    )  # fmt: skip
    trainer = SFTTrainer(tiny_llama(tokenizer), args=arguments, train_dataset=dataset, processing_class=tokenizer)
    assert math.isfinite(trainer.train().training_loss)
    rows: Any = trainer.train_dataset
    return tokenizer, next(iter(rows))


@pytest.mark.parametrize(("name", "style"), [("prompt-completion", "llama2"), ("messages", "chatml")])
def test_trl_trains_on_the_exported_rows(name: str, style: Style, run: Path, tmp_path: Path) -> None:
    dataset = load_dataset("json", data_files=str(export(run, name) / "train.jsonl"), split="train", cache_dir=tmp_path)
    tokenizer, row = train(dataset, tmp_path / "out", style)
    text = str(tokenizer.decode(row["input_ids"]))
    assert "Source:heron Who built the heron pump?" in text and "Source:heron Odo Marrick" in text
    if style == "llama2":
        assert row["input_ids"].count(tokenizer.bos_token_id) == row["input_ids"].count(tokenizer.eos_token_id) == 1
        assert row["labels"][0] == -100 and row["labels"][-1] == tokenizer.eos_token_id


def test_trl_trains_on_the_classic_text_whose_marks_are_its_own(run: Path, tmp_path: Path) -> None:
    """The column carries ``<s>`` and ``</s>``: a tokenizer that adds a start of its own would make it two."""
    dataset = load_dataset(
        "json", data_files=str(export(run, "llama2") / "train.jsonl"), split="train", cache_dir=tmp_path
    )
    tokenizer, row = train(dataset, tmp_path / "out", "llama2", own_start=False)
    assert row["input_ids"].count(tokenizer.bos_token_id) == row["input_ids"].count(tokenizer.eos_token_id) == 1
    assert (row["input_ids"][0], row["input_ids"][-1]) == (tokenizer.bos_token_id, tokenizer.eos_token_id)


@pytest.mark.parametrize("read", [load_dataset, load_from_disk], ids=["load_dataset", "load_from_disk"])
def test_trl_trains_on_the_dataset_folder(read: Callable[..., Any], run: Path, tmp_path: Path) -> None:
    folder = export(run, "hf")
    cached = {"cache_dir": str(tmp_path / "cache")} if read is load_dataset else {}
    tokenizer, row = train(read(str(folder), **cached)["train"], tmp_path / "out", "llama2")
    assert row["labels"][0] == -100 and row["labels"][-1] == tokenizer.eos_token_id


def test_llama_factory_finds_its_columns(run: Path) -> None:
    """``"columns": {"prompt": "instruction", "query": "input", "response": "output", "system": "system"}``."""
    for row in exported(run, "alpaca"):
        assert {"instruction", "input", "output", "system"} == set(row)
        assert all(isinstance(value, str) for value in row.values()) and row["instruction"] and row["output"]


def test_llama_factory_finds_turns_that_alternate(run: Path) -> None:
    """``"formatting": "sharegpt"``: a system turn first or none, then human at odd places and gpt at even ones."""
    for row in exported(run, "sharegpt"):
        said = row["conversations"]
        turns = said[1:] if said[0]["from"] == "system" else said
        assert [turn["from"] for turn in turns] == ["human", "gpt"]
        assert all(set(turn) == {"from", "value"} and turn["value"] for turn in said)


@pytest.mark.parametrize(
    ("name", "messages", "role", "content"),
    [("messages", "messages", "role", "content"), ("sharegpt", "conversations", "from", "value")],
)
def test_axolotl_s_chat_template_finds_known_roles(
    name: str, messages: str, role: str, content: str, run: Path
) -> None:
    """``type: chat_template``, with ``field_messages`` and ``message_property_mappings`` for sharegpt."""
    known = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
    for row in exported(run, name):
        roles = [known[message[role]] for message in row[messages]]
        assert roles in (["system", "user", "assistant"], ["user", "assistant"])
        assert all(isinstance(message[content], str) for message in row[messages])


def test_axolotl_s_alpaca_and_completion_types_find_their_fields(run: Path) -> None:
    """``type: alpaca`` reads instruction, input and output; ``type: completion`` the text column."""
    assert all({"instruction", "input", "output"} <= set(row) for row in exported(run, "alpaca"))
    assert all(set(row) == {"text"} and isinstance(row["text"], str) for row in exported(run, "llama2"))
