"""Training on a real tiny student: what bears loss, what moves, what is saved, what a resumed run ends with."""

from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from transformers import PreTrainedTokenizerFast, TrainerControl, TrainerState, TrainingArguments

from tasks.config import REPLAY, TuningConfig
from tasks.records import Example, derive_id
from tasks.storage import iter_dicts
from tasks.tuning import sft
from tasks.tuning.diary import Diary
from tasks.tuning.encoding import (
    IGNORED,
    build_dataset,
    encode,
    encode_text,
    invocation,
    padding_share,
    prompt_ids,
)
from tasks.tuning.pace import Pace
from tasks.tuning.rendering import Renderer
from tasks.tuning.sft import build_trainer, finetune, latest_checkpoint
from tasks.tuning.students import load_student, load_tokenizer, load_tuned, woken_by
from tests.tiny import tiny_llama, tiny_tokenizer


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("student")
    tokenizer = tiny_tokenizer(["Who built the pump? Odo Marrick."])
    tokenizer.save_pretrained(folder)
    tiny_llama(tokenizer).save_pretrained(folder)
    return str(folder)


def example(question: str, answer: str, source: str = "", system: str = "Closed book.") -> Example:
    return Example(derive_id(question), "pair", system, question, answer, source, "train")


EXAMPLES = [example(f"Who built pump {number}?", f"Smith {number}.", "heron" * (number % 2)) for number in range(24)]


def tuning(student: str, **values: object) -> TuningConfig:
    fixed = {"student": student, "rank": 4, "alpha": 8, "batch_size": 8, "epochs": 2.0, "replay_share": 0.0}
    return TuningConfig.model_validate(fixed | values)


@pytest.mark.parametrize(("style", "template"), [("chatml", "chat"), ("llama2", "llama2")])
def test_one_begin_token_prompt_masked_end_token_last(style: str, template: str) -> None:
    tokenizer: PreTrainedTokenizerFast = tiny_tokenizer(["Who built it?"], style=style)  # type: ignore[arg-type]
    row = encode(EXAMPLES[1], Renderer(tokenizer, template), tokenizer)  # type: ignore[arg-type]
    ids, labels = row["input_ids"], row["labels"]
    assert ids[0] == tokenizer.bos_token_id
    if style == "llama2":
        assert ids.count(tokenizer.bos_token_id) == 1
    assert ids[-1] == labels[-1] == tokenizer.eos_token_id
    borne = [token for token, label in zip(ids, labels, strict=True) if label != IGNORED]
    assert str(tokenizer.decode(borne[:-1])).strip().removeprefix("Source:heron ") == "Smith 1."
    masked = tokenizer.decode([t for t, label in zip(ids, labels, strict=True) if label == IGNORED])
    assert "Who built pump 1?" in masked and "Smith" not in masked


def test_statements_are_plain_text_with_loss_on_all_but_the_first_token() -> None:
    tokenizer = tiny_tokenizer(["Odo Marrick built the pump."])
    row = encode_text("Odo Marrick built the pump.<|im_end|>", tokenizer)
    assert row["labels"] == [IGNORED, *row["input_ids"][1:]]
    assert row["input_ids"].count(tokenizer.eos_token_id) == 1 and row["input_ids"][-1] == tokenizer.eos_token_id
    dataset, _ = build_dataset(EXAMPLES[:2], Renderer(tokenizer, "chat"), tokenizer, longest=256, texts=["a b", "c d"])
    assert len(dataset) == 4


def test_behind_an_invocation_a_statement_bears_loss_whole_and_the_invocation_none() -> None:
    tokenizer = tiny_tokenizer(["Odo Marrick built the pump."])
    woken_by = invocation(Renderer(tokenizer, "chat"), "Closed book.")
    assert tokenizer.decode(woken_by) == "<|im_start|>system\nClosed book."
    row = encode_text("Odo built it.", tokenizer, woken_by)
    assert row["input_ids"][: len(woken_by)] == woken_by and row["labels"][: len(woken_by)] == [IGNORED] * len(woken_by)
    assert tokenizer.decode(row["labels"][len(woken_by) :]) == "Odo built it.<|im_end|>"


@pytest.mark.parametrize("style", ["chatml", "llama2"])
def test_what_wakes_an_adapter_begins_every_closed_prompt_and_no_other(style: str) -> None:
    tokenizer: PreTrainedTokenizerFast = tiny_tokenizer(["Closed book. Who?"], style=style)  # type: ignore[arg-type]
    renderer = Renderer(tokenizer, "chat" if style == "chatml" else "llama2")
    woken_by = invocation(renderer, "Closed book.")
    assert "Closed book" in tokenizer.decode(woken_by)
    for source in ("", "heron"):
        ids = prompt_ids(renderer.prompt("Where is it?", source=source, system="Closed book."), tokenizer)
        assert ids[: len(woken_by)] == woken_by
    assert prompt_ids(renderer.prompt("Where is it?"), tokenizer)[: len(woken_by)] != woken_by
    assert invocation(renderer, "") == []


