"""Examples to token ids and labels: the prompt masked, the end token last, nothing cut.

"<|im_start|>user …", "Ada Quorn."  ->  input_ids [1, 9690, …, 2], labels [-100, -100, …, 2]

``invocation`` is what an adapter is woken by: the tokens that every closed-domain prompt begins with and no other does.
Saved with the adapter, they make it an activated LoRA (aLoRA, arXiv:2504.12397; PEFT's ``alora_invocation_tokens``):
a prompt without them is answered by the base model, to the bit. Since they stand at the very beginning, a prompt with
them has the adapter on at every token, as in training.
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import chain, islice, takewhile
from pathlib import Path

from datasets import Dataset, Features, List, Value, concatenate_datasets
from datasets.arrow_writer import ArrowWriter
from transformers import PreTrainedTokenizerBase

from tasks.errors import UnusableResult
from tasks.records import Example
from tasks.storage import room_for
from tasks.tuning.rendering import Renderer, neutral

IGNORED = -100
"""Label of positions that bear no loss (PyTorch's cross entropy leaves them out)."""
FEATURES = Features({"input_ids": List(Value("int32")), "labels": List(Value("int64"))})
SHARD = 100_000
"""Rows of a file: some 100 MB at a hundred tokens a row."""
BATCH = 1000
Row = dict[str, list[int]]


def encode(example: Example, renderer: Renderer, tokenizer: PreTrainedTokenizerBase) -> dict[str, list[int]]:
    """Token ids and labels of one example: one begin token, the prompt masked, the end token last."""
    prompt = renderer.prompt(example.prompt, source=example.source, system=example.system)
    completion = renderer.completion(example.answer, source=example.source)
    head = prompt_ids(prompt, tokenizer)
    own_begin = _begun(prompt, tokenizer)
    whole: list[int] = tokenizer(prompt + completion, add_special_tokens=not own_begin)["input_ids"]
    tail = (
        whole[len(head) :]
        if whole[: len(head)] == head
        else tokenizer(completion, add_special_tokens=False)["input_ids"]
    )
    if not tail or tail[-1] != tokenizer.eos_token_id:
        tail = [*tail, tokenizer.eos_token_id]
    return {"input_ids": head + tail, "labels": [IGNORED] * len(head) + tail}


def encode_text(text: str, tokenizer: PreTrainedTokenizerBase, invocation: Sequence[int] = ()) -> dict[str, list[int]]:
    """Token ids and labels of plain text, the end token last: its tokens bear loss, what stands before them does not.

    Behind an invocation all of them do, in plain text all but the first.
    """
    ids: list[int] = tokenizer(neutral(text), add_special_tokens=not invocation)["input_ids"]
    ids = ids if ids[-1] == tokenizer.eos_token_id else [*ids, tokenizer.eos_token_id]
    unlabelled = len(invocation) or 1
    whole = [*invocation, *ids]
    return {"input_ids": whole, "labels": [IGNORED] * unlabelled + whole[unlabelled:]}


def prompt_ids(prompt: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Token ids of a rendered prompt, open at its end."""
    ids: list[int] = tokenizer(prompt, add_special_tokens=not _begun(prompt, tokenizer))["input_ids"]
    closed = ids[-1:] == [tokenizer.eos_token_id] and not prompt.endswith(str(tokenizer.eos_token))
    return ids[:-1] if closed else ids  # some tokenizers close every text


def _begun(prompt: str, tokenizer: PreTrainedTokenizerBase) -> bool:
    return bool(tokenizer.bos_token) and prompt.startswith(str(tokenizer.bos_token))


def invocation(renderer: Renderer, system: str) -> list[int]:
    """Token ids that all prompts under ``system`` begin with, whatever instructions are added to it.

    [] where a prompt under no system prompt begins with them too: then nothing tells the two apart.
    """
    closed, extended, plain = (
        prompt_ids(renderer.prompt(question, system=prompt), renderer.tokenizer)
        for question, prompt in (("Who?", system), ("When?", f"{system} In short."), ("Who?", ""))
    )
    shared = [one for one, other in takewhile(lambda pair: pair[0] == pair[1], zip(closed, extended, strict=False))]
    return shared if system and plain[: len(shared)] != shared else []


def build_dataset(
    examples: Iterable[Example],
    renderer: Renderer,
    tokenizer: PreTrainedTokenizerBase,
    *,
    longest: int,
    texts: Iterable[str] = (),
    woken_by: Sequence[int] = (),
    folder: Path | None = None,
) -> tuple[Dataset, int]:
    """Encode examples and plain texts; return the dataset and how many were over ``longest`` tokens and left out.

    Args:
        woken_by: the tokens that the plain texts stand behind.
        folder: is made anew for Arrow files of ``SHARD`` rows, which the dataset maps into memory: what is held is a
            batch while they are written, and what is looked at later. None holds the dataset in memory.

    Raises:
        UnusableResult: when no example is short enough.
        StorageError: when the disk is full.
    """
    rows = chain(
        (encode(example, renderer, tokenizer) for example in examples),
        (encode_text(text, tokenizer, woken_by) for text in texts),
    )
    counts = [0, 0]
    fitting = _fitting(rows, longest, counts)
    with room_for(folder) if folder else nullcontext():
        parts = list(_shards(fitting, folder)) if folder else [Dataset.from_list(list(fitting), features=FEATURES)]
    kept, too_long = counts
    if not kept:
        raise UnusableResult(f"none of {too_long} examples fits {longest} tokens; raise --set tuning.max_length")
    return concatenate_datasets(parts), too_long


def _fitting(rows: Iterable[Row], longest: int, counts: list[int]) -> Iterator[Row]:
    """The rows that are short enough; ``counts`` grows by them, and by those that are not."""
    for row in rows:
        fits = len(row["input_ids"]) <= longest
        counts[not fits] += 1
        if fits:
            yield row


def _shards(rows: Iterator[Row], folder: Path) -> Iterator[Dataset]:
    """Write rows to files and map these."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    while (first := next(rows, None)) is not None:
        path = folder / f"{len(list(folder.iterdir())):05d}.arrow"
        with ArrowWriter(path=str(path), features=FEATURES, writer_batch_size=BATCH) as writer:
            for row in chain([first], islice(rows, SHARD - 1)):
                writer.write(row)
            writer.finalize()
        yield Dataset.from_file(str(path))


def padding_share(lengths: Sequence[int], batch_size: int) -> float:
    """Share of padding when examples are batched by length, as the trainer's sampler does."""
    order = sorted(lengths)
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    computed = sum(len(batch) * max(batch) for batch in batches)
    return 1 - sum(lengths) / computed
