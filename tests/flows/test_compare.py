"""Several students on one dataset, with real tiny models of different families."""

import json
from pathlib import Path

import pytest

from flows.compare import compare, comparison_config, named, read_questions
from tasks.config import Config
from tasks.errors import ModelError, UnusableResult, UsageError
from tests.families import write_family
from tests.flows.conftest import TEXT

SETTINGS = {
    "generation.generator": "none", "tuning.epochs": 0.2, "tuning.max_length": 500, "tuning.replay_share": 0.0,
    "tuning.rank": 4, "tuning.statements": 0, "tuning.question_dropout": 0.0, "probing.max_new_tokens": 2,
    "probing.drawn": 1, "probing.recitals": 0, "generation.forms_per_fact": 2, "split.valid": 0.2,
}  # fmt: skip


@pytest.fixture
def config() -> Config:
    """Make everything tiny."""
    return Config.build("quick", [f"{name}={json.dumps(value)}" for name, value in SETTINGS.items()])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Write the text."""
    (tmp_path / "tolvash.txt").write_text(TEXT)
    return tmp_path / "tolvash.txt"


def test_students_of_two_families_stand_side_by_side(
    prefect: Path, corpus: Path, config: Config, tmp_path: Path
) -> None:
    first, second = (write_family(family, tmp_path / family, [TEXT]) for family in ("qwen2", "gpt2"))
    questions = tmp_path / "questions.txt"
    questions.write_text("Who rings the bell?\n\nWhat <b>is</b> the *Badger*?\n")
    out = tmp_path / "out"
    with pytest.raises(UnusableResult, match=r"1 of 3 students failed.*weights are damaged") as caught:
        compare(corpus, [first, broken(tmp_path), second], out, config, questions)
    assert "\n" not in str(caught.value)
    found = json.loads((out / "compare.json").read_text())
    assert [bool(student["error"]) for student in found["students"]] == [False, True, False]
    assert "failed: " in (out / "compare.html").read_text() and "failed: " in (out / "compare.md").read_text()
    trained = {path: path.stat().st_mtime_ns for path in out.glob("*/adapter/adapter_model.safetensors")}
    page = compare(corpus, [first, second], out, config, questions)
    assert {path: path.stat().st_mtime_ns for path in trained} == trained  # what is done is not done again

    found = json.loads((out / "compare.json").read_text())
    assert [student["name"] for student in found["students"]] == [first, second]
    for student in found["students"]:
        run = out / student["folder"]
        assert (run / "manifest.json").is_file() and (run / "adapter" / "adapter_model.safetensors").is_file()
        assert (run / "train.jsonl").read_bytes() == (out / "dataset" / "train.jsonl").read_bytes()
        training = student["training"]
        assert 0 < training["trainable"] < training["weights"]
        assert training["seconds"] > 0 and training["tokens_per_second"] > 0 and training["memory_mb"] > 100
        assert student["curves"][0]["loss"] > 0
        for text in ("held_out", "general"):
            for model in ("base", "tuned"):
                assert student[text][model]["perplexity"] > 1 and student[text][model]["bits"] > 0
    assert found["pairs"][0]["n"] > 50 and 0 < found["pairs"][0]["p"] <= 1
    assert [row["question"] for row in found["answers"]] == ["Who rings the bell?", "What <b>is</b> the *Badger*?"]
    assert all(set(row["answers"]) == {first, second} for row in found["answers"])
    assert "What &lt;b&gt;is&lt;/b&gt; the *Badger*?" in page.read_text() and "<script" not in page.read_text()
    assert r"What \<b\>is\</b\> the \*Badger\*?" in (out / "compare.md").read_text()


def broken(folder: Path) -> str:
    """Write a model whose weights are cut off in the middle."""
    name = write_family("opt", folder / "opt", [TEXT])
    weights = folder / "opt" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    return name


def test_a_student_that_is_not_there_is_told_before_anything_is_made(
    corpus: Path, config: Config, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="nowhere: "):
        compare.fn(corpus, ["embedded", "nowhere"], tmp_path / "out", config)
    assert not (tmp_path / "out").exists()


def test_each_student_gets_a_folder_of_its_own() -> None:
    assert named(["embedded", "a/Llama-2-7b-hf", "b/llama-2-7b-hf", "/dataset"]) == {
        "embedded": "embedded",
        "a/Llama-2-7b-hf": "llama-2-7b-hf",
        "b/llama-2-7b-hf": "llama-2-7b-hf-2",
        "/dataset": "dataset-2",
    }


@pytest.mark.parametrize("students", [["embedded"], ["a", "a"], [""]])
def test_fewer_than_two_students_are_no_comparison(students: list[str]) -> None:
    with pytest.raises(UsageError, match="name two or more"):
        named(students)


def test_questions_come_a_line_each_or_as_probes(tmp_path: Path) -> None:
    (tmp_path / "q.txt").write_text("Who?\n\n Who? \nWhat?\n")
    assert [(item.question, item.accepted) for item in read_questions(tmp_path / "q.txt")] == [
        ("Who?", ()),
        ("What?", ()),
    ]
    (tmp_path / "q.jsonl").write_text('{"question": "Who?", "accepted": ["Odo"]}\n')
    assert read_questions(tmp_path / "q.jsonl")[0].accepted == ("Odo",)
    (tmp_path / "empty.txt").write_text("\n")
    for name in ("empty.txt", "missing.txt"):
        with pytest.raises(UsageError, match=name):
            read_questions(tmp_path / name)


def test_settings_of_a_run_that_lends_its_dataset_hold_unless_changed(tmp_path: Path) -> None:
    from flows.run_folder import begin

    lent = Config.build("full", ["seed=3", "tuning.system=Only the book.", "probing.drawn=5"])
    begin(tmp_path / "text.txt", tmp_path / "run", lent)
    (tmp_path / "run" / "train.jsonl").write_text("")
    assert comparison_config(tmp_path / "run", "quick", []) == lent
    changed = comparison_config(tmp_path / "run", "quick", ["probing.drawn=7"])
    assert changed.probing.drawn == 7 and changed.tuning.system == "Only the book."
