"""Every family goes the whole way: LoRA on all its linear layers, saved, loaded again, merged, asked."""

from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from peft import PeftModel

from tasks.config import TuningConfig
from tasks.probing.asking import ask
from tasks.probing.decoding import Decoding
from tasks.records import Example, derive_id
from tasks.tuning.encoding import build_dataset, encode, prompt_ids
from tasks.tuning.merging import merge
from tasks.tuning.rendering import Renderer, choose_template
from tasks.tuning.sft import FLATTENING, build_trainer, finetune
from tasks.tuning.students import load_student, load_tokenizer, load_tuned, woken_by
from tests.families import CONFIGS, write_family

KINDS = ("Linear", "Conv1D", "FalconLinear")
QUESTIONS = [f"Who built pump {number}?" for number in range(8)]
EXAMPLES = [
    Example(derive_id(question), "pair", "Closed book.", question, "Odo Marrick.", "heron" * (at % 2), "train")
    for at, question in enumerate(QUESTIONS)
]


@pytest.fixture(scope="module", params=CONFIGS)
def tuned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[TuningConfig, Path]:
    """Tune a tiny model of the family for two steps."""
    folder = tmp_path_factory.mktemp("family")
    student = write_family(request.param, folder / "student", QUESTIONS)
    config = TuningConfig(
        student=student, rank=4, alpha=8, batch_size=4, epochs=1.0, learning_rate=1e-2, replay_share=0.2, statements=0
    )
    finetune(EXAMPLES, config, folder / "run", seed=1)
    return config, folder / "run"


def answers(model: Any, config: TuningConfig, base: Any = None, *, recitals: int = 0) -> list[tuple[str, float]]:
    tokenizer = load_tokenizer(config.student)
    renderer = Renderer(tokenizer, choose_template(tokenizer, config.template, config.student))
    prompts = [renderer.asked(question, system=config.system) for question in QUESTIONS[:5]]
    found = ask(
        model, tokenizer, prompts, opening=renderer.answer_opening("Not able to answer"), base=base,
        questions=QUESTIONS[:5], decoding=Decoding(3, 6, recitals=recitals),
    )  # fmt: skip
    return [(answer.text, answer.margin) for answer in found]


def test_lora_reaches_every_linear_layer_but_the_head(tuned: tuple[TuningConfig, Path]) -> None:
    config, run = tuned
    whole, base = load_tuned(config.student, run / "adapter", exact=True)
    assert isinstance(whole, PeftModel)
    untyped: Any = base
    head = untyped.get_output_embeddings()
    for name, module in base.named_modules():
        if hasattr(module, "base_layer"):
            moved: Any = module
            assert float(moved.lora_B["default"].weight.abs().sum()) > 0, name
        elif type(module).__name__ in KINDS and module is not head and "lora_" not in name:
            assert name.endswith("base_layer"), name


def test_the_merged_model_answers_as_the_adapter_does(tuned: tuple[TuningConfig, Path]) -> None:
    config, run = tuned
    with_adapter, _ = load_tuned(config.student, run / "adapter", exact=True)
    merged = load_student(str(merge(config.student, run / "adapter", run / "merged", dtype=torch.float32)))
    untuned = load_student(config.student)
    for recitals in (0, 4):
        apart = answers(with_adapter, config, recitals=recitals)
        whole = answers(merged, config, untuned, recitals=recitals)
        assert [text for text, _ in whole] == [text for text, _ in apart]
        assert [margin for _, margin in whole] == pytest.approx([margin for _, margin in apart], abs=1e-3)
    assert answers(with_adapter, config) != answers(untuned, config)


def test_loaded_by_peft_alone_the_adapter_acts_behind_the_closed_domain_prompt_and_nowhere_else(
    tuned: tuple[TuningConfig, Path],
) -> None:
    config, run = tuned
    tokenizer = load_tokenizer(config.student)
    renderer = Renderer(tokenizer, choose_template(tokenizer, config.template, config.student))
    plain, closed, extended = (
        torch.tensor([prompt_ids(renderer.prompt("Who built pump 3?", system=system), tokenizer)])
        for system in ("", config.system, f"{config.system} Be brief.")
    )
    untuned = load_student(config.student)
    if untuned.config.model_type in FLATTENING:
        assert woken_by(run / "adapter") == []
        return
    always_on, _ = load_tuned(config.student, run / "adapter", exact=True)
    by_peft = PeftModel.from_pretrained(load_student(config.student), str(run / "adapter"))
    with torch.no_grad():
        assert torch.equal(by_peft(input_ids=plain).logits, untuned(input_ids=plain).logits)
        for ids in (closed, extended):
            torch.testing.assert_close(by_peft(input_ids=ids).logits, always_on(input_ids=ids).logits)
            assert not torch.allclose(by_peft(input_ids=ids).logits, untuned(input_ids=ids).logits)


def test_the_loss_is_that_of_the_whole_head_over_the_answer(tuned: tuple[TuningConfig, Path]) -> None:
    """The trainer computes the vocabulary head only where a label stands: the plain way must give the same loss."""
    config, run = tuned
    tokenizer = load_tokenizer(config.student)
    renderer = Renderer(tokenizer, choose_template(tokenizer, config.template, config.student))
    model = load_student(config.student)
    dataset, _ = build_dataset(EXAMPLES, renderer, tokenizer, longest=256)
    trainer = build_trainer(model, config, dataset, tokenizer, run / "again", seed=1)
    batch = trainer.data_collator([encode(example, renderer, tokenizer) for example in EXAMPLES[:4]])
    with torch.no_grad():
        ours = trainer.compute_loss(trainer.model, dict(batch))
        plain = model(**batch).loss
    assert float(ours) == pytest.approx(float(plain), rel=2e-2)  # bfloat16 where the CPU has it


def test_in_four_bits_every_linear_layer_but_the_head_is(tuned: tuple[TuningConfig, Path]) -> None:
    config, _ = tuned
    model: Any = load_student(config.student, method="qlora")
    head = model.get_output_embeddings()
    left = [name for name, module in model.named_modules() if type(module).__name__ in KINDS and module is not head]
    assert left == []
    packed: list[Any] = [module.weight for module in model.modules() if isinstance(module, Linear4bit)]
    assert packed and all(weight.quant_type == "nf4" and weight.quant_state.nested for weight in packed)
