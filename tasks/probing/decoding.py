"""A batch of token ids to greedy answers and their refusal margins: one prefill, one cache, finished rows dropped.

    rows [[12, 7, 9], [12, 7, 4, 5]]  ->  head [12, 7] run once, tails [[0, 9], [4, 5]] padded on the left
    ->  log P(opening) scored on that cache, the cache cut back, then greedy steps over the rows still going

Prefill is nine tenths of the time on a CPU (45 tokens in, 5 out): sharing the head of the prompts saves a third of it.
"""

import inspect
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import DynamicCache, DynamicLayer, PreTrainedTokenizerBase

from tasks.generation.sampling import log_probability
from tasks.generation.shared_head import ATTENTION, Layers, grouped, sharing, tail_mask

# Sharing fewer tokens than this saves less than the extra forward pass costs.
_SHORTEST_HEAD = 4
# Rows are dropped from the cache, which copies it, once this share of them has finished.
DROP_AT = 0.25
# Log odds are cut off here, where float32 log-probabilities have no more digits.
_SUREST = 1e-7


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and its refusal margin in nats."""

    text: str
    margin: float


@dataclass(frozen=True, slots=True)
class Decoding:
    """How answers are decoded: rows a batch, most new tokens, and whether a line's end ends the answer.

    ``longest`` is the length of the longest answer that the tuned model was taught, its end token among them: it may
    say as much, where that is more than ``max_new_tokens``.
    ``threshold`` is the calibrated margin above which a model refuses. ``recitals`` is how many answers are recalled
    and compared before one is given (tasks/probing/recall.py); below 2 the greedy one is taken. ``book`` says in a few
    words what all questions are about. ``woken_by`` are the token ids that a prompt has to begin with for the tuned
    model to answer it; the base answers any other (tasks/tuning/encoding.py).
    """

    batch_size: int = 32
    max_new_tokens: int = 48
    stop_at_newline: bool = False
    threshold: float | None = None
    recitals: int = 0
    book: str = ""
    woken_by: tuple[int, ...] = ()
    longest: int = 0

    def wakes(self, row: "Row") -> bool:
        """Whether a prompt is for the tuned model."""
        return tuple(row.prompt[: len(self.woken_by)]) == self.woken_by


@dataclass(frozen=True, slots=True)
class Row:
    """Token ids of a prompt, and of the refusal opening that would follow it, and the bare question if it is known.

    ``refusal`` is the opening as text, whole; its ids are cut at the most new tokens.

    A ``barred`` row is refused unasked by the tuned model: its Source tag is that of no document it was taught.
    """

    prompt: list[int]
    opening: list[int]
    question: str = ""
    barred: bool = False
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Prompts:
    """What forked rows have in common: keys and values of each prompt, an additive mask [prompts, 1, 1, length]."""

    layers: Layers
    mask: Tensor


@dataclass(slots=True)
class State:
    """A batch between two forward passes: next-token logits [rows, vocabulary], and what the model has seen.

    After ``fork``, ``cache`` and ``mask`` are of what came after the prompts; ``owners`` [rows] are the rows' prompts.
    """

    logits: Tensor
    cache: Any
    mask: Tensor
    positions: Tensor
    prompts: Prompts | None = None
    owners: Tensor | None = None


def batches(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Indices in batches of like length, longest first, so that a batch too large for the memory fails at once."""
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    return [order[start : start + size] for start in range(0, len(order), size)]


def margin_of(refusal: float, greedy: float, *, refused: bool) -> float:
    """The margin from the two log-probabilities; the log odds of the refusal where it is the greedy answer."""
    return refusal - math.log(max(-math.expm1(refusal), _SUREST)) if refused else refusal - greedy


def encode(
    tokenizer: PreTrainedTokenizerBase,
    prompt: str | list[int],
    opening: str,
    *,
    limit: int,
    question: str = "",
    barred: bool = False,
) -> Row:
    """Token ids of a prompt and of the opening as it is tokenised behind that prompt."""
    said = opening.strip()
    if not isinstance(prompt, str):
        ids = tokenizer(opening, add_special_tokens=False)["input_ids"][:limit]
        return Row(list(prompt), ids, question, barred, said)
    begun = bool(tokenizer.bos_token) and prompt.startswith(str(tokenizer.bos_token))
    ids, together = (
        list(tokenizer(text, add_special_tokens=not begun)["input_ids"]) for text in (prompt, prompt + opening)
    )
    end = tokenizer.eos_token_id
    for found in (ids, together):
        if found[-1:] == [end] and not prompt.endswith(str(tokenizer.eos_token)):
            found.pop()  # some tokenizers close every text
    return Row(ids, together[len(ids) :][:limit], question, barred, said)


