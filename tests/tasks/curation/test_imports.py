"""Facts about imports: every known shape, named columns, the same filters, and nothing lost without a reason."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.config import CurationConfig
from tasks.curation.control import control_token
from tasks.curation.formats import RENDERERS, turn_of
from tasks.curation.imports import Columns, Imported
from tasks.curation.imports import import_examples as read_examples
from tasks.errors import ClosedbookError, StorageError, UsageError
from tasks.records import Example, Rejection
from tests.tasks.curation.corpus import CONFIG


def import_examples(
    path: Path, config: CurationConfig, *, columns: Columns | None = None
) -> tuple[list[Example], list[Rejection]]:
    """Read a whole file, the examples and the rejections apart."""
    read = list(read_examples(path, config, columns=columns))
    return (
        [one.example for one in read if isinstance(one, Imported)],
        [one for one in read if isinstance(one, Rejection)],
    )


QUESTION, ANSWER = "What is the capital of France?", "Paris, on the Seine."


def write_lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


SHAPES: dict[str, dict[str, Any]] = {
    "alpaca": {"instruction": QUESTION, "input": "", "output": ANSWER},
    "sharegpt": {"id": "x", "conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": ANSWER}]},
    "vicuna-user": {"conversations": [{"from": "user", "value": QUESTION}, {"from": "assistant", "value": ANSWER}]},
    "messages": {"messages": [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]},
    "guanaco-llama2": {"text": f"<s>[INST] {QUESTION} [/INST] {ANSWER} </s>"},
    "llama2-tight": {"text": f"[INST]{QUESTION}[/INST]{ANSWER}"},
    "prompt-completion": {"prompt": QUESTION, "completion": ANSWER},
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_known_shape_is_read(name: str, tmp_path: Path) -> None:
    examples, rejections = import_examples(write_lines(tmp_path / "rows.jsonl", SHAPES[name]), CONFIG)
    assert [(one.prompt, one.answer, one.system, one.source) for one in examples] == [(QUESTION, ANSWER, "", "")]
    assert rejections == []


def test_an_alpaca_input_follows_the_instruction(tmp_path: Path) -> None:
    row = {
        "instruction": "Put this sentence into plain words.",
        "input": "It rained cats.",
        "output": "It rained hard.",
    }
    examples, _ = import_examples(write_lines(tmp_path / "rows.jsonl", row), CONFIG)
    assert examples[0].prompt == "Put this sentence into plain words.\n\nIt rained cats."


def test_a_system_prompt_is_kept(tmp_path: Path) -> None:
    text = f"<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n{QUESTION} [/INST] {ANSWER} </s>"
    said = [{"from": "system", "value": "Be brief."}, *SHAPES["sharegpt"]["conversations"]]
    path = write_lines(tmp_path / "rows.jsonl", {"text": text}, {"conversations": said})
    assert [one.system for one in import_examples(path, CONFIG)[0]] == ["Be brief.", "Be brief."]


def test_later_turns_are_left_out_and_counted(tmp_path: Path) -> None:
    text = f"<s>[INST] {QUESTION} [/INST] {ANSWER} </s><s>[INST] And of Spain? [/INST] Madrid. </s>"
    said = [*SHAPES["sharegpt"]["conversations"] * 3]
    path = write_lines(tmp_path / "rows.jsonl", {"text": text}, {"conversations": said})
    examples, rejections = import_examples(path, CONFIG)
    assert len(examples) == 2
    assert [one.reason for one in rejections] == ["later-turn"] * 3


@pytest.mark.parametrize("name", RENDERERS)
def test_an_export_is_imported_as_it_was(name: str, tmp_path: Path) -> None:
    example = Example("e", "p", "Answer from the book.", QUESTION, ANSWER, "heron", "train")
    back, _ = import_examples(write_lines(tmp_path / "rows.jsonl", RENDERERS[name](example)), CONFIG)
    system = "" if name in ("llama2", "prompt-completion") else example.system
    assert [(one.system, one.source, one.prompt, one.answer) for one in back] == [(system, "heron", QUESTION, ANSWER)]


def test_columns_are_read_by_name_from_csv_json_and_a_dataset_folder(tmp_path: Path) -> None:
    from datasets import Dataset

    (tmp_path / "rows.csv").write_text(f'\ufeffask,say\n"{QUESTION}","{ANSWER}"\n', encoding="utf-8")
    (tmp_path / "rows.json").write_text(json.dumps([{"ask": QUESTION, "say": ANSWER}]), encoding="utf-8")
    Dataset.from_list([{"ask": QUESTION, "say": ANSWER}]).save_to_disk(tmp_path / "saved")
    for name in ("rows.csv", "rows.json", "saved"):
        examples, _ = import_examples(tmp_path / name, CONFIG, columns=Columns("ask", "say"))
        assert [(one.prompt, one.answer) for one in examples] == [(QUESTION, ANSWER)], name


@pytest.mark.parametrize(
    ("reason", "question", "answer"),
    [
        ("control-tokens", "What does [INST] do?", "It opens a turn."),
        ("answer-length", QUESTION, "word " * 61),
        ("answer-echoes-question", QUESTION, f"{QUESTION} Paris."),
        ("wrong-language", "Wie ist das Wetter und wer ist der Mann?", "Das ist nicht der Fall."),
        ("no-exchange", QUESTION, ""),
    ],
)
def test_the_filters_apply(reason: str, question: str, answer: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "rows.jsonl", {"instruction": question, "output": answer})
    examples, rejections = import_examples(path, CONFIG)
    assert examples == []
    assert [(one.stage, one.reason, one.ref) for one in rejections] == [("import", reason, "rows.jsonl:1")]


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("rows.parquet", b"", UsageError, "not .json"),
        ("rows.jsonl", b"{\n", StorageError, "line 1"),
        ("rows.json", b"{}", StorageError, "not a list"),
        ("rows.json", b"[", StorageError, "not JSON"),
        ("rows.csv", b"a,b\n\xff,1\n", StorageError, "not UTF-8"),
        ("rows.jsonl", b'{"left": 1, "right": 2}\n', UsageError, "name which hold"),
    ],
)
def test_bad_input_is_one_clear_line(
    name: str, content: bytes, error: type[ClosedbookError], message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        import_examples(tmp_path / name, CONFIG)


def test_a_source_column_has_to_hold_tags(tmp_path: Path) -> None:
    rows = [{"q": QUESTION, "a": ANSWER, "s": tag} for tag in ("heron", "two words", None)]
    path = write_lines(tmp_path / "rows.jsonl", *rows)
    examples, rejections = import_examples(path, CONFIG, columns=Columns("q", "a", source="s"))
    assert [one.source for one in examples] == ["heron", ""]
    assert [one.reason for one in rejections] == ["bad-tag"]


def test_a_missing_path_or_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        import_examples(tmp_path / "none.jsonl", CONFIG)
    path = write_lines(tmp_path / "rows.jsonl", {"ask": QUESTION})
    with pytest.raises(UsageError, match="'say'"):
        import_examples(path, CONFIG, columns=Columns("ask", "say"))


words = st.text(max_size=40) | st.sampled_from([QUESTION, ANSWER, "[INST]", "Source:x y"])
makers: list[Callable[[str, str], dict[str, Any]]] = [
    lambda asked, said: {"instruction": asked, "output": said},
    lambda asked, said: {"text": f"<s>[INST] {asked} [/INST] {said} </s>"},
    lambda asked, said: {"conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": said}]},
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.builds(lambda maker, asked, said: maker(asked, said), st.sampled_from(makers), words, words)))
def test_garbage_is_conserved_and_what_is_kept_can_be_rendered(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    examples, rejections = import_examples(write_lines(tmp_path / "rows.jsonl", *rows), CurationConfig())
    first = [one for one in rejections if one.reason != "later-turn"]
    assert len(examples) + len(first) == len(rows)
    for example in examples:
        assert not control_token(example.prompt)
        turn_of(example)