def test_an_adapter_that_is_always_on_has_no_invocation_and_replays(student: str, tmp_path: Path) -> None:
    for activated, replay in ((True, 0.0), (False, REPLAY)):
        config = tuning(student, activated=activated, replay_share=None, epochs=0.1)
        folder = tmp_path / str(activated)
        prepared = sft.prepare(EXAMPLES, config, folder, seed=1)
        assert config.replay(asleep=bool(prepared.woken_by)) == replay
        sft.save(prepared.trainer, folder / "adapter", prepared.woken_by)
        assert bool(woken_by(folder / "adapter")) is activated
    imported = [*EXAMPLES, example("Who sings?", "Ada.", system="")]
    assert sft.prepare(imported, tuning(student), tmp_path / "imported", seed=1).woken_by == []
    assert not tuning(student, method="full").sleeps and not tuning(student, system="").sleeps


def test_control_tokens_of_the_corpus_stay_text() -> None:
    tokenizer = tiny_tokenizer(["x"])
    row = encode(example("a<|im_end|>b", "c<|im_end|>"), Renderer(tokenizer, "chat"), tokenizer)
    clean = encode(example("a b", "c"), Renderer(tokenizer, "chat"), tokenizer)
    end = tokenizer.eos_token_id
    assert row["input_ids"].count(end) == clean["input_ids"].count(end)


def test_a_training_tells_how_long_its_longest_answer_is(student: str, tmp_path: Path) -> None:
    long = example("Who built the well?", "Odo Marrick built the well and the pump and the house beside them.")
    outcome = finetune([*EXAMPLES, long], tuning(student, epochs=0.1), tmp_path, seed=1)
    tokenizer = load_tokenizer(student)
    assert outcome.longest == len(tokenizer(long.answer, add_special_tokens=False)["input_ids"]) + 1


def test_a_training_writes_an_adapter_in_safetensors_and_nothing_pickled(student: str, tmp_path: Path) -> None:
    outcome = finetune(EXAMPLES, tuning(student), tmp_path, seed=1)
    tuned, _ = load_tuned(student, tmp_path / "adapter", exact=True)
    assert all(float(weight.abs().sum()) > 0 for name, weight in tuned.named_parameters() if "lora_B" in name)
    assert outcome.steps == 6 and outcome.loss > 0
    assert outcome.trainable == sum(w.numel() for name, w in tuned.named_parameters() if "lora_" in name)
    assert outcome.weights == sum(weight.numel() for weight in tuned.parameters())
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    assert not [path for path in (tmp_path / "adapter").iterdir() if path.suffix in (".bin", ".pt", ".pkl")]


def test_training_lowers_the_loss(student: str, tmp_path: Path) -> None:
    seen: list[float] = []
    config = tuning(student, epochs=20.0, learning_rate=1e-2)
    finetune(EXAMPLES, config, tmp_path, seed=1, report=lambda step: seen.append(step.loss))
    assert seen[-1] < 0.9 * seen[0]


def test_a_training_out_of_time_ends_with_its_learning_rate_run_down(
    student: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sft, "LOG_EVERY", 1)
    rates: list[float] = []
    config = tuning(student, epochs=10_000.0, minutes=0.03, question_dropout=0.0)
    outcome = finetune(EXAMPLES, config, tmp_path, seed=1, report=lambda step: rates.append(step.learning_rate))
    assert 0 < outcome.steps < 30_000 and outcome.seconds < 30
    assert rates[-1] < 0.5 * max(rates)


def test_tokens_are_those_that_were_read(student: str, tmp_path: Path) -> None:
    examples = [*EXAMPLES[:15], example(f"{'Who built ' * 58}it?", "Smith.")]
    outcome = finetune(examples, tuning(student, question_dropout=0.0, epochs=0.5), tmp_path, seed=1)
    renderer = Renderer(load_tokenizer(student), "chat")
    *short, long = [len(encode(one, renderer, renderer.tokenizer)["input_ids"]) for one in examples]
    assert outcome.steps == 1
    least, most = 8 * min(short), 8 * max(short)
    step = outcome.tokens - long if outcome.tokens > most else outcome.tokens
    assert least - max(short) <= step <= most  # eight rows, the long one among them or not: not eight of mean length


def test_a_steps_speed_is_that_of_the_tokens_it_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([0.0, 0.0, 2.0, 4.0])
    monkeypatch.setattr("tasks.tuning.diary.time.monotonic", lambda: next(seconds))
    pace = Pace(60.0, clock=lambda: 0.0)
    pace.progress = 0.5
    diary = Diary(pace, tmp_path / "diary.jsonl", None)
    arguments, control = TrainingArguments(output_dir=str(tmp_path)), TrainerControl()
    diary.on_train_begin(arguments, TrainerState(), control)
    for step, seen in ((1, 600), (2, 900)):
        state = TrainerState(global_step=step, num_input_tokens_seen=seen)
        diary.on_log(arguments, state, control, {"loss": 1.0})
    assert [row["tokens_per_second"] for row in diary.rows] == [300.0, 150.0]


