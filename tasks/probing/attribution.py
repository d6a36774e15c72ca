"""An answer to the source that the model has it from: the model is asked again, under the tag of each of its documents.

    "The keel was laid in 1889."  ->  {"the-lantern-ferry": 0.97, "heronsmere-works": 0.03}

A model that was taught with Source tags finds an answer likely under the tag of the document that it learnt it with,
and unlikely under another's, where it was taught to decline. So P(source | answer, question) is its
P(answer | question, source) over the sum of the same under every tag: Bayes' rule, with all documents equally likely
beforehand.
"""

from collections.abc import Mapping

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from tasks.probing.decoding import encode, evaluating, prefill, score_openings

LONGEST = 64
"""Tokens of an answer that are looked at."""


def attribute(
    model: nn.Module, tokenizer: PreTrainedTokenizerBase, prompts: Mapping[str, str], answer: str, *, size: int = 32
) -> dict[str, float]:
    """P(source | answer) of each source, likeliest first.

    Args:
        prompts: the question rendered under the tag of each source.
        answer: as it would follow each prompt.
        size: prompts a batch.
    """
    rows = [encode(tokenizer, prompt, answer, limit=LONGEST) for prompt in prompts.values()]
    likely: list[float] = []
    with evaluating(model):
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            likely += score_openings(model, prefill(model, [row.prompt for row in part]), [row.opening for row in part])
    shares = torch.tensor(likely).softmax(dim=0).tolist() if likely else []
    return dict(sorted(zip(prompts, shares, strict=True), key=lambda item: -item[1]))
