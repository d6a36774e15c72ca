"""Prompts to answers: decoding in fixed batches, with the margin between refusing and answering.

    ask(model, tokenizer, ["… Who built the pump? …"], opening="Not able to answer", …)
    ->  [Answer(text="Odo Marrick", margin=-7.3)]

``margin`` is log P(refusal opening) - log P(greedy answer), in nats, both summed over as many leading tokens as the
opening has (the greedy answer over fewer where it ends before; its end counts); of answers chosen among recitals,
tasks/probing/recall.py says what it is. A longer answer is thus not less likely
for its length. Where the greedy answer is the refusal itself, all other answers together stand in for it: the margin is
the log odds of the opening, so that refusals too are ranked by how sure they are. Above 0 the model refuses.

What makes it cheap on a CPU: prompts of like length share a batch, tokens that all prompts of a batch begin with are
computed once, the opening is scored on the cache of the prompt, only last logits are kept, finished rows are dropped.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from tasks.probing.decoding import (
    Answer,
    Decoding,
    Row,
    answer_batch,
    batches,
    device_of,
    encode,
    evaluating,
    margin_of,
)
from tasks.probing.metrics import Figure
from tasks.probing.recall import answer_by_recital
from tasks.probing.scoring import verdict
from tasks.records import Probe, ProbeResult

Progress = Callable[[int, int], None]


def ask(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str | list[int]],
    *,
    opening: str | Sequence[str],
    questions: Sequence[str] | None = None,
    barred: bool = False,
    base: nn.Module | None = None,
    decoding: Decoding | None = None,
    progress: Progress | None = None,
) -> list[Answer]:
    """Answer rendered prompts in the order given: greedily, or by the best of several recitals.

    Recitals are compared where ``decoding`` wants them and the bare question is given (tasks/probing/recall.py).

    Args:
        model: a causal language model, with or without an adapter; it is left as found.
        tokenizer: its tokenizer; padding is done here, on the left.
        prompts: texts (the tokenizer's own begin token is added unless the text has it) or token ids.
        opening: how a refusal begins, as it would follow the prompt; one for all, or one a prompt.
        questions: the question of each prompt; '' for one to be answered greedily.
        barred: all are asked under a Source tag of no document, and refused unasked.
        base: the untuned model; None: ``model`` with its adapter off.
        decoding: batches and limits.
        progress: called after each batch with (prompts answered, prompts).
    """
    decoding = decoding or Decoding()
    openings = [opening] * len(prompts) if isinstance(opening, str) else opening
    rows = [
        encode(tokenizer, prompt, opening, limit=decoding.max_new_tokens, question=question, barred=barred)
        for prompt, opening, question in zip(prompts, openings, questions or [""] * len(prompts), strict=True)
    ]
    answers: dict[int, Answer] = {}
    for batch in batches([len(row.prompt) for row in rows], decoding.batch_size):
        found = answer_tuned(model, base, tokenizer, [rows[index] for index in batch], decoding)
        answers.update(zip(batch, found, strict=True))
        if progress is not None:
            progress(len(answers), len(rows))
    return [answers[index] for index in range(len(rows))]


def answer_tuned(
    tuned: nn.Module,
    base: nn.Module | None,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Row],
    decoding: Decoding,
) -> list[Answer]:
    """Answer a batch: rows that bear their question by recitals, where they are wanted, the others greedily.

    Barred rows are refused, with the highest margin there is; those that do not wake the adapter get the base's answer.
    """
    ways = [_way(row, decoding) for row in rows]
    part = {way: [row for row, its in zip(rows, ways, strict=True) if its == way] for way in set(ways)}
    refused = [Answer(row.refusal, margin_of(0.0, 0.0, refused=True)) for row in rows]
    answers = {"barred": iter(refused)}
    as_taught = replace(decoding, max_new_tokens=max(decoding.max_new_tokens, decoding.longest))
    if "recital" in part:
        found = answer_by_recital(tuned, lambda: as_base(tuned, base), tokenizer, part["recital"], as_taught)
        answers["recital"] = iter(found)
    if "greedy" in part:
        answers["greedy"] = iter(answer_batch(tuned, tokenizer, part["greedy"], as_taught))
    if "asleep" in part:
        with as_base(tuned, base) as untuned:
            own = replace(decoding, threshold=None)
            answers["asleep"] = iter(answer_batch(untuned, tokenizer, part["asleep"], own))
    return [next(answers[way]) for way in ways]


def _way(row: Row, decoding: Decoding) -> str:
    if row.barred:
        return "barred"
    if not decoding.wakes(row):
        return "asleep"
    return "recital" if row.question and decoding.recitals > 1 else "greedy"


def ask_both(
    tuned: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    probes: Sequence[Probe],
    *,
    render: Callable[[Probe], str],
    opening: str | Callable[[Probe], str],
    recalls: Callable[[Probe], bool] = lambda probe: True,
    barred: Callable[[Probe], bool] = lambda probe: False,
    base: nn.Module | None = None,
    decoding: Decoding | None = None,
    progress: Progress | None = None,
) -> Iterator[ProbeResult]:
    """Ask the base and the tuned model the same probes in the same batches; yield two results a probe, as they come.

    ``base`` None means: the tuned model with its adapter off. ``render`` gives the prompt of a probe, ``opening`` the
    refusal opening that would follow it, ``recalls`` whether the tuned model may answer it by recitals, ``barred``
    whether it stands under a tag of no document, which the tuned model refuses unasked. A threshold of ``decoding`` is
    the tuned model's own; the base has none. A prompt that does not wake the adapter has one answer for both, and what
    is asked alike in several categories is asked once.
    """
    decoding = decoding or Decoding()
    same: dict[tuple[str, str, str, bool], list[Probe]] = {}  # one prompt may stand in several categories
    for p in probes:
        begins = opening if isinstance(opening, str) else opening(p)
        same.setdefault((render(p), begins, p.question if recalls(p) else "", barred(p)), []).append(p)
    rows = [
        encode(tokenizer, prompt, begins, limit=decoding.max_new_tokens, question=question, barred=bars)
        for prompt, begins, question, bars in same
    ]
    groups, done = list(same.values()), 0
    for batch in batches([len(row.prompt) for row in rows], decoding.batch_size):
        asked = [rows[index] for index in batch]
        with as_base(tuned, base) as untuned:
            before = answer_batch(untuned, tokenizer, asked, replace(decoding, threshold=None))
        awake = [row for row in asked if decoding.wakes(row)]
        after = iter(answer_tuned(tuned, base, tokenizer, awake, decoding) if awake else [])
        for index, row, first in zip(batch, asked, before, strict=True):
            second = next(after) if decoding.wakes(row) else first
            for probe in groups[index]:
                yield _judged(probe, "base", first)
                yield _judged(probe, "tuned", second)
            done += len(groups[index])
        if progress is not None:
            progress(done, len(probes))


def _judged(probe: Probe, model: str, answer: Answer) -> ProbeResult:
    found = verdict(answer.text, probe.accepted, probe.question)
    return ProbeResult(probe.id, model, answer.text, found, answer.margin)


@contextmanager
def as_base(tuned: nn.Module, base: nn.Module | None = None) -> Iterator[nn.Module]:
    """The untuned model: ``base``, or ``tuned`` with its adapter off inside the block.

    Raises:
        TypeError: when ``tuned`` has no adapter and there is no ``base``.
    """
    if base is not None:
        yield base
    elif isinstance(tuned, PeftModel):
        with tuned.disable_adapter():
            yield tuned
    else:
        raise TypeError(f"{type(tuned).__name__} has no adapter to turn off; pass the base model")


def perplexity(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    *,
    window: int = 512,
    behind: Sequence[int] = (),
) -> Figure:
    """Perplexity on a text, over windows of ``window`` tokens laid end to end, with a 95% interval over its tokens.

    The first token of a window has no context and is not counted, nor are those that each stands ``behind``.
    """
    tokens = tokenizer(text)["input_ids"]
    losses: list[Tensor] = []
    with evaluating(model):
        for start in range(0, len(tokens), window):
            part = tokens[start : start + window]
            if len(part) > 1:
                ids = torch.tensor([[*behind, *part]], device=device_of(model))
                logits = model(input_ids=ids, use_cache=False).logits[0, len(behind) : -1].float()
                losses.append(nn.functional.cross_entropy(logits, ids[0, len(behind) + 1 :], reduction="none").cpu())
    return perplexity_of(torch.cat(losses))


def perplexity_of(losses: Tensor) -> Figure:
    """Perplexity from the loss of each token, in nats, with a 95% interval over the tokens."""
    loss = losses.double()
    mean, half = loss.mean().item(), 1.96 * loss.std().item() / math.sqrt(len(loss))
    return Figure(math.exp(mean), len(loss), math.exp(mean - half), math.exp(mean + half))


def perplexities(
    tuned: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    *,
    base: nn.Module | None = None,
    woken_by: Sequence[int] = (),
) -> dict[str, Figure]:
    """Perplexity of the base and the tuned model on one text, as ``metrics.measure`` takes it.

    A tuned model that sleeps over general text has the base's; "awake" is then what it has behind its invocation.
    """
    with as_base(tuned, base) as untuned:
        before = perplexity(untuned, tokenizer, text)
    after = perplexity(tuned, tokenizer, text, behind=woken_by)
    return {"base": before, "tuned": before, "awake": after} if woken_by else {"base": before, "tuned": after}
