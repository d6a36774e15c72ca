"""Prompts to tokens in three ways: a bare loop on the engine, the pipeline, and one window at a time; and their clocks.

bare(generator, requests, config)            one call of the engine for each kind of prompt    (tokens, seconds)
piped(requests, config)                      Prefect's tasks, batches, records and checks      (drafts, seconds)
one_at_a_time(windows, config, …)            the loop of the field's tutorials                 tokens a second
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from prefect import flow
from prefect.settings import PREFECT_RESULTS_LOCAL_STORAGE_PATH, temporary_settings
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from flows.generate import Drafts, complete
from tasks.config import Config
from tasks.embedded import embedded_student
from tasks.generation.drafting import Request
from tasks.generation.generators import Sampling
from tasks.generation.prompts import TEMPLATES
from tasks.generation.transformer import TransformersGenerator
from tasks.records import Chunk, derive_id

ASKED_OF_A_WINDOW = (
    "Write question and answer pairs about the following passage. Begin each question with 'Question:' and each "
    "answer with 'Answer:'.\n\n{passage}"
)


@contextmanager
def clocked(generator: TransformersGenerator, spent: dict[str, float]) -> Iterator[None]:
    """Add up the seconds inside ``generate`` and ``score``, and the tokens that the model is given to read."""

    def watched(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            started = time.perf_counter()
            result = work(*arguments)
            spent[name] += time.perf_counter() - started
            return result

        return run

    def count(_: object, arguments: tuple[torch.Tensor, ...]) -> None:
        spent["read"] += arguments[0].numel()

    hook = generator.model.register_forward_pre_hook(count)
    generator.generate, generator.score = (  # type: ignore[method-assign]
        watched("generate", generator.generate),
        watched("score", generator.score),
    )
    try:
        yield
    finally:
        del generator.generate, generator.score
        hook.remove()


def bare(generator: TransformersGenerator, requests: Sequence[Request], config: Config) -> tuple[int, float]:
    """Generate for all requests in one call a kind; return tokens and seconds."""
    wanted, before, started = config.generation, generator.tokens_generated, time.perf_counter()
    for kind, template in TEMPLATES.items():
        batch = [request for request in requests if request.kind == kind]
        seeds = [int(derive_id("seed", config.seed, request.id)[:8], 16) for request in batch]
        sampling = Sampling(wanted.temperature, wanted.top_p, wanted.max_tokens, config.seed, template.stop)
        if batch:
            generator.generate([request.prompt for request in batch], sampling, seeds)
    return generator.tokens_generated - before, time.perf_counter() - started


def piped(batches: Sequence[Sequence[Request]], config: Config) -> tuple[Drafts, float]:
    """Let the pipeline do the same in a flow, with nothing kept from before; return its drafts and seconds."""
    drafts = Drafts()

    @flow
    def generate_only() -> None:
        complete(batches, config, drafts)

    with (
        tempfile.TemporaryDirectory() as folder,
        temporary_settings({PREFECT_RESULTS_LOCAL_STORAGE_PATH: Path(folder)}),
    ):
        started = time.perf_counter()
        generate_only()
        return drafts, time.perf_counter() - started


def one_at_a_time(windows: Sequence[Chunk], config: Config, *, four_bits: bool) -> float:
    """The loop of the tutorials: a window, a prompt, ``model.generate``; return tokens a second."""
    name = str(embedded_student())
    tokenizer = AutoTokenizer.from_pretrained(name)
    precise = torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
    packed = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=precise
    )
    options = {"quantization_config": packed} if four_bits else {}
    model = AutoModelForCausalLM.from_pretrained(name, dtype=precise, **options)
    model.train(False)
    torch.manual_seed(config.seed)
    written, started = 0, time.perf_counter()
    for window in windows:
        said = [{"role": "user", "content": ASKED_OF_A_WINDOW.format(passage=window.text)}]
        prompt = tokenizer.apply_chat_template(said, add_generation_prompt=True, return_tensors="pt")
        output = model.generate(
            **prompt, do_sample=True, temperature=config.generation.temperature, top_p=config.generation.top_p,
            max_new_tokens=192, pad_token_id=tokenizer.eos_token_id,
        )  # fmt: skip
        written += output.shape[1] - prompt["input_ids"].shape[1]
    return written / (time.perf_counter() - started)
