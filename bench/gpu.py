"""Llama-2 shapes with random weights on a GPU: ``python -m bench.gpu --shapes 7b 13b --out bench/results/gpu.md``.

Speed and memory do not depend on what the weights are, so none have to be fetched. For each shape, in NF4 with double
quantisation, computed in bfloat16:

    generation   tokens a second of the project's generator over prompts with a common head, against the loop of the
                 tutorials (one prompt at a time, ``model.generate``), against the same in batches with a static cache,
                 and against transformers' continuous batching; memory at the peak
    QLoRA        seconds a step and memory at the peak, rank 64 on all linear layers, sequences of 512 tokens, batches
                 of 1 and 8, with and without activation checkpointing

``--shapes tiny`` runs the same code in seconds on a CPU: a test of this file, its figures mean nothing.
Goals: 30 times the loop; 7B tuned within 8 GB, 13B within 16 GB.
"""

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, GenerationConfig, LlamaConfig, PreTrainedTokenizerFast, TrainerCallback

from tasks.config import TuningConfig
from tasks.generation.generators import Sampling
from tasks.generation.transformer import TransformersGenerator
from tasks.memory import peak_mb, reset_peak
from tasks.tuning.sft import build_trainer
from tasks.tuning.students import load_student

SHAPES: dict[str, dict[str, int]] = {
    "tiny": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4},
    "1b": {"hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22, "num_attention_heads": 32},
    "7b": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32},
    "13b": {"hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 40, "num_attention_heads": 40},
}
VOCABULARY = 32_000
HEAD, TAIL, NEW = 250, 40, 64
"""Tokens of a prompt that all share, of its own, and of a completion: as the few-shot prompts here."""
SEQUENCE = 512
STEPS = 6
"""Timed steps; one more before them warms up."""
Row = list[str]


def word_tokenizer(vocabulary: int) -> PreTrainedTokenizerFast:
    """A tokenizer of one token a word ``w17``, so that lengths are exact."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {f"w{number}": number for number in range(3, vocabulary)}
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "<s>": 1, "</s>": 2} | words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>"
    )


def write_random(shape: str, folder: Path) -> None:
    """Write a random Llama of the shape in bfloat16, with its tokenizer; the 13B takes 26 GB of disk."""
    vocabulary = 512 if shape == "tiny" else VOCABULARY
    config = LlamaConfig(
        vocab_size=vocabulary, max_position_embeddings=4096, tie_word_embeddings=False, **SHAPES[shape]
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.device(device):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)  # type: ignore[no-untyped-call]
    model.save_pretrained(str(folder))
    word_tokenizer(vocabulary).save_pretrained(str(folder))
    del model
    free()


def free() -> None:
    """Hand back what the last measurement held, and measure the peak anew."""
    import gc

    gc.collect()
    torch.cuda.empty_cache()
    reset_peak()


def prompts(count: int, vocabulary: int) -> list[str]:
    """Prompts with a common head."""
    draw = torch.Generator().manual_seed(1)

    def words(length: int) -> str:
        return " ".join(f"w{number}" for number in torch.randint(3, vocabulary, (length,), generator=draw).tolist())

    head = words(HEAD)
    return [f"{head} {words(TAIL)}" for _ in range(count)]


def timed(work: Callable[[], object]) -> float:
    """Seconds of a piece of work, the GPU's included."""
    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def generation(shape: str, folder: Path, count: int, alone: int) -> list[Row]:
    """Measure the ways to generate; tokens are counted as asked for, ends are suppressed."""
    free()
    generator = TransformersGenerator.load(str(folder))
    generator._ends = set()
    model, tokenizer = generator.model, generator.tokenizer
    asked = prompts(count, model.config.vocab_size)
    sampling = Sampling(temperature=0.0, max_tokens=NEW, stop=())
    generator.generate(asked[:2], Sampling(temperature=0.0, max_tokens=2, stop=()))
    free()
    rows = [measured(f"ours, {count} prompts", count, lambda: generator.generate(asked, sampling))]
    rows[0][0] += f", {generator.batch_size or 'all that fit'} a batch"
    model.set_attn_implementation("sdpa")
    rows.append(measured("loop, one at a time", alone, lambda: plainly(model, tokenizer, asked[:alone], 1)))
    rows.append(measured("generate, 16 a batch", count, lambda: plainly(model, tokenizer, asked, 16)))
    rows.append(measured("the same, static cache", count, lambda: plainly(model, tokenizer, asked, 16, cache="static")))
    if torch.cuda.is_available():
        rows.append(measured("continuous batching", count, lambda: continuously(model, tokenizer, asked)))
    return [[shape, *row] for row in rows]


