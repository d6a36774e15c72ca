"""The shared head: attention over one copy equals attention over copies, and no token of it is computed twice."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from transformers import LlamaConfig

from tasks.generation.generators import Sampling
from tasks.generation.shared_head import Heads, attend, grouped, sharing, tail_mask
from tasks.generation.transformer import TransformersGenerator
from tests.tiny import tiny_llama, tiny_tokenizer

WORDS = "the pump lifts brine from a deep well near river Quenlow was built by Odo Marrick".split()
TOKENIZER = tiny_tokenizer([" ".join(WORDS)] * 3)
HEAD = "Some examples: " + " ".join(random.Random(0).choices(WORDS, k=40)) + "\n"


def prompts(count: int, start: str = HEAD) -> list[str]:
    draw = random.Random(count)
    return [start + " ".join(draw.sample(WORDS, k=draw.randint(3, 9))) for _ in range(count)]


def engine(batch_size: int = 4) -> TransformersGenerator:
    return TransformersGenerator(tiny_llama(TOKENIZER), TOKENIZER, name="tiny", batch_size=batch_size)


@contextmanager
def reading(generator: TransformersGenerator) -> Iterator[Counter[tuple[int, ...]]]:
    """Count the rows of tokens that the model is given to read."""
    rows: Counter[tuple[int, ...]] = Counter()

    def count(_: object, arguments: tuple[torch.Tensor, ...]) -> None:
        rows.update(tuple(row) for row in arguments[0].tolist())

    hook = generator.model.register_forward_pre_hook(count)
    try:
        yield rows
    finally:
        hook.remove()


def times_read(rows: Counter[tuple[int, ...]], part: tuple[int, ...]) -> int:
    """In how many rows a run of tokens stands."""
    return sum(
        count
        for row, count in rows.items()
        if any(row[i : i + len(part)] == part for i in range(len(row) - len(part) + 1))
    )


def ids(text: str) -> tuple[int, ...]:
    return tuple(TOKENIZER(text)["input_ids"])


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_a_batch_reads_its_head_once_and_then_only_tails(batch_size: int) -> None:
    generator, asked = engine(batch_size), prompts(16)
    with reading(generator) as rows:
        generator.generate(asked, Sampling(temperature=0.0, max_tokens=1, stop=()))
        generator.score(asked, [" pump lifts"] * 16)
    head = ids(HEAD)[:-1]
    assert times_read(rows, head) == 1 and times_read(rows, head[:20]) == 1 and times_read(rows, head[-20:]) == 1
    longest = max(len(ids(prompt)) for prompt in asked) - len(head)
    assert all(len(row) <= longest + 1 for row in rows if row[: len(head)] != head)


def test_a_longer_head_goes_on_from_the_one_that_is_kept() -> None:
    generator = engine()
    longer = HEAD + "Sentence: " + " ".join(WORDS) + "\nQuestion: "
    with reading(generator) as rows:
        generator.generate(prompts(6), Sampling(max_tokens=2))
        generator.score(prompts(5, longer), [" brine"] * 5)
    assert times_read(rows, ids(HEAD)[:-1]) == 1
    assert generator.heads_computed == 2
    fresh = engine().score(prompts(5, longer), [" brine"] * 5)
    assert generator.score(prompts(5, longer), [" brine"] * 5) == pytest.approx(fresh, abs=1e-4)


def test_attention_over_one_copy_equals_attention_over_a_copy_a_row() -> None:
    torch.manual_seed(0)
    rows, heads, shared, steps, dim, length, tail = 3, 4, 2, 2, 8, 7, 5
    query = torch.randn(rows, heads, steps, dim)
    key, value = torch.randn(2, rows, shared, tail, dim)
    head_key, head_value = torch.randn(2, 1, shared, length, dim)
    visible = torch.tensor([[True] * 5, [False, False, True, True, True], [False, True, True, True, True]])
    mask = tail_mask(visible, steps, torch.float32)
    with sharing(Heads([(head_key, head_value)])):
        mixed, _ = attend(layer(heads, shared), query, key, value, mask, scaling=None)
    whole_key = torch.cat([head_key.expand(rows, -1, -1, -1), key], dim=2).repeat_interleave(heads // shared, dim=1)
    whole_value = torch.cat([head_value.expand(rows, -1, -1, -1), value], dim=2).repeat_interleave(2, dim=1)
    whole_mask = torch.cat([torch.zeros(rows, 1, steps, length), mask], dim=-1)
    plain = torch.nn.functional.scaled_dot_product_attention(query, whole_key, whole_value, whole_mask)
    assert torch.allclose(mixed, plain.transpose(1, 2), atol=1e-5)


def test_rows_of_several_heads_attend_each_to_its_own() -> None:
    torch.manual_seed(0)
    rows, heads, shared, dim, length, tail = 6, 4, 2, 8, 5, 3
    owners = torch.tensor([2, 0, 2, 0, 2, 3])  # the head of 1 has no row left
    query, (key, value) = torch.randn(rows, heads, 1, dim), torch.randn(2, rows, shared, tail, dim)
    head_key, head_value = torch.randn(2, 4, shared, length, dim)
    seen = torch.tensor([[True] * 5, [True] * 5, [False, False, True, True, True], [False, True, True, True, True]])
    mask = torch.zeros(4, 1, 1, length).masked_fill(~seen[:, None, None], torch.finfo(torch.float32).min)
    with sharing(grouped([(head_key, head_value)], mask, owners)):
        mixed, _ = attend(layer(heads, shared), query, key, value, None, scaling=None)
    whole_key, whole_value = (
        torch.cat([head[owners], own], dim=2).repeat_interleave(heads // shared, dim=1)
        for head, own in ((head_key, key), (head_value, value))
    )
    whole_mask = torch.cat([mask[owners], torch.zeros(rows, 1, 1, tail)], dim=-1)
    plain = torch.nn.functional.scaled_dot_product_attention(query, whole_key, whole_value, whole_mask)
    assert torch.allclose(mixed, plain.transpose(1, 2), atol=1e-5)


def layer(heads: int, shared: int) -> torch.nn.Module:
    module = torch.nn.Module()
    module.layer_idx = 0  # type: ignore[assignment]
    module.config = LlamaConfig(num_attention_heads=heads, num_key_value_heads=shared)  # type: ignore[assignment]
    return module


def test_the_mask_of_a_tail_is_causal_and_blind_to_padding() -> None:
    mask = tail_mask(torch.tensor([[True, True, True], [False, True, True]]), 2, torch.float32)
    assert mask.shape == (2, 1, 2, 3)
    assert (mask[:, 0] == 0).tolist() == [
        [[True, True, False], [True, True, True]],
        [[False, True, False], [False, True, True]],
    ]