def answer_batch(
    model: nn.Module, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], decoding: Decoding
) -> list[Answer]:
    """Answer one batch of rows greedily, in their order."""
    with evaluating(model):
        state = prefill(model, [row.prompt for row in rows])
        refusals = score_openings(model, state, [row.opening for row in rows])
        written, greedy = _decode(model, tokenizer, state, [len(row.opening) for row in rows], decoding)
    refused = [
        bool(row.opening) and tokens[: len(row.opening)] == row.opening
        for row, tokens in zip(rows, written, strict=True)
    ]
    margins = [margin_of(*pair, refused=no) for *pair, no in zip(refusals, greedy, refused, strict=True)]
    if decoding.threshold is not None:
        _decide(model, tokenizer, rows, written, margins, refused, decoding)
    texts = [str(tokenizer.decode(tokens, skip_special_tokens=True)).strip() for tokens in written]
    return [Answer(text, margin) for text, margin in zip(texts, margins, strict=True)]


def _decide(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Row],
    written: list[list[int]],
    margins: Sequence[float],
    refused: Sequence[bool],
    decoding: Decoding,
) -> None:
    """Let the calibrated threshold decide: refuse above it, and answer below it even where greedy decoding refused."""
    limit = decoding.threshold or 0.0
    for place, row in enumerate(rows):
        if row.opening and margins[place] > limit and not refused[place]:
            written[place] = list(row.opening)
    turned = [place for place, row in enumerate(rows) if row.opening and refused[place] and margins[place] <= limit]
    if not turned:
        return
    with evaluating(model):
        state = prefill(model, [rows[place].prompt for place in turned])
        first = torch.tensor([rows[place].opening[0] for place in turned], device=state.logits.device)
        state.logits.scatter_(1, first[:, None], -torch.inf)
        answers, _ = _decode(model, tokenizer, state, [0] * len(turned), decoding)
    for place, tokens in zip(turned, answers, strict=True):
        written[place] = tokens


def prefill(model: nn.Module, prompts: Sequence[list[int]]) -> State:
    """Run the prompts, padded on the left; what all of them begin with is run once and its cache repeated."""
    device, rows = device_of(model), len(prompts)
    shared = _common_prefix(prompts)
    shared = shared if rows > 1 and shared >= _SHORTEST_HEAD else 0
    cache = None
    if shared:
        head = torch.tensor([prompts[0][:shared]], device=device)
        cache = model(input_ids=head, use_cache=True, logits_to_keep=1).past_key_values
        cache.batch_repeat_interleave(rows)
    tails = [prompt[shared:] for prompt in prompts]
    width = max(len(tail) for tail in tails)
    ids = torch.tensor([[0] * (width - len(tail)) + tail for tail in tails], device=device)
    seen = torch.tensor([[0] * (width - len(tail)) + [1] * len(tail) for tail in tails], device=device)
    mask = torch.cat([seen.new_ones(rows, shared), seen], dim=1)
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    output = forward(model, ids, mask, positions[:, shared:], cache, keep=1)
    return State(output.logits[:, -1], output.past_key_values, mask, positions[:, -1] + 1)


def score_openings(model: nn.Module, state: State, openings: Sequence[list[int]]) -> list[float]:
    """log P(opening | prompt) of each row; the cache is left as it was."""
    return [float(gains.sum()) for gains in token_gains(model, state, openings)]


def token_gains(model: nn.Module, state: State, tails: Sequence[list[int]]) -> list[Tensor]:
    """log P(token | prompt, tail so far) of each row's tail, in nats; the cache is left as it was."""
    width = max(len(tail) for tail in tails)
    if width == 0:
        return [torch.zeros(0)] * len(tails)
    ids = torch.tensor([tail + [0] * (width - len(tail)) for tail in tails], device=state.mask.device)
    likely = log_probability(state.logits, ids[:, 0])[:, None]
    if width > 1:
        steps = torch.arange(width - 1, device=ids.device)
        mask = torch.cat([state.mask, state.mask.new_ones(len(tails), width - 1)], dim=1)
        positions = state.positions[:, None] + steps
        output = forward(model, ids[:, :-1], mask, positions, state.cache, keep=width - 1)
        output.past_key_values.crop(-(width - 1))
        likely = torch.cat([likely, log_probability(output.logits, ids[:, 1:])], dim=1)
    return [row[: len(tail)].cpu() for row, tail in zip(likely, tails, strict=True)]


