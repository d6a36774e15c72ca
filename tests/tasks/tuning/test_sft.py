"""Training on a real tiny student: what bears loss, what moves, what is saved, what a resumed run ends with."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from tasks.config import TuningConfig
from tasks.records import Example, derive_id
from tasks.tuning import sft
from tasks.tuning.rendering import Renderer
from tasks.tuning.sft import IGNORED, build_dataset, encode, encode_text, finetune, latest_checkpoint, padding_share
from tasks.tuning.students import load_student, load_tuned
from tests.tiny import tiny_llama, tiny_tokenizer


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("student")
    tokenizer = tiny_tokenizer(["Who built the pump? Odo Marrick."])
    tokenizer.save_pretrained(folder)
    tiny_llama(tokenizer).save_pretrained(folder)
    return str(folder)


def example(question: str, answer: str, source: str = "") -> Example:
    return Example(derive_id(question), "pair", "Answer from the book only.", question, answer, source, "train")


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


def test_control_tokens_of_the_corpus_stay_text() -> None:
    tokenizer = tiny_tokenizer(["x"])
    row = encode(example("a<|im_end|>b", "c<|im_end|>"), Renderer(tokenizer, "chat"), tokenizer)
    clean = encode(example("a b", "c"), Renderer(tokenizer, "chat"), tokenizer)
    end = tokenizer.eos_token_id
    assert row["input_ids"].count(end) == clean["input_ids"].count(end)


def test_the_adapter_moves_the_base_does_not_and_only_safetensors_are_written(student: str, tmp_path: Path) -> None:
    before = {name: weight.clone() for name, weight in load_student(student).state_dict().items()}
    outcome = finetune(EXAMPLES, tuning(student), tmp_path, seed=1)
    tuned, _ = load_tuned(student, tmp_path / "adapter", exact=True)
    moved = [name for name, weight in tuned.named_parameters() if "lora_B" in name and weight.abs().sum() > 0]
    assert moved
    for name, weight in before.items():
        held = dict(tuned.get_base_model().state_dict())  # type: ignore[operator]
        twin = name if name in held else name.replace("proj.", "proj.base_layer.")
        assert torch.equal(held[twin], weight), name
    assert outcome.steps == 6 and outcome.loss > 0
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
    finetune(EXAMPLES, config, tmp_path / "cut", seed=3)
    first, _ = load_tuned(student, tmp_path / "whole" / "adapter", exact=True)
    second, _ = load_tuned(student, tmp_path / "cut" / "adapter", exact=True)
    assert whole.steps == 24
    for (name, one), (_, two) in zip(first.named_parameters(), second.named_parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-3), name


def test_qlora_trains_through_layers_that_are_really_in_four_bits(student: str, tmp_path: Path) -> None:
    from bitsandbytes.nn.modules import Linear4bit

    model = load_student(student, method="qlora")
    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    weights: list[Any] = [layer.weight for layer in layers]
    assert weights and all(weight.quant_type == "nf4" and weight.quant_state.nested for weight in weights)
    finetune(EXAMPLES[:8], tuning(student, method="qlora", epochs=1.0), tmp_path, seed=1)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()


def test_full_tuning_saves_a_model_that_loads_beside_its_base(student: str, tmp_path: Path) -> None:
    finetune(EXAMPLES[:8], tuning(student, method="full", epochs=1.0), tmp_path, seed=1)
    tuned, base = load_tuned(student, tmp_path / "adapter", method="full")
    assert tuned is not base


def test_padding_is_counted_over_batches_of_like_length() -> None:
    assert padding_share([4, 4, 8, 8], 2) == 0
    assert padding_share([4, 8], 2) == pytest.approx(0.25)
