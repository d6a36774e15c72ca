"""Attention over a prompt head that is computed once and kept once, whatever the size of the batch.

Few-shot prompts begin alike: a head of some 250 tokens, then a sentence of 40. Copying the head's keys and
values into every row of a batch makes each decoding step read them once a row; here all rows' queries go through
the one copy in a single matrix product, and the two softmax parts (head, own tail) are joined::

    queries [rows, heads, steps, dim]  x  head keys [1, kv_heads, head_len, dim]   one product for the batch
                                       x  tail keys [rows, kv_heads, tail_len, dim]  one a row
    softmax over head_len + tail_len

The same idea is known as Hydragen (Juravsky et al. 2024, arXiv:2402.05099). Measured on 2 CPU cores with a
135M model, 64 rows and a head of 250 tokens: decoding is 5 times as fast as with the head copied into every row.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

Layers = list[tuple[Tensor, Tensor]]
"""Keys and values of each layer, shaped [1, kv_heads, head_len, dim]."""

ATTENTION = "closedbook_shared_head"

_head: ContextVar[Layers | None] = ContextVar("head", default=None)


@contextmanager
def sharing(head: Layers | None) -> Iterator[None]:
    """Let every attention call inside the block also see ``head``, in front of its own keys."""
    token = _head.set(head)
    try:
        yield
    finally:
        _head.reset(token)


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

    ``attention_mask`` is additive, [rows or 1, 1, steps, tail_len]; the head is visible to every position.
    """
    layers = _head.get()
    if layers is None:
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)
        return output, None
    head_key, head_value = layers[int(module.layer_idx)]  # type: ignore[arg-type]
    rows, heads, steps, dim = query.shape
    shared, length = key.shape[1], head_key.shape[2]
    group = heads // shared
    query = query * (dim**-0.5 if scaling is None else scaling)
    folded = query.reshape(rows, shared, group * steps, dim)
    through_head = folded.transpose(0, 1).reshape(shared, rows * group * steps, dim) @ head_key[0].transpose(1, 2)
    on_head = through_head.view(shared, rows, group * steps, length).transpose(0, 1)
    on_tail = folded @ key.transpose(2, 3)
    if attention_mask is not None:
        on_tail = (on_tail.view(rows, shared, group, steps, -1) + attention_mask[:, :, None]).flatten(2, 3)
    weights = torch.cat([on_head, on_tail], dim=-1).float().softmax(dim=-1).to(query.dtype)
    from_head = weights[..., :length].transpose(0, 1).reshape(shared, rows * group * steps, length) @ head_value[0]
    mixed = from_head.view(shared, rows, group * steps, dim).transpose(0, 1) + weights[..., length:] @ value
    return mixed.reshape(rows, heads, steps, dim).transpose(1, 2).contiguous(), None


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