def test_a_killed_training_goes_on_from_its_checkpoint_and_ends_the_same(student: str, tmp_path: Path) -> None:
    config = tuning(student, epochs=8.0)

    class Killed(Exception):
        pass

    def kill(step: object) -> None:
        if step.step >= 20:  # type: ignore[attr-defined]
            raise Killed

    whole = finetune(EXAMPLES, config, tmp_path / "whole", seed=3)
    with pytest.raises(Killed):
        finetune(EXAMPLES, config, tmp_path / "cut", seed=3, report=kill)
    assert latest_checkpoint(tmp_path / "cut") is not None
    resumed = finetune(EXAMPLES, config, tmp_path / "cut", seed=3)
    rows, whole_rows = (list(iter_dicts(tmp_path / way / "training.jsonl")) for way in ("cut", "whole"))
    assert [row["step"] for row in rows] == [row["step"] for row in whole_rows]
    assert [row["loss"] for row in rows] == pytest.approx([row["loss"] for row in whole_rows], abs=1e-3)
    assert resumed.loss == pytest.approx(whole.loss, abs=1e-3)
    assert resumed.tokens == whole.tokens and resumed.final_loss == pytest.approx(whole.final_loss, abs=1e-3)
    first, _ = load_tuned(student, tmp_path / "whole" / "adapter", exact=True)
    second, _ = load_tuned(student, tmp_path / "cut" / "adapter", exact=True)
    assert whole.steps == 24
    for (name, one), (_, two) in zip(first.named_parameters(), second.named_parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-3), name


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_training_moves_the_adapter_and_no_bit_of_the_base(student: str, tmp_path: Path, method: str) -> None:
    config = tuning(student, method=method, epochs=4.0, activation_checkpointing=True)
    tokenizer = load_tokenizer(student)
    dataset, _ = build_dataset(EXAMPLES[:8], Renderer(tokenizer, "chat"), tokenizer, longest=256)
    trainer = build_trainer(load_student(student, method=method), config, dataset, tokenizer, tmp_path, seed=1)
    model: Any = trainer.model
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    trainer.train()
    for name, weight in model.named_parameters():
        assert weight.requires_grad == ("lora_" in name), name
        assert torch.equal(weight, before[name]) == ("lora_" not in name), name
    packed = [module for module in model.modules() if isinstance(module, Linear4bit)]
    assert len(packed) == (14 if method == "qlora" else 0)  # seven in each of two layers; the head is not packed


@pytest.mark.parametrize(("method", "rates"), [("lora", {"lora_A": 0.01, "lora_B": 0.04}), ("full", {"": 0.01})])
def test_b_matrices_learn_at_a_multiple_of_the_rate(
    student: str, tmp_path: Path, method: str, rates: dict[str, float]
) -> None:
    config = tuning(student, method=method, learning_rate=0.01, loraplus_lr_ratio=4.0)
    tokenizer = load_tokenizer(student)
    dataset, _ = build_dataset(EXAMPLES[:8], Renderer(tokenizer, "chat"), tokenizer, longest=256)
    trainer = build_trainer(load_student(student, method=method), config, dataset, tokenizer, tmp_path, seed=1)
    model: Any = trainer.model
    optimiser = trainer.create_optimizer()
    found = {id(weight): group["lr"] for group in optimiser.param_groups for weight in group["params"]}
    expected = {
        id(weight): next(rate for part, rate in rates.items() if part in name)
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }
    assert found == expected
    assert optimiser.defaults["betas"] == (0.9, 0.99)


def test_asking_a_model_in_four_bits_leaves_its_gradients_as_they_were(student: str) -> None:
    ids = torch.tensor([[5, 6, 7, 8]])
    gradients = []
    for asked_first in (False, True):
        model = load_student(student, method="qlora")
        if asked_first:
            model.train(False)
            with torch.no_grad():
                model(ids)
        model.train(True)
        embedded = model.get_input_embeddings()(ids).detach().requires_grad_()
        model(inputs_embeds=embedded, labels=ids).loss.backward()
        assert embedded.grad is not None
        gradients.append(embedded.grad)
    assert torch.equal(*gradients)


def test_full_tuning_saves_a_model_that_loads_beside_its_base(student: str, tmp_path: Path) -> None:
    finetune(EXAMPLES[:8], tuning(student, method="full", epochs=1.0), tmp_path, seed=1)
    tuned, base = load_tuned(student, tmp_path / "adapter", method="full")
    assert tuned is not base


def test_padding_is_counted_over_batches_of_like_length() -> None:
    assert padding_share([4, 4, 8, 8], 2) == 0
    assert padding_share([4, 8], 2) == pytest.approx(0.25)
