"""The transformers engine: prompts in, drafts or log-likelihoods out, in batches over one shared head.

Prompts are tokenised, grouped by how they begin, and the longest common head of each group is computed once and
kept (``heads_computed`` counts); equal prompts are computed once, too. What is left, the tails, runs in batches::

    64 prompts of 290 tokens, 250 of them alike  ->  1 x 250 tokens + 64 x 40 tokens, then 64 rows a decoding step

Batches are sorted by length and padded on the left; finished rows leave the batch. Draws are seeded by request. How
many rows a batch holds follows from the free memory (``fitting_rows``), and halves when that was too much: rows that
were finished are kept.
On CUDA the weights are NF4 with double quantisation, computed in bfloat16 (QLoRA, arXiv:2305.14314). On CPUs they
are bfloat16 where the CPU multiplies it in hardware (3 times as fast, bench/results/generation.md), else float32.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import torch
from torch import Tensor
from transformers import BitsAndBytesConfig, DynamicCache

from tasks.errors import GenerationError
from tasks.generation.fitting import MOST_ROWS, fitting_rows, free_bytes
from tasks.generation.generators import Draft, Sampling, cut, draw_seeds
from tasks.generation.loading import load_model, load_tokenizer
from tasks.generation.sampling import log_probability, pick, uniform_draws
from tasks.generation.shared_head import ATTENTION, Heads, Layers, sharing, tail_mask

Item = TypeVar("Item", bound="_Request")

GROUP_BY = 32
"""Prompts whose first tokens agree to this length are run together over their common head."""
SPARE = 16
"""A kept head is used again when it misses at most this many tokens of what the prompts have in common."""
HEADS_KEPT = 8
COMPACT_BELOW = 0.875
"""Finished rows leave the batch once the live ones are fewer than this share of it."""


@dataclass(slots=True)
class _Request:
    index: int
    ids: tuple[int, ...]


@dataclass(slots=True)
class _Writing(_Request):
    seed: int = 0
    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0
    stopped: bool = False


@dataclass(slots=True)
class _Scoring(_Request):
    continuation: tuple[int, ...] = ()
    logprob: float = 0.0


@dataclass(slots=True)
class _Head:
    ids: tuple[int, ...]
    layers: Layers

    def cut(self, length: int) -> "_Head":
        return _Head(self.ids[:length], [(key[:, :, :length], value[:, :, :length]) for key, value in self.layers])


@dataclass(slots=True)
class _State:
    """A batch between two steps: its cache of tails, which tail positions are real, the logits of the last one."""

    cache: DynamicCache
    visible: Tensor
    logits: Tensor

    def select(self, rows: list[int]) -> None:
        index = torch.tensor(rows, device=self.visible.device)
        self.cache.batch_select_indices(index)
        self.visible, self.logits = self.visible[index], self.logits[index]


class TransformersGenerator:
    """A causal language model of transformers. ``batch_size`` None follows the memory, and shrinks when that ends."""

    scores = True

    def __init__(self, model: Any, tokenizer: Any, *, name: str, batch_size: int | None = None) -> None:
        """Take over a model in eval mode; its attention is switched to the shared-head one where it allows that."""
        self.model, self.tokenizer, self.name, self.batch_size = model, tokenizer, name, batch_size
        self._row_bytes = 0
        self.heads_computed = 0
        self.tokens_generated = 0
        self._heads: list[_Head] = []
        self._shares = bool(type(model)._supports_attention_backend)
        self._places = "position_ids" in inspect.signature(model.forward).parameters
        if self._shares:
            model.set_attn_implementation(ATTENTION)
        ends = model.generation_config.eos_token_id if model.generation_config else None
        self._ends = {*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id} - {None}

    @classmethod
    def load(cls, name: str, *, batch_size: int | None = None, remote_code: str = "") -> Self:
        """Load a Hugging Face name or folder: safetensors only, and no remote code but the named one.

        Raises:
            ModelError: when the model is not there, is gated, or is no causal language model.
        """
        options: dict[str, Any] = {}
        if torch.cuda.is_available():
            options["quantization_config"] = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=torch.bfloat16,
            )
            options["dtype"], options["device_map"] = torch.bfloat16, {"": 0}
        else:
            options["dtype"] = torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
        tokenizer = load_tokenizer(name, remote_code=remote_code)
        model = load_model(name, remote_code=remote_code, **options)
        model.train(False)
        return cls(model, tokenizer, name=Path(name).name if Path(name).is_dir() else name, batch_size=batch_size)

    def generate(self, prompts: Sequence[str], sampling: Sampling, seeds: Sequence[int] | None = None) -> list[Draft]:
        """Write one draft for each prompt, in order."""
        seeds = draw_seeds(prompts, sampling.seed) if seeds is None else seeds
        encoded = self._encode(prompts)
        requests = [_Writing(i, ids, seed) for i, (ids, seed) in enumerate(zip(encoded, seeds, strict=True))]
        self._check_length(encoded, sampling.max_tokens)
        self._run(requests, lambda batch, head: self._write(batch, head, sampling), sampling.max_tokens)
        return [self._draft(request, sampling) for request in requests]

    def score(self, prefixes: Sequence[str], continuations: Sequence[str]) -> list[float]:
        """Return log P(continuation | prefix) for each pair; equal prefixes are computed once a batch."""
        joined = self._encode([p + c for p, c in zip(prefixes, continuations, strict=True)])
        alone = dict(zip(dict.fromkeys(prefixes), self._encode(list(dict.fromkeys(prefixes))), strict=True))
        requests = []
        for i, (prefix, ids) in enumerate(zip(prefixes, joined, strict=True)):
            length = min(_common([alone[prefix], ids]), len(ids) - 1)
            requests.append(_Scoring(i, ids[:length], ids[length:]))
        self._check_length(joined, 0)
        self._run(requests, self._weigh, max((len(request.continuation) for request in requests), default=0))
        return [request.logprob for request in requests]

    def _encode(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Tokenise; text that spells a control token stays text."""
        return (
            [tuple(ids) for ids in self.tokenizer(list(texts), split_special_tokens=True)["input_ids"]] if texts else []
        )

    def _check_length(self, encoded: list[tuple[int, ...]], room: int) -> None:
        longest = max(map(len, encoded), default=0) + room
        limit = getattr(self.model.config, "max_position_embeddings", None)
        if limit is not None and longest > limit:
            raise GenerationError(
                f"{self.name}: a prompt with its completion takes {longest} tokens, the model {limit}; "
                "set chunks.window or generation.max_tokens lower"
            )

    def forget(self) -> None:
        """Let go of the kept heads: one of other prompts is rounded in another way, and a draw may turn on it."""
        self._heads.clear()

    @torch.inference_mode()
    def _run(self, requests: Sequence[Item], work: Callable[[list[Item], _Head | None], None], new: int) -> None:
        """Do the work batch by batch; ``new`` is how many tokens it adds to a prompt at most."""
        groups: dict[tuple[int, ...], list[Item]] = {}
        for request in requests:
            groups.setdefault(request.ids[:GROUP_BY], []).append(request)
        for group in groups.values():
            try:
                head = self._head_of([request.ids for request in group])
            except torch.OutOfMemoryError as error:
                raise GenerationError(self._too_large()) from error
            ordered = sorted(group, key=lambda request: (len(request.ids), request.ids, request.index))
            self._in_batches(ordered, head, work, new)

    def _in_batches(
        self, ordered: list[Item], head: _Head | None, work: Callable[[list[Item], _Head | None], None], new: int
    ) -> None:
        start = 0
        while start < len(ordered):
            size = self.batch_size or self._fitting(len(ordered[-1].ids), len(head.ids) if head else 0, new)
            try:
                work(ordered[start : start + size], head)
            except torch.OutOfMemoryError as error:
                if size == 1:
                    raise GenerationError(self._too_large()) from error
                self.batch_size = size // 2
            else:
                start += size
                continue
            torch.cuda.empty_cache()  # only here: inside the except block the failed batch is still held

    def _too_large(self) -> str:
        return f"{self.name}: out of memory with a single prompt; take a smaller model, or --set chunks.window lower"

    def _fitting(self, length: int, head: int, new: int) -> int:
        """How many prompts of ``length`` tokens, ``head`` of them shared, fit the memory with ``new`` tokens each."""
        if not self._row_bytes:
            cache = DynamicCache()
            self.model(torch.tensor([[0]], device=self.model.device), past_key_values=cache, use_cache=True)
            self._row_bytes = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)  # type: ignore[union-attr,misc]
        config = self.model.config
        return fitting_rows(
            free_bytes(self.model.device),
            token=self._row_bytes,
            tail=length - head,
            head=head,
            new=new,
            heads=int(config.num_attention_heads),
            vocabulary=int(config.vocab_size),
            most=MOST_ROWS["cuda" if self.model.device.type == "cuda" else "cpu"],
        )

    def _head_of(self, prompts: list[tuple[int, ...]]) -> _Head | None:
        """Return the kept head of these prompts, computing what is missing of it; None when it would not pay."""
        common = min(_common(prompts), min(map(len, prompts)) - 1)
        best = max(self._heads, key=lambda head: _common([head.ids, prompts[0][:common]]), default=None)
        kept = _common([best.ids, prompts[0][:common]]) if best else 0
        if best and kept >= max(SPARE, common - SPARE):
            return best.cut(kept)
        if common < SPARE or len(prompts) < 2:
            return None
        ids, cache = prompts[0][:common], DynamicCache()
        for i, (key, value) in enumerate(best.cut(kept).layers if best and kept else []):
            cache.update(key, value, i)
        missing = torch.tensor([ids[kept:]], device=self.model.device)
        self.model(missing, past_key_values=cache, use_cache=True, logits_to_keep=1)
        self.heads_computed += 1
        head = _Head(ids, [(layer.keys, layer.values) for layer in cache.layers])  # type: ignore[union-attr,misc]
        self._heads = [*self._heads[1 - HEADS_KEPT :], head]
        return head

    def _open(self, tails: list[tuple[int, ...]], head: _Head | None) -> _State:
        """Compute the tails, padded on the left, after the head."""
        rows, length, device = len(tails), max(map(len, tails)), self.model.device
        padded = [(0,) * (length - len(tail)) + tail for tail in tails]
        visible = torch.tensor([[i >= length - len(tail) for i in range(length)] for tail in tails], device=device)
        cache = DynamicCache()
        if head and not self._shares:
            for i, (key, value) in enumerate(head.layers):
                cache.update(key.expand(rows, -1, -1, -1), value.expand(rows, -1, -1, -1), i)
        state = _State(cache, visible[:, :0], torch.empty(0))
        self._step(state, head, torch.tensor(padded, device=device), visible)
        return state

    def _step(self, state: _State, head: _Head | None, ids: Tensor, visible: Tensor, keep: int = 1) -> Tensor:
        """Run ``ids`` [rows, steps] after what the state holds; return logits [rows, keep, vocabulary]."""
        state.visible = torch.cat([state.visible, visible], dim=1)
        steps, before = ids.shape[1], len(head.ids) if head else 0
        options: dict[str, Any] = {"past_key_values": state.cache, "use_cache": True, "logits_to_keep": keep}
        if self._places:
            positions = before + state.visible.long().cumsum(dim=1)[:, -steps:] - 1
            options["position_ids"] = positions.clamp(min=0)
        if self._shares:
            options["attention_mask"] = tail_mask(state.visible, steps, self.model.dtype)
        else:
            options["attention_mask"] = torch.nn.functional.pad(state.visible.long(), (before, 0), value=1)
        with sharing(Heads(head.layers) if head and self._shares else None):
            logits: Tensor = self.model(ids, **options).logits
        state.logits = logits[:, -1]
        return logits

    def _write(self, batch: list[_Writing], head: _Head | None, sampling: Sampling) -> None:
        before = len(head.ids) if head else 0
        unique = {ids: i for i, ids in enumerate(dict.fromkeys(request.ids for request in batch))}
        state = self._open([ids[before:] for ids in unique], head)
        state.select([unique[request.ids] for request in batch])
        written: list[list[int]] = [[] for _ in batch]
        logprobs = [0.0 for _ in batch]
        draws = uniform_draws([request.seed for request in batch], sampling.max_tokens).to(self.model.device)
        rows, done = list(range(len(batch))), set[int]()
        for step in range(sampling.max_tokens):
            tokens, gained = pick(state.logits, draws[rows, step], sampling)
            for row, token, gain in zip(rows, tokens.tolist(), gained.tolist(), strict=True):
                if row not in done:
                    written[row].append(token)
                    logprobs[row] += gain
                    if token in self._ends or self._stopped(written[row], sampling.stop):
                        done.add(row)
            if len(done) == len(batch):
                break
            live = [i for i, row in enumerate(rows) if row not in done]
            if len(live) < COMPACT_BELOW * len(rows):
                state.select(live)
                rows, tokens = [rows[i] for i in live], tokens[live]
            self._step(state, head, tokens[:, None], torch.ones_like(tokens[:, None], dtype=torch.bool))
        for row, request in enumerate(batch):
            request.tokens, request.logprob, request.stopped = written[row], logprobs[row], row in done

    def _stopped(self, tokens: list[int], stop: tuple[str, ...]) -> bool:
        return bool(stop) and cut(self.tokenizer.decode(tokens), stop)[1]

    def _draft(self, request: _Writing, sampling: Sampling) -> Draft:
        text, _ = cut(self.tokenizer.decode(request.tokens, skip_special_tokens=True), sampling.stop)
        self.tokens_generated += len(request.tokens)
        return Draft(text, "stop" if request.stopped else "length", len(request.tokens), request.logprob)

    def _weigh(self, batch: list[_Scoring], head: _Head | None) -> None:
        before = len(head.ids) if head else 0
        unique = {ids: i for i, ids in enumerate(dict.fromkeys(request.ids for request in batch))}
        state = self._open([ids[before:] for ids in unique], head)
        state.select([unique[request.ids] for request in batch])
        device = self.model.device
        first = torch.tensor([request.continuation[0] for request in batch], device=device)
        logprobs = log_probability(state.logits, first)
        steps = max(len(request.continuation) for request in batch) - 1
        if steps:
            padded = [request.continuation + (0,) * (steps + 1 - len(request.continuation)) for request in batch]
            ids = torch.tensor(padded, device=device)
            real = torch.tensor([[i < len(r.continuation) for i in range(1, steps + 1)] for r in batch], device=device)
            given = torch.ones_like(real)
            logits = self._step(state, head, ids[:, :-1], given, keep=steps)
            logprobs = logprobs + (log_probability(logits, ids[:, 1:]) * real).sum(dim=1)
        for request, logprob in zip(batch, logprobs.tolist(), strict=True):
            request.logprob = logprob


def _common(sequences: list[tuple[int, ...]]) -> int:
    """Return how many tokens all the sequences begin with in common."""
    low, high = min(sequences), max(sequences)
    for i, (a, b) in enumerate(zip(low, high, strict=False)):
        if a != b:
            return i
    return min(len(low), len(high))