def measured(name: str, count: int, work: Callable[[], object]) -> Row:
    """Name, tokens a second and the peak in MB."""
    free()
    seconds = timed(work)
    return [name, f"{count * NEW / seconds:,.0f}", f"{peak_mb():,.0f}"]


def plainly(model: Any, tokenizer: Any, asked: Sequence[str], size: int, cache: str | None = None) -> None:
    """``model.generate`` over batches of prompts."""
    wanted = GenerationConfig(
        max_new_tokens=NEW, min_new_tokens=NEW, do_sample=False, pad_token_id=2, cache_implementation=cache
    )
    for start in range(0, len(asked), size):
        batch = tokenizer(list(asked[start : start + size]), return_tensors="pt").to(model.device)
        model.generate(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], generation_config=wanted)


def continuously(model: Any, tokenizer: Any, asked: Sequence[str]) -> None:
    """transformers' paged, continuous batching."""
    wanted = GenerationConfig(max_new_tokens=NEW, do_sample=False, pad_token_id=2, eos_token_id=-1)
    model.generate_batch(inputs=tokenizer(list(asked))["input_ids"], generation_config=wanted, progress_bar=False)


def tuning(shape: str, folder: Path, batches: Sequence[int]) -> list[Row]:
    """Measure QLoRA steps."""
    rows = []
    for size in batches:
        for checkpointing in (False, True):
            free()
            try:
                seconds = step_seconds(folder, size, checkpointing)
                figures = [f"{seconds:.3f}", f"{size * SEQUENCE / seconds:,.0f}", f"{peak_mb():,.0f}"]
            except torch.OutOfMemoryError:
                figures = ["out of memory", "", ""]
            rows.append([shape, str(size), "yes" if checkpointing else "no", *figures])
    return rows


class Clock(TrainerCallback):
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._begun = 0.0

    def on_step_begin(self, *unused: Any, **named: Any) -> None:
        """Start."""
        self._begun = self._now()

    def on_step_end(self, *unused: Any, **named: Any) -> None:
        """Stop."""
        self.seconds.append(self._now() - self._begun)

    def _now(self) -> float:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()


def step_seconds(folder: Path, size: int, checkpointing: bool) -> float:
    """Median seconds of an optimiser step, through the project's own trainer."""
    config = TuningConfig(
        student=str(folder), method="qlora", rank=64, alpha=16, batch_size=size, activation_checkpointing=checkpointing
    )
    model = load_student(str(folder), method="qlora")
    vocabulary = model.config.vocab_size
    draw = torch.Generator().manual_seed(2)
    rows = torch.randint(3, vocabulary, (size * (STEPS + 1), SEQUENCE), generator=draw).tolist()
    dataset = Dataset.from_list([{"input_ids": row, "labels": row} for row in rows])
    with tempfile.TemporaryDirectory() as scratch:
        tokenizer = word_tokenizer(vocabulary)
        trainer = build_trainer(model, config, dataset, tokenizer, Path(scratch), seed=1)
        trainer.args.max_steps, trainer.args.save_strategy = STEPS + 1, "no"
        clock = Clock()
        trainer.add_callback(clock)
        trainer.train()
    return statistics.median(clock.seconds[1:])


def shape_rows(shape: str, options: argparse.Namespace) -> tuple[list[Row], list[Row]]:
    """All measurements of one shape."""
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        folder = Path(scratch) / shape
        write_random(shape, folder)
        return generation(shape, folder, options.prompts, options.alone), tuning(shape, folder, options.batches)


def table(head: Row, rows: Sequence[Row]) -> str:
    """Rows as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Measure what is asked for and write the tables after every shape."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=["7b", "13b"])
    parser.add_argument("--prompts", type=int, default=256)
    parser.add_argument("--alone", type=int, default=8, help="prompts that the one-at-a-time loop is timed on")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--scratch", type=Path, help="folder on a disk with room for the weights")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU ({platform.machine()}), no GPU"
    generated: list[Row] = []
    tuned: list[Row] = []
    for shape in options.shapes:
        first, second = shape_rows(shape, options)
        generated, tuned = generated + first, tuned + second
        text = "\n\n".join(
            [
                "# Llama-2 shapes, random weights, NF4",
                f"`python -m bench.gpu --shapes {' '.join(options.shapes)}`; {where}; {date.today():%B %Y}; "
                f"prompts of {HEAD} common and {TAIL} own tokens, {NEW} new ones; sequences of {SEQUENCE} in tuning.",
                table(["shape", "generation", "tokens a second", "peak MB"], generated),
                table(["shape", "batch", "checkpointing", "s a step", "tokens a second", "peak MB"], tuned),
            ]
        )
        print(text, flush=True)
        if options.out:
            options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
