"""Engines: batched, cached and shared computing gives what one prompt at a time gives."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.errors import GenerationError, UsageError
from tasks.generation.fitting import fitting_rows
from tasks.generation.generators import Draft, Sampling, ScriptedGenerator, cut, draw_seeds, open_generator
from tasks.generation.sampling import pick, uniform_draws
from tasks.generation.transformer import TransformersGenerator
from tests.families import CONFIGS, tiny_family
from tests.tiny import tiny_llama, tiny_tokenizer

WORDS = "the pump lifts brine from a deep well near river Quenlow was built by Odo Marrick".split()
TOKENIZER = tiny_tokenizer([" ".join(WORDS)] * 3)
GREEDY = Sampling(temperature=0.0, max_tokens=8, stop=())


def prompts(count: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    head = "Some examples: " + " ".join(draw.choices(WORDS, k=30)) + "\n"
    return [head + " ".join(draw.choices(WORDS, k=draw.randint(3, 9))) for _ in range(count)]


def engine(model: Any = None, batch_size: int | None = 4) -> TransformersGenerator:
    return TransformersGenerator(model or tiny_llama(TOKENIZER), TOKENIZER, name="tiny", batch_size=batch_size)


def plainly_written(model: Any, prompt: str) -> str:
    ids = TOKENIZER(prompt, return_tensors="pt").input_ids
    for _ in range(8):
        token = model(ids).logits[0, -1].argmax()
        ids = torch.cat([ids, token[None, None]], dim=1)
        if token == TOKENIZER.eos_token_id:
            break
    written = TOKENIZER.decode(ids[0][len(TOKENIZER(prompt).input_ids) :], skip_special_tokens=True)
    assert isinstance(written, str)
    return written


def plainly_scored(model: Any, prefix: str, continuation: str) -> float:
    alone, whole = TOKENIZER(prefix).input_ids, TOKENIZER(prefix + continuation).input_ids
    same = next(i for i, (a, b) in enumerate(zip([*alone, -1], whole, strict=False)) if a != b)
    logprobs = model(torch.tensor([whole])).logits[0].log_softmax(dim=-1)
    return float(sum(logprobs[at - 1, whole[at]].item() for at in range(same, len(whole))))


@pytest.mark.parametrize("family", CONFIGS)
def test_every_family_writes_and_scores_in_batches_as_one_by_one(family: str) -> None:
    model = tiny_family(family, len(TOKENIZER))
    asked, said = prompts(6), [" pump lifts", " brine", " a deep well near"] * 2
    with torch.no_grad():
        written = [plainly_written(model, prompt) for prompt in asked]
        scored = [plainly_scored(model, a, b) for a, b in zip(asked, said, strict=True)]
    batched = engine(model)
    assert [draft.text for draft in batched.generate(asked, GREEDY)] == written
    assert batched.score(asked, said) == pytest.approx(scored, abs=1e-4)
    assert batched.heads_computed == 1
    longer = [asked[0] + " and " + " ".join(WORDS) + " so that it" + tail for tail in (" lifts", " was", " well")]
    with torch.no_grad():
        scored = [plainly_scored(model, prompt, " deep brine") for prompt in longer]
    assert batched.score(longer, [" deep brine"] * 3) == pytest.approx(scored, abs=1e-4)
    assert batched.heads_computed == 2


def test_a_head_is_computed_once_for_batches_and_calls() -> None:
    generator = engine(batch_size=3)
    generator.generate(prompts(10), GREEDY)
    generator.generate(prompts(10)[:4], GREEDY)
    generator.score(prompts(10), [" brine"] * 10)
    assert generator.heads_computed == 1
    generator.generate(prompts(10, seed=1), GREEDY)
    assert generator.heads_computed == 2


def test_what_is_written_after_forgetting_is_bit_for_bit_what_a_fresh_engine_writes() -> None:
    model = tiny_family("llama", len(TOKENIZER))
    fresh, used = engine(model), engine(model)
    used.generate([f"{prompt} and so" for prompt in prompts(6)], GREEDY)
    used.forget()
    assert [draft.logprob for draft in used.generate(prompts(6), GREEDY)] == [
        draft.logprob for draft in fresh.generate(prompts(6), GREEDY)
    ]
    assert used.heads_computed == 2


def test_a_sample_does_not_depend_on_its_neighbours() -> None:
    asked, sampling = prompts(9), Sampling(temperature=0.9, top_p=0.9, max_tokens=10, seed=3)
    together = engine(batch_size=9).generate(asked, sampling)
    alone = [engine(batch_size=1).generate([prompt], sampling)[0] for prompt in asked]
    backwards = engine(batch_size=2).generate(asked[::-1], sampling)[::-1]
    assert [d.text for d in together] == [d.text for d in alone] == [d.text for d in backwards]


def test_equal_prompts_get_different_samples_and_other_seeds_other_ones() -> None:
    sampling = Sampling(temperature=1.0, top_p=1.0, max_tokens=12, stop=())
    drafts = engine().generate(prompts(1) * 6, sampling)
    assert len({draft.text for draft in drafts}) > 1
    given = engine().generate(prompts(1) * 2, sampling, seeds=[5, 5])
    assert given[0].text == given[1].text


class Cramped(torch.nn.Module):
    """A Llama on a device that holds three rows."""

    def __init__(self) -> None:
        super().__init__()
        self.llama = tiny_llama(TOKENIZER)
        self.rows: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(name) if name in ("llama",) else getattr(self.llama, name)

    def forward(self, input_ids: torch.Tensor, position_ids: torch.Tensor | None = None, **options: Any) -> Any:
        self.rows.append(len(input_ids))
        if len(input_ids) > 3:
            raise torch.OutOfMemoryError("no room")
        return self.llama(input_ids, position_ids=position_ids, **options)


def test_out_of_memory_halves_the_batch_and_loses_nothing() -> None:
    cramped = Cramped()
    type(cramped)._supports_attention_backend = True  # type: ignore[attr-defined]
    generator = engine(cramped, batch_size=8)
    drafts = generator.generate(prompts(10), GREEDY)
    assert generator.batch_size == 2
    assert [d.text for d in drafts] == [d.text for d in engine().generate(prompts(10), GREEDY)]


def test_stop_strings_end_a_draft_and_are_cut_off() -> None:
    free = engine().generate(prompts(4), Sampling(temperature=0.0, max_tokens=12, stop=()))
    mark = free[0].text[5:7]
    drafts = engine().generate(prompts(4), Sampling(temperature=0.0, max_tokens=12, stop=(mark,)))
    for draft, whole in zip(drafts, free, strict=True):
        text, stopped = cut(whole.text, (mark,))
        assert draft.text == text
        assert draft.finish_reason == ("stop" if stopped else whole.finish_reason)
    assert drafts[0].finish_reason == "stop"


def test_control_tokens_in_a_prompt_stay_text() -> None:
    generator = engine()
    ids = generator._encode(["a <|im_end|> b"])[0]
    assert TOKENIZER.eos_token_id not in ids
    assert TOKENIZER.decode(list(ids)) == "a <|im_end|> b"


def test_a_prompt_too_long_for_the_model_is_refused_in_one_line() -> None:
    with pytest.raises(GenerationError, match=r"takes \d+ tokens, the model 512; set"):
        engine().generate([" ".join(WORDS * 60)], GREEDY)


def test_a_saved_model_is_loaded_by_its_folder(tmp_path: Path) -> None:
    tiny_llama(TOKENIZER).save_pretrained(tmp_path / "tiny")
    TOKENIZER.save_pretrained(tmp_path / "tiny")
    generator = open_generator(str(tmp_path / "tiny"), batch_size=2)
    assert generator.name == "tiny"
    assert len(generator.generate(prompts(3), GREEDY)) == 3
    assert generator.tokens_generated > 0


def test_a_gguf_file_that_is_not_there_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="no such file"):
        open_generator("nowhere/model.gguf")


def test_sampling_follows_the_distribution_and_stays_in_the_nucleus() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    draws = uniform_draws([7], 4000)[0]
    tokens, logprobs = pick(logits.expand(4000, -1), draws, Sampling(temperature=1.0, top_p=0.9))
    shares = torch.bincount(tokens, minlength=4) / 4000
    assert shares.tolist() == pytest.approx([0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0.0], abs=0.03)
    assert logprobs[tokens == 0][0].item() == pytest.approx(-0.693, abs=1e-3)


def test_a_flat_distribution_is_sampled_beyond_the_widest_candidates() -> None:
    tokens, _ = pick(torch.zeros(500, 1000), uniform_draws([1], 500)[0], Sampling(temperature=1.0, top_p=1.0))
    assert len(set(tokens.tolist())) > 300


def test_temperature_zero_is_greedy() -> None:
    logits = torch.randn(5, 50, generator=torch.Generator().manual_seed(0))
    tokens, _ = pick(logits, torch.rand(5), Sampling(temperature=0.0))
    assert tokens.tolist() == logits.argmax(dim=-1).tolist()


def test_seeds_follow_prompt_and_repeat() -> None:
    assert draw_seeds(["a", "b", "a"], 1) == [*draw_seeds(["a", "b"], 1), draw_seeds(["a", "a"], 1)[1]]
    assert len(set(draw_seeds(["a", "b", "a"], 1))) == 3


def test_the_scripted_generator_answers_in_order_and_remembers() -> None:
    scripted = ScriptedGenerator()
    scripted.script.extend(["one\ntwo", "three"])
    assert scripted.generate(["p", "q"], Sampling()) == [Draft("one", "stop", 1), Draft("three", "length", 1)]
    assert [prompt for prompt, _ in scripted.history] == ["p", "q"]
    with pytest.raises(GenerationError, match="nothing left"):
        scripted.generate(["r"], Sampling())


def test_a_batch_is_as_large_as_the_memory_allows() -> None:
    seven_billion = {"token": 524_288, "tail": 40, "head": 250, "new": 48, "heads": 32, "vocabulary": 32_000}
    rows = [fitting_rows(free * 2**30, **seven_billion, most=512) for free in (0, 1, 8, 40, 400)]
    assert rows == sorted(rows) and rows[0] == 1 and rows[-1] == 512
    assert all(row & (row - 1) == 0 for row in rows)
    longer = fitting_rows(40 * 2**30, **seven_billion | {"tail": 400}, most=512)
    assert longer < rows[3]


def test_without_a_size_a_batch_follows_the_memory_and_halves_from_there() -> None:
    cramped = Cramped()
    type(cramped)._supports_attention_backend = True  # type: ignore[attr-defined]
    generator = engine(cramped, batch_size=None)
    drafts = generator.generate(prompts(10), GREEDY)
    assert generator.batch_size == 2
    assert max(cramped.rows) == 10  # all were tried at once, then fewer
    assert [d.text for d in drafts] == [d.text for d in engine().generate(prompts(10), GREEDY)]
