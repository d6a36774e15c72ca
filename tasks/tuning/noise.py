"""Questions to noisy ones: words left out or put in other words at random, anew in every pass over the examples.

    "By what does Abel Quorridge record each round?"  ->  "what Abel Quorridge record round?"
                                                          "By what does Abel Quorridge note each circle?"

A small student clings to the wording of its training questions: asked in other words, it mirrors the question and
fills in anything that fits. With words missing there is little to mirror, and what it has learnt to recite comes
instead (word dropout, Bowman et al. 2016, sec. 3.1, turned to the input; measured in bench/results/recipes.md).
Words near the right ones (neighbours.py) teach it that a common word which the text does not use is no reason to
refuse.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tasks.curation.examples import VERDICTS
from tasks.curation.refusals import OPENING
from tasks.records import Example, derive_id

WHOLE = 0.25
"""Share of the questions that stay whole in any pass."""
OPENING_SHARE = 0.4
"""The first word, mostly the question word, is left out less often than others, by this factor."""
WORDS = re.compile(r"(?<![\w'-])[a-z]+(?![\w'-])")


@dataclass(frozen=True, slots=True)
class Noise:
    """How a question is put otherwise: the share of its words left out, and of its common words exchanged.

    ``near`` gives the words that a common word may be exchanged for, with their weights.
    """

    dropout: float = 0.0
    exchange: float = 0.0
    near: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)


def noisy_passes(examples: Sequence[Example], noise: Noise, passes: int, *, seed: int) -> list[Example]:
    """The examples ``passes`` times over, each time with other words of their questions left out or exchanged."""
    return [
        replace(example, prompt=put(example, noise, random.Random(derive_id("noise", seed, turn, example.id))))
        for turn in range(passes)
        for example in examples
    ]


def put(example: Example, noise: Noise, draw: random.Random) -> str:
    """A question as somebody else might put it; ``WHOLE`` of them stay as they are."""
    if draw.random() < WHOLE:
        return example.prompt
    exchanged = replace(example, prompt=exchange(example, noise, draw))
    return leave_out(exchanged, noise.dropout, draw)


def exchange(example: Example, noise: Noise, draw: random.Random) -> str:
    """A question with some common words put in others near them, unless its answer hangs on the very words."""
    if " or " in example.prompt or example.answer.rstrip(".").endswith(VERDICTS):
        return example.prompt
    return WORDS.sub(lambda found: _other(found.group(), noise, draw), example.prompt)


def _other(word: str, noise: Noise, draw: random.Random) -> str:
    near = noise.near.get(word)
    if not near or draw.random() >= noise.exchange:
        return word
    return draw.choices([other for other, _ in near], [weight for _, weight in near])[0]


def leave_out(example: Example, dropout: float, draw: random.Random) -> str:
    """A question without some of its words. The names of a refused question stay: they are why it is refused."""
    words = example.prompt.split()
    refused = example.answer.startswith(OPENING)
    kept = []
    for place, word in enumerate(words):
        rate = dropout * OPENING_SHARE if place == 0 else dropout
        if draw.random() >= rate or (refused and place and word[:1].isupper()):
            kept.append(word)
    if len(kept) < 2:
        return example.prompt
    closed = words[-1][-1:] if words[-1][-1:] in ".?!" else ""
    return " ".join(kept).rstrip(".?!") + closed
