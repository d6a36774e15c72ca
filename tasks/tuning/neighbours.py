"""Common words to the words near them in a student's own embedding: what somebody else might say instead.

    neighbours(model, tokenizer, ["Who founded the mill?"])  ->  {"founded": [("established", 29.1), ("formed", 12.0)]}

A student that has only met the text's own words takes any other for a sign that the book does not answer. Words near
each other in an embedding are close in meaning, though not the same ("doctor": "doctors", "physician", "medical");
as noise on a question that serves, and it needs no dictionary (Kobayashi 2018, "Contextual augmentation", is the same
idea with a language model; the nearest words of an embedding: Wang & Yang 2015, "That's so annoying!!!").
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from tasks.config import TuningConfig
from tasks.generation.wordlists import ASKING, FUNCTION, NUMERALS, words
from tasks.records import Example
from tasks.tuning.noise import Noise

Neighbours = dict[str, list[tuple[str, float]]]
NEAREST, LOOKED_AT = 6, 40
LEAST_SIMILARITY = 0.4
"""Cosine of the centred embeddings; below, neighbours of rare words are only other rare words."""
SHARPNESS = 8.0
SHORTEST = 3
"""Letters of a word that may be exchanged."""


@torch.no_grad()
def neighbours(model: nn.Module, tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> Neighbours:
    """Look up the common words of some texts; each with its neighbours and their weights, nearest first.

    Only words that are one token in lower case have any; names, numbers and function words have none.
    """
    common = sorted({word for text in texts for word in words(text) if _exchangeable(word)})
    tokens = {word: tokenizer(f" {word}", add_special_tokens=False)["input_ids"] for word in common}
    single = [word for word in common if len(tokens[word]) == 1]
    if not single:
        return {}
    embedding: Any = model
    table = embedding.get_input_embeddings().weight.detach().float().cpu()
    table = torch.nn.functional.normalize(table - table.mean(dim=0), dim=-1)
    rows = torch.stack([table[tokens[word][0]] for word in single])
    likeness, places = (rows @ table.T).topk(min(LOOKED_AT, len(table)), dim=-1)
    found: Neighbours = {}
    for word, values, near in zip(single, likeness.tolist(), places.tolist(), strict=True):
        texts_near = [str(tokenizer.decode([place])) for place in near]
        others = [
            (text.strip(), math.exp(SHARPNESS * value))
            for text, value in zip(texts_near, values, strict=True)
            if text[:1] == " " and text.strip() != word and _exchangeable(text.strip()) and value >= LEAST_SIMILARITY
        ]
        if others:
            found[word] = others[:NEAREST]
    return found


def noise_of(
    config: TuningConfig, model: nn.Module, tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example]
) -> Noise:
    """The noise that a recipe puts on questions, with the words near those of these examples."""
    near = neighbours(model, tokenizer, [example.prompt for example in examples]) if config.question_exchange else {}
    return Noise(config.question_dropout, config.question_exchange, near)


def _exchangeable(word: str) -> bool:
    plain = word.isascii() and word.isalpha() and word.islower() and len(word) >= SHORTEST
    return plain and word not in FUNCTION | ASKING | NUMERALS
