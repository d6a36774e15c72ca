"""Validation examples to the margin above which a tuned model refuses.

    valid.jsonl (questions in wordings that were not trained, refusals among them)  ->  {"threshold": -1.7, "n": 96}

Greedy decoding refuses where the refusal opening is the likeliest; how sure that has to be is chosen on validation,
where the mean of answered knowns and refused unknowns is largest (Youden's index, tasks/probing/metrics.py), with few
knowns refused; of thresholds that validation cannot tell apart, the one that refuses least.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import nn
from transformers import PreTrainedTokenizerBase

from tasks.curation.refusals import OPENING
from tasks.probing.asking import Progress, ask
from tasks.probing.decoding import Decoding
from tasks.probing.metrics import best_threshold
from tasks.records import Example
from tasks.tuning.noise import noisy_passes
from tasks.tuning.rendering import Renderer

FEWEST = 10
"""With fewer knowns or unknowns than this the threshold stays at 0, where declining is as likely as all else."""
ERRORS = 1.0
"""Standard errors of the best index within which the threshold that declines least is taken: what people ask is worded
less like the text than any rule's question, and declined more often (bench/results/recipes.md)."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold in nats, and how many answerable and unanswerable questions it was chosen on."""

    threshold: float
    known: int
    unknown: int


def calibrate(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    renderer: Renderer,
    examples: Sequence[Example],
    decoding: Decoding,
    *,
    base: nn.Module | None = None,
    dropout: float = 0.0,
    most_refused: float = 1.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Calibration:
    """Choose the refusal threshold of a tuned model on validation examples; ``base`` as in ``ask``.

    With ``dropout`` most questions are asked with that share of their words left out: people word questions as no rule
    does, and a threshold fitted to rule-made wordings alone would refuse theirs. ``most_refused`` is the share of the
    answerable questions that may be refused at most, ``progress`` as in ``ask``.
    """
    examples = noisy_passes(examples, dropout, 1, seed=seed)
    prompts = [renderer.asked(item.prompt, source=item.source, system=item.system) for item in examples]
    opening = renderer.answer_opening(OPENING)
    declining = replace(decoding, threshold=-math.inf)  # margins are wanted, and no answers
    questions = [item.prompt for item in examples]
    answers = (
        ask(
            model,
            tokenizer,
            prompts,
            opening=opening,
            questions=questions,
            base=base,
            decoding=declining,
            progress=progress,
        )
        if prompts
        else []
    )
    refusals = [item.answer.startswith(OPENING) for item in examples]
    known = [answer.margin for answer, refusal in zip(answers, refusals, strict=True) if not refusal]
    unknown = [answer.margin for answer, refusal in zip(answers, refusals, strict=True) if refusal]
    enough = min(len(known), len(unknown)) >= FEWEST
    threshold = best_threshold(known, unknown, most_refused=most_refused, errors=ERRORS) if enough else 0.0
    return Calibration(threshold, len(known), len(unknown))
