"""Facts about the formats: exact forms, round trips, what the dataset folder holds, and who can read it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset, load_from_disk
from hypothesis import given
from hypothesis import strategies as st

from tasks.curation import formats, hub
from tasks.curation.control import control_token
from tasks.curation.formats import RENDERERS, Turn, export, turn_of
from tasks.errors import StorageError, UnusableResult, UsageError
from tasks.records import Example
from tasks.storage import write_json, write_records
from tests.tasks.curation.corpus import DOCUMENT, TEXT, pair, refusal

PLAIN = Example("e1", "p1", "Answer from the book only.", "Who built the pump?", "Odo Marrick.", "heron", "train")
BARE = Example("e2", "p2", "", "Who built the pump?", "Odo Marrick.", "", "train")
PARSERS: dict[str, Callable[[dict[str, Any]], Turn]] = {
    "llama2": formats.parse_llama2, "prompt-completion": formats.parse_prompt_completion,
    "messages": formats.parse_messages, "alpaca": formats.parse_alpaca, "sharegpt": formats.parse_sharegpt,
}  # fmt: skip


def test_llama2_is_exactly_the_classic_form() -> None:
    assert formats.render_llama2(PLAIN) == {
        "text": "<s>[INST] Source:heron Who built the pump? [/INST] Source:heron Odo Marrick. </s>"
    }
    assert formats.render_llama2(BARE) == {"text": "<s>[INST] Who built the pump? [/INST] Odo Marrick. </s>"}


def test_llama2_shows_the_system_prompt_when_asked() -> None:
    assert formats.render_llama2(PLAIN, system=True)["text"].startswith(
        "<s>[INST] <<SYS>>\nAnswer from the book only.\n<</SYS>>\n\nSource:heron Who"
    )
    assert formats.render_llama2(BARE, system=True) == formats.render_llama2(BARE)


def test_prompt_completion_ends_at_inst_and_begins_with_a_space() -> None:
    row = formats.render_prompt_completion(PLAIN)
    assert row == {
        "prompt": "[INST] Source:heron Who built the pump? [/INST]",
        "completion": " Source:heron Odo Marrick.",
    }


def test_chat_forms_have_the_keys_that_trainers_document() -> None:
    user, assistant = "Source:heron Who built the pump?", "Source:heron Odo Marrick."
    assert formats.render_messages(PLAIN) == {
        "messages": [
            {"role": "system", "content": "Answer from the book only."},
            {"role": "user", "content": user},
            {"role": "assistant", "content": assistant},
        ]
    }
    assert formats.render_alpaca(PLAIN) == {
        "instruction": user, "input": "", "output": assistant, "system": "Answer from the book only.",
    }  # fmt: skip
    assert formats.render_sharegpt(BARE) == {
        "id": "e2",
        "conversations": [
            {"from": "human", "value": "Who built the pump?"}, {"from": "gpt", "value": "Odo Marrick."},
        ],
    }  # fmt: skip


texts = st.text(min_size=1, max_size=40).map(str.strip).filter(lambda text: text and not control_token(text))
examples = st.builds(
    Example,
    st.just("id"),
    st.just("pair"),
    texts | st.just(""),
    texts,
    texts,
    st.sampled_from(["", "heron", "manual-of-surgery"]),
    st.just("train"),
)


@pytest.mark.parametrize("name", RENDERERS)
@given(example=examples)
def test_parse_is_the_inverse_of_render(name: str, example: Example) -> None:
    turn = PARSERS[name](RENDERERS[name](example))
    assert (turn.source, turn.prompt, turn.answer) == (example.source, example.prompt, example.answer)
    assert turn.system == ("" if name in ("llama2", "prompt-completion") else example.system)


@given(example=examples)
def test_the_system_prompt_survives_the_round_trip(example: Example) -> None:
    assert formats.parse_llama2(formats.render_llama2(example, system=True)) == turn_of(example)


@pytest.mark.parametrize("token", ["</s>", "[/INST]", "<<SYS>>", "<|im_end|>"])
@pytest.mark.parametrize("name", RENDERERS)
def test_no_control_sequence_is_rendered(name: str, token: str) -> None:
    for example in (
        Example("e", "p", "", f"Who {token} built it?", "Odo", "heron", "train"),
        Example("e", "p", "", "Who built it?", f"Odo {token}", "heron", "train"),
        Example("e", "p", f"Be {token}", "Who built it?", "Odo", "heron", "train"),
    ):
        with pytest.raises(UnusableResult, match="example e"):
            RENDERERS[name](example)


@pytest.mark.parametrize("change", [{"prompt": ""}, {"prompt": " x"}, {"answer": "x\n"}, {"source": "two words"}])
def test_an_untidy_example_is_named(change: dict[str, str]) -> None:
    values: dict[str, Any] = {
        "id": "e", "pair_id": "p", "system": "", "prompt": "Q?", "answer": "A", "source": "", "split": "train",
    }  # fmt: skip
    with pytest.raises(UnusableResult, match="example e"):
        turn_of(Example(**(values | change)))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder after curation."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "README.md").write_text(
        "# Heron\n- Licence: CC0-1.0\n- Origin: <script>invented</script>\n", encoding="utf-8"
    )
    folder = tmp_path / "run"
    answered = pair("Who built the heron pump?", "Odo Marrick", generator="SmolLM2")
    refused = refusal("Who built the Marrow pump?")
    write_records(folder / "documents.jsonl", [DOCUMENT])
    write_records(folder / "pairs.jsonl", [answered, refused])
    train = [
        Example("e1", answered.id, "Answer.", answered.question, answered.answer, "heron", "train"),
        Example("e2", refused.id, "Answer.", refused.question, refused.answer, "", "train"),
        Example("e3", "", "", "What is the capital of France?", "Paris.", "", "train"),
    ]
    write_records(folder / "train.jsonl", train)
    write_records(folder / "valid.jsonl", [Example("e4", answered.id, "", "Who is it?", "Odo", "heron", "valid")])
    write_records(folder / "imported.jsonl", [{"example_id": "e3", "ref": "general.jsonl:7"}])
    write_records(folder / "completions.jsonl", [{"prompt_id": "abc123", "model": "SmolLM2"}])
    settings = {"config": {"generation": {"generator": "embedded"}}, "corpus": str(corpus / "heron.txt")}
    write_json(folder / "config.json", settings)
    checks = [{"name": "no near-duplicates", "looked_at": "2 pairs", "problems": [], "count": 0}]
    write_json(folder / "audit.json", checks)
    stages = [{"stage": "filter", "parsed": 9, "kept": 2, "rejected": {"trivial": 7}}]
    write_json(folder / "funnel.json", stages)
    return folder


@pytest.mark.parametrize("name", RENDERERS)
def test_export_writes_a_file_for_each_split(run: Path, name: str) -> None:
    out = export(run, name)
    assert out == run / "export" / name
    rows = [json.loads(line) for line in (out / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [PARSERS[name](row).answer for row in rows][-1] == "Paris."
    assert len(rows) == 3
    assert (out / "valid.jsonl").is_file()


def test_export_to_a_named_file_writes_the_training_examples(run: Path, tmp_path: Path) -> None:
    out = export(run, "llama2", tmp_path / "train.jsonl")
    assert len(out.read_text(encoding="utf-8").splitlines()) == 3


def test_what_cannot_be_exported_is_said(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="unknown"):
        export(run, "parquet")
    with pytest.raises(UsageError, match="a file"):
        export(run, "llama2", tmp_path / "file")
    with pytest.raises(UsageError, match="no dataset folder"):
        export(run, "hf", tmp_path / "full")
    with pytest.raises(StorageError, match="no such file"):
        export(tmp_path, "llama2", tmp_path / "out")


def test_the_dataset_folder_is_read_both_ways_with_provenance(run: Path, tmp_path: Path) -> None:
    out = export(run, "hf")
    hashes = {path.name: path.read_bytes() for path in (out / "data").iterdir()}
    assert export(run, "hf") == out
    assert {path.name: path.read_bytes() for path in (out / "data").iterdir()} == hashes
    data = load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    same = load_from_disk(str(out))
    assert set(data) == set(same) == {"train", "validation"}
    assert data["train"].to_list() == same["train"].to_list()
    answered, refused, imported = data["train"].to_list()
    assert TEXT[answered["char_start"] : answered["char_end"]] == answered["evidence"]
    assert answered["evidence"] == "The heron pump was built by Odo Marrick in 1829."
    assert answered["prompt"].endswith("Source:heron Who built the heron pump? [/INST]")
    assert (answered["generator"], answered["source"], answered["form"]) == ("SmolLM2", "heron", "wh")
    assert (refused["kind"], refused["evidence"], refused["char_start"]) == ("refusal", "", -1)
    assert (imported["kind"], imported["source"], imported["chunk_id"]) == ("imported", "", "general.jsonl:7")


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_large_dataset_is_written_in_shards_that_load_as_one(
    run: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load_dataset(str(export(run, "hf", run / "whole")), cache_dir=str(run / "cache"))
    monkeypatch.setattr(hub, "SHARD", rows)
    folder = export(run, "hf", run / "parts")
    count = -(-len(whole["train"]) // rows)
    names = [f"train-{number:05d}-of-{count:05d}.parquet" for number in range(count)]
    assert sorted(path.name for path in (folder / "data").glob("train-*")) == names
    assert load_dataset(str(folder), cache_dir=str(run / "cache"))["train"].to_list() == whole["train"].to_list()
    assert load_from_disk(str(folder))["train"].to_list() == whole["train"].to_list()
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in (run / "whole").iterdir())


def test_the_card_says_where_it_all_comes_from(run: Path) -> None:
    card = (export(run, "hf") / "README.md").read_text(encoding="utf-8")
    for told in (
        "license: cc0-1.0",
        "abc123",
        "embedded",
        "7 trivial",
        "| train | 3 |",
        "Known limits",
        "refusal",
        "| no near-duplicates | 2 pairs | 0 |",
    ):
        assert told in card
    assert "<script>" not in card
