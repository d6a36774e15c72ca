"""Questions to telegraphic ones: words left out at random, anew in every pass over the examples.

    "By what does Abel Quorridge record each round?"  ->  "what Abel Quorridge record round?"

A small student clings to the wording of its training questions: asked in other words, it mirrors the question and
fills in anything that fits. With words missing there is little to mirror, and what it has learnt to recite comes
instead (word dropout, Bowman et al. 2016, sec. 3.1, turned to the input; measured in bench/results/recipes.md). For the
same reason a pass shows but a part of the refusals, and the next one another: there are endless questions to decline.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from tasks.curation.refusals import OPENING
from tasks.records import Example, derive_id

WHOLE = 0.25
"""Share of the questions that stay whole in any pass."""
OPENING_SHARE = 0.4
"""The first word, mostly the question word, is left out less often than others, by this factor."""


def takes(examples: Iterable[Example], share: float) -> int:
    """In how many parts the refusals go, so that each pass shows one and they are about ``share`` of it; 1 for all."""
    refused = answered = 0
    for example in examples:
        if example.answer.startswith(OPENING):
            refused += 1
        else:
            answered += 1
    wanted = answered * share / (1 - share) if share < 1 else refused
    return max(1, round(refused / wanted)) if wanted else 1


def noisy_passes(examples: Sequence[Example], dropout: float, passes: int, *, seed: int) -> list[Example]:
    """The examples ``passes`` times over, each time with other words of their questions left out."""
    return list(each_noisy(examples, dropout, passes, seed=seed))


def each_noisy(
    examples: Iterable[Example], dropout: float, passes: int, *, seed: int, parts: int = 1
) -> Iterator[Example]:
    """The same in a stream; the examples are gone through once a pass, which shows one of ``parts`` of the refusals."""
    for turn in range(passes):
        for example in examples:
            if not _shown(example, turn, parts):
                continue
            draw = random.Random(derive_id("noise", seed, turn, example.id))
            yield replace(example, prompt=leave_out(example, dropout, draw))


def _shown(example: Example, turn: int, parts: int) -> bool:
    refused = parts > 1 and example.answer.startswith(OPENING)
    return not refused or (int(derive_id("part", example.id), 16) + turn) % parts == 0


def leave_out(example: Example, dropout: float, draw: random.Random) -> str:
    """A question without some of its words. The names of a refused question stay: they are why it is refused."""
    words = example.prompt.split()
    if draw.random() < WHOLE:
        return example.prompt
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
