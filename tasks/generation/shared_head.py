"""Attention over a prompt head that is computed once and kept once, whatever the number of rows that go on from it.

Few-shot prompts begin alike: a head of some 250 tokens, then a sentence of 40. Copying the head's keys and
values into every row of a batch makes each decoding step read them once a row; here all rows' queries go through
the one copy in a single matrix product, and the two softmax parts (head, own tail) are joined::

    queries [rows, heads, steps, dim]  x  head keys [1, kv_heads, head_len, dim]   one product for the batch
                                       x  tail keys [rows, kv_heads, tail_len, dim]  one a row
    softmax over head_len + tail_len

Rows may also go on from several heads: the hypotheses of a beam, each behind its own question. Each group's queries
then go through its one head, and nothing of a head is copied when a beam is reordered.

The same idea is known as Hydragen (Juravsky et al. 2024, arXiv:2402.05099). Measured on 2 CPU cores with a
135M model, 64 rows and a head of 250 tokens: decoding is 5 times as fast as with the head copied into every row.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

Layers = list[tuple[Tensor, Tensor]]
"""Keys and values of each layer, shaped [groups, kv_heads, head_len, dim]."""

ATTENTION = "closedbook_shared_head"


@dataclass(frozen=True, slots=True)
class Heads:
    """One head for each group of rows; with one group, the rows stand in it as they come.

    ``mask`` is additive, [groups, 1, 1, head_len]; None: all of a head is visible. ``slots`` [groups, most] are the
    rows of each group, filled up with any row; ``places`` [rows] says where each row stands in the flattened slots.
    """

    layers: Layers
    mask: Tensor | None = None
    slots: Tensor | None = None
    places: Tensor | None = None

    def gathered(self, by_row: Tensor) -> Tensor:
        """[rows, kv_heads, queries, n] -> [groups, kv_heads, most x queries, n]."""
        slotted = by_row[None] if self.slots is None else by_row[self.slots]
        groups, most, shared, queries, width = slotted.shape
        return slotted.transpose(1, 2).reshape(groups, shared, most * queries, width)

    def scattered(self, by_group: Tensor, queries: int) -> Tensor:
        """[groups, kv_heads, most x queries, n] -> [rows, kv_heads, queries, n]."""
        groups, shared, together, width = by_group.shape
        slotted = by_group.view(groups, shared, together // queries, queries, width).transpose(1, 2).flatten(0, 1)
        return slotted if self.places is None else slotted[self.places]


def grouped(layers: Layers, mask: Tensor | None, owners: Tensor) -> Heads:
    """Heads of several groups; ``owners`` [rows] is the group of each row."""
    groups = layers[0][0].shape[0]
    sizes = owners.bincount(minlength=groups)
    order = owners.argsort(stable=True)
    most = int(sizes.max())
    rank = torch.arange(len(owners), device=owners.device) - (sizes.cumsum(0) - sizes)[owners[order]]
    places = torch.empty_like(owners)
    places[order] = owners[order] * most + rank
    slots = torch.zeros(groups * most, dtype=torch.long, device=owners.device)
    slots[places] = torch.arange(len(owners), device=owners.device)
    return Heads(layers, mask, slots.view(groups, most), places)


_heads: ContextVar[Heads | None] = ContextVar("heads", default=None)


@contextmanager
def sharing(heads: Heads | None) -> Iterator[None]:
    """Let every attention call inside the block also see ``heads``, in front of its own keys."""
    token = _heads.set(heads)
    try:
        yield
    finally:
        _heads.reset(token)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attention function of transformers: scaled dot product over the shared head, then the row's own tail.

    ``attention_mask`` is additive, [rows or 1, 1, steps, tail_len]; a head is visible to every position.
    """
    heads = _heads.get()
    if heads is None:
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)
        return output, None
    head_key, head_value = heads.layers[int(module.layer_idx)]  # type: ignore[arg-type]
    rows, count, steps, dim = query.shape
    shared, length = key.shape[1], head_key.shape[2]
    group = count // shared
    query = query * (dim**-0.5 if scaling is None else scaling)
    folded = query.reshape(rows, shared, group * steps, dim)
    through_head = heads.gathered(folded) @ head_key.transpose(2, 3)
    if heads.mask is not None:
        through_head = through_head + heads.mask
    on_head = heads.scattered(through_head, group * steps)
    on_tail = folded @ key.transpose(2, 3)
    if attention_mask is not None:
        on_tail = (on_tail.view(rows, shared, group, steps, -1) + attention_mask[:, :, None]).flatten(2, 3)
    weights = torch.cat([on_head, on_tail], dim=-1).float().softmax(dim=-1).to(query.dtype)
    from_head = heads.scattered(heads.gathered(weights[..., :length]) @ head_value, group * steps)
    mixed = from_head + weights[..., length:] @ value
    return mixed.reshape(rows, count, steps, dim).transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION, attend)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)


def tail_mask(visible: Tensor, steps: int, dtype: torch.dtype) -> Tensor:
    """Return the additive mask of the last ``steps`` positions over a tail: causal, and blind to padding.

    ``visible`` is [rows, tail_len], False on padding. The result is [rows, 1, steps, tail_len].
    """
    length = visible.shape[1]
    device = visible.device
    query_at = torch.arange(length - steps, length, device=device)
    causal = torch.arange(length, device=device)[None, :] <= query_at[:, None]
    allowed = causal[None] & visible[:, None, :]
    mask = torch.zeros(allowed.shape, dtype=dtype, device=device)
    return mask.masked_fill(~allowed, torch.finfo(dtype).min)[:, None]