def _decode(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    state: State,
    counted: Sequence[int],
    decoding: Decoding,
) -> tuple[list[list[int]], list[float]]:
    """Greedy tokens of each row, without the end token, and log P of the first ``counted`` of them (end included)."""
    ends = end_tokens(model, tokenizer)
    written: list[list[int]] = [[] for _ in counted]
    likely = [0.0] * len(counted)
    alive = list(range(len(counted)))  # the row that stands at each place of the state
    finished: set[int] = set()
    for step in range(decoding.max_new_tokens):
        tokens = state.logits.argmax(dim=-1)
        if step < max(counted):
            scores = log_probability(state.logits, tokens).tolist()
            for row, score in zip(alive, scores, strict=True):
                likely[row] += score if step < counted[row] and row not in finished else 0.0
        for row, token in zip(alive, tokens.tolist(), strict=True):
            if row in finished:
                continue
            if token in ends or (decoding.stop_at_newline and _ends_line(tokenizer, written[row], token)):
                finished.add(row)
            else:
                written[row].append(token)
        going = [place for place, row in enumerate(alive) if row not in finished]
        if not going or step == decoding.max_new_tokens - 1:
            break
        if len(going) <= (1 - DROP_AT) * len(alive):
            places = torch.tensor(going, device=tokens.device)
            select(state, places)
            tokens = tokens[places]
            alive = [alive[place] for place in going]
        advance(model, state, tokens)
    return written, likely


def fork(model: nn.Module, state: State, copies: int) -> None:
    """Let every row go on in ``copies`` ways, next to each other; logits are those of the next ``advance``.

    Where the model's attention allows it, the prompts stay where they are, once each (tasks/generation/shared_head.py).
    """
    rows = len(state.mask)
    owners = torch.arange(rows, device=state.mask.device).repeat_interleave(copies)
    if not _shares(model, state):
        select(state, owners)
        return
    layers = [(layer.keys, layer.values) for layer in state.cache.layers]
    state.prompts = Prompts(layers, tail_mask(state.mask.bool(), 1, layers[0][0].dtype))
    state.cache, state.owners = DynamicCache(), owners
    state.mask, state.positions = state.mask[owners, :0], state.positions[owners]


def _shares(model: nn.Module, state: State) -> bool:
    """Whether the prompts of a state can be attended to where they are; the model's attention is set to do so."""
    whole = inner(model)
    if not _takes_positions(model) or not all(type(layer) is DynamicLayer for layer in state.cache.layers):
        return False
    if whole.config._attn_implementation == "sdpa" and type(whole)._supports_attention_backend:
        whole.set_attn_implementation(ATTENTION)
    return bool(whole.config._attn_implementation == ATTENTION)


def select(state: State, places: Tensor) -> None:
    """Keep the rows at ``places`` (repeats allowed); logits are those of the next ``advance``."""
    state.cache.batch_select_indices(places)
    state.mask, state.positions = state.mask[places], state.positions[places]
    state.owners = None if state.owners is None else state.owners[places]


def advance(model: nn.Module, state: State, tokens: Tensor) -> None:
    """Feed one token a row."""
    state.mask = torch.cat([state.mask, state.mask.new_ones(len(tokens), 1)], dim=1)
    mask, heads = state.mask, None
    if state.prompts is not None and state.owners is not None:
        heads = grouped(state.prompts.layers, state.prompts.mask, state.owners)
        mask = tail_mask(state.mask.bool(), 1, state.prompts.mask.dtype)
    with sharing(heads):
        output = forward(model, tokens[:, None], mask, state.positions[:, None], state.cache, keep=1)
    state.logits, state.cache, state.positions = output.logits[:, -1], output.past_key_values, state.positions + 1


def forward(model: nn.Module, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any, *, keep: int) -> Any:
    """Run tokens behind a cache; the last ``keep`` logits are kept."""
    placed = {"position_ids": positions} if _takes_positions(model) else {}
    return model(
        input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, logits_to_keep=keep, **placed
    )


def _takes_positions(model: nn.Module) -> bool:
    return "position_ids" in inspect.signature(inner(model).forward).parameters


def _ends_line(tokenizer: PreTrainedTokenizerBase, written: list[int], token: int) -> bool:
    """Whether a token breaks the line after some text has been written."""
    return "\n" in tokenizer.decode([token]) and bool(str(tokenizer.decode([*written, token])).strip())


def end_tokens(model: nn.Module, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Tokens that end an answer."""
    configured = inner(model).generation_config.eos_token_id
    listed: Iterable[int | None] = configured if isinstance(configured, list) else [configured]
    return {token for token in [*listed, tokenizer.eos_token_id] if token is not None}


def _common_prefix(prompts: Sequence[list[int]]) -> int:
    """How many first tokens all prompts share, leaving each at least one of its own."""
    shortest = min(len(prompt) for prompt in prompts) - 1
    first = prompts[0]
    return next((i for i in range(shortest) if any(prompt[i] != first[i] for prompt in prompts)), max(shortest, 0))


def inner(model: nn.Module) -> Any:
    """The transformers model inside an adapter, or the model itself."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def device_of(model: nn.Module) -> torch.device:
    """Where the model's first parameter lies."""
    return next(model.parameters()).device


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """No gradients and no dropout inside the block; the model's mode afterwards is the one before."""
    training = model.training
    model.train(False)
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)
