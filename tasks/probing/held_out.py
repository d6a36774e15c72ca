"""Examples that were held out of training to how surprised a student is by their answers.

    valid.jsonl  ->  HeldOut(perplexity=Figure(3.1, n=1204, 2.9, 3.4), bits_per_byte=0.41)

Perplexity is a figure by token, and students of different families cut a text into different tokens: two of them are
compared by bits per byte of the answers, which no tokenizer moves (Gao et al. 2020, arXiv:2101.00027, sec. 3.1).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from tasks.probing.asking import perplexity_of
from tasks.probing.decoding import batches, device_of, evaluating
from tasks.probing.metrics import Figure
from tasks.records import Example
from tasks.tuning.encoding import IGNORED, encode
from tasks.tuning.rendering import Renderer


class HeldOut(NamedTuple):
    """Perplexity by token of the answers, their end tokens among them, and bits per byte of the answers' text."""

    perplexity: Figure
    bits_per_byte: float


def held_out(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    renderer: Renderer,
    examples: Sequence[Example],
    *,
    batch_size: int = 16,
) -> HeldOut:
    """Read the answers of examples behind their questions, rendered as in training; the model is left as found.

    Raises:
        ValueError: for no examples.
    """
    rows = [encode(example, renderer, tokenizer) for example in examples]
    losses: list[Tensor] = []
    with evaluating(model):
        for batch in batches([len(row["input_ids"]) for row in rows], batch_size):
            losses.append(_losses(model, [rows[index] for index in batch]))
    if not losses:
        raise ValueError("no held-out examples")
    found = torch.cat(losses)
    size = sum(len(renderer.completion(example.answer, source=example.source).encode()) for example in examples)
    return HeldOut(perplexity_of(found), float(found.double().sum()) / math.log(2) / size)


def _losses(model: nn.Module, rows: Sequence[dict[str, list[int]]]) -> Tensor:
    """Loss of every labelled token, in nats; rows are padded on the right."""
    width = max(len(row["input_ids"]) for row in rows)

    def padded(name: str, filler: int) -> Tensor:
        return torch.tensor([row[name] + [filler] * (width - len(row[name])) for row in rows], device=device_of(model))

    ids, labels = padded("input_ids", 0), padded("labels", IGNORED)
    mask = torch.tensor([[int(place < len(row["labels"])) for place in range(width)] for row in rows]).to(ids.device)
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1]
    borne = labels[:, 1:] != IGNORED
    return nn.functional.cross_entropy(logits[borne].float(), labels[:, 1:][borne], reduction="none").cpu()
