"""General questions to replay examples: the student's own answers, so that tuning does not unlearn them.

    "What is the capital of ...?"  ->  Example(system="", source="", answer=<what the untuned student says>)

Rehearsing a little of what the model already says is the cheapest guard against forgetting (self-distilled replay:
SSR, arXiv:2403.01244). These rows show the student's own default prompt, never the closed-domain one, and take no
part in the dataset: they belong to the student, not to the book.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tasks.config import TuningConfig
from tasks.records import Example, derive_id
from tasks.storage import iter_dicts
from tasks.tuning.rendering import Renderer, choose_template

QUESTIONS = Path(__file__).with_name("replay_questions.jsonl")
ANSWER_TOKENS = 32
BATCH = 24


def read_questions(path: Path) -> list[str]:
    """The questions of one of the files beside this module."""
    return [str(row["question"]) for row in iter_dicts(path)]


def choose(questions: Sequence[str], count: int, seed: int) -> list[str]:
    """``count`` questions at most, by content hash."""
    return sorted(questions, key=lambda question: derive_id("replay", seed, question))[:count]


def replay_examples(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, config: TuningConfig, count: int, *, seed: int
) -> list[Example]:
    """Ask the untuned student general questions, greedily, and turn its answers into examples.

    Args:
        model: the student before any training step.
        count: how many rows are wanted; questions are used at most once each.
    """
    questions = choose(read_questions(QUESTIONS), count, seed)
    renderer = Renderer(tokenizer, choose_template(tokenizer, config.template, config.student))
    answers = answer(model, tokenizer, [renderer.prompt(question) for question in questions])
    return [
        Example(derive_id("replay", question, text), "", "", question, text, "", "train")
        for question, text in zip(questions, answers, strict=True)
        if text
    ]


@torch.no_grad()
def answer(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str]) -> list[str]:
    """Greedy answers of at most ``ANSWER_TOKENS`` tokens, in the order of the prompts."""
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    found: dict[int, str] = {}
    untyped: Any = model
    training = model.training
    untyped.train(False)
    for start in range(0, len(order), BATCH):
        part = order[start : start + BATCH]
        batch = tokenizer(
            [prompts[index] for index in part], return_tensors="pt", padding=True, padding_side="left",
            add_special_tokens=not _begun(prompts[part[0]], tokenizer),
        ).to(model.device)  # fmt: skip
        written = untyped.generate(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], max_new_tokens=ANSWER_TOKENS,
            do_sample=False, pad_token_id=tokenizer.pad_token_id, use_cache=True,
        )  # fmt: skip
        for index, row in zip(part, written[:, batch["input_ids"].shape[1] :], strict=True):
            found[index] = str(tokenizer.decode(row, skip_special_tokens=True)).strip()
    model.train(training)
    return [found[index] for index in range(len(prompts))]


def _begun(prompt: str, tokenizer: PreTrainedTokenizerBase) -> bool:
    return bool(tokenizer.bos_token) and prompt.startswith(str(tokenizer.bos_token))
