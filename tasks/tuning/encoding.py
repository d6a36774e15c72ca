"""Examples to token ids and labels: the prompt masked, the end token last, nothing cut.

"<|im_start|>user …", "Ada Quorn."  ->  input_ids [1, 9690, …, 2], labels [-100, -100, …, 2]
"""

from collections.abc import Sequence

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from tasks.errors import UnusableResult
from tasks.records import Example
from tasks.tuning.rendering import Renderer, neutral

IGNORED = -100
"""Label of positions that bear no loss (PyTorch's cross entropy leaves them out)."""


def encode(example: Example, renderer: Renderer, tokenizer: PreTrainedTokenizerBase) -> dict[str, list[int]]:
    """Token ids and labels of one example: one begin token, the prompt masked, the end token last."""
    prompt = renderer.prompt(example.prompt, source=example.source, system=example.system)
    completion = renderer.completion(example.answer, source=example.source)
    own_begin = bool(tokenizer.bos_token) and prompt.startswith(str(tokenizer.bos_token))
    head: list[int] = tokenizer(prompt, add_special_tokens=not own_begin)["input_ids"]
    if head and head[-1] == tokenizer.eos_token_id and not prompt.endswith(str(tokenizer.eos_token)):
        head = head[:-1]  # some tokenizers close every text, and a prompt is open
    whole: list[int] = tokenizer(prompt + completion, add_special_tokens=not own_begin)["input_ids"]
    tail = (
        whole[len(head) :]
        if whole[: len(head)] == head
        else tokenizer(completion, add_special_tokens=False)["input_ids"]
    )
    if not tail or tail[-1] != tokenizer.eos_token_id:
        tail = [*tail, tokenizer.eos_token_id]
    return {"input_ids": head + tail, "labels": [IGNORED] * len(head) + tail}


def encode_text(text: str, tokenizer: PreTrainedTokenizerBase) -> dict[str, list[int]]:
    """Token ids and labels of plain text: every token but the first bears loss, the end token last."""
    ids: list[int] = tokenizer(neutral(text))["input_ids"]
    ids = ids if ids[-1] == tokenizer.eos_token_id else [*ids, tokenizer.eos_token_id]
    return {"input_ids": ids, "labels": [IGNORED, *ids[1:]]}


def build_dataset(
    examples: Sequence[Example],
    renderer: Renderer,
    tokenizer: PreTrainedTokenizerBase,
    *,
    longest: int,
    texts: Sequence[str] = (),
) -> tuple[Dataset, int]:
    """Encode examples and plain texts; return the dataset and how many were over ``longest`` tokens and left out."""
    rows = [encode(example, renderer, tokenizer) for example in examples]
    rows += [encode_text(text, tokenizer) for text in texts]
    kept = [row for row in rows if len(row["input_ids"]) <= longest]
    if not kept:
        raise UnusableResult(f"none of {len(rows)} examples fits {longest} tokens; raise --set tuning.max_length")
    return Dataset.from_list(kept), len(rows) - len(kept)


def padding_share(lengths: Sequence[int], batch_size: int) -> float:
    """Share of padding when examples are batched by length, as the trainer's sampler does."""
    order = sorted(lengths)
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    computed = sum(len(batch) * max(batch) for batch in batches)
    return 1 - sum(lengths) / computed
