"""Speed of training against a bare loop over the same batches: ``python -m bench.tuning RUN --out FILE.md``.

RUN is a folder in which ``closedbook run`` has composed examples. The trainer takes some steps on them; two bare
PyTorch loops (forward, backward, clip, step; no trainer, no callbacks) then take the same batches with a fresh student
each: one with the model's own loss over every position, one with the loss at labels only, as the trainer computes it.
Turns are interleaved, medians are reported. Memory is the process' own, after a few steps and at the end.
"""

import argparse
import itertools
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model

from flows.finetune import taught
from flows.run_folder import read_setup
from tasks.config import TuningConfig
from tasks.tuning import sft
from tasks.tuning.encoding import IGNORED
from tasks.tuning.students import fast_bfloat16, load_student

WARM_UP = 4
"""Steps that are not counted: memory is taken from the system in them."""
Batch = dict[str, torch.Tensor]


def trained(run: Path, steps: int) -> tuple[list[float], list[Batch], list[float], float]:
    """Seconds of each step of the trainer, its batches, the process' MiB after each, and the share of padding."""
    config = read_setup(run).config
    tuning = config.tuning.model_copy(update={"minutes": 600.0, "replay_share": 0.0})
    examples, statements = taught(run)
    with TemporaryDirectory() as folder:
        prepared = sft.prepare(examples, tuning, Path(folder), seed=config.seed, statements=statements)
        trainer = prepared.trainer
        trainer.args.max_steps = steps
        batches: list[Batch] = []
        ends: list[float] = []
        memory: list[float] = []
        own: Callable[..., Any] = trainer.compute_loss

        def recorded(model: Any, inputs: Batch, *rest: Any, **named: Any) -> Any:
            batches.append({name: value.clone() for name, value in inputs.items()})
            ends.append(time.perf_counter())
            memory.append(psutil.Process().memory_info().rss / 2**20)
            return own(model, inputs, *rest, **named)

        trainer.compute_loss = recorded  # type: ignore[method-assign]
        trainer.train()
        ends.append(time.perf_counter())
    computed = sum(batch["input_ids"].numel() for batch in batches)
    real = sum(int(batch["attention_mask"].sum()) for batch in batches)
    return [after - before for before, after in itertools.pairwise(ends)], batches, memory, 1 - real / computed


def bare(config: TuningConfig, batches: list[Batch], *, labels_only: bool) -> Iterator[float]:
    """Seconds of each step of a loop with nothing in it but the step."""
    student: Any = load_student(config.student, method=config.method)
    adapter = LoraConfig(
        r=config.rank, lora_alpha=config.alpha, lora_dropout=config.dropout, target_modules="all-linear",
        task_type="CAUSAL_LM",
    )  # fmt: skip
    model: Any = student if config.method == "full" else get_peft_model(student, adapter)
    model.train()
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=config.learning_rate, fused=True)
    for batch in batches:
        began = time.perf_counter()
        labels = batch["labels"][:, 1:]
        borne = labels != IGNORED
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast_bfloat16()):
            if labels_only:
                decoder = student.get_decoder()
                hidden = decoder(batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False)[0]
                logits = student.get_output_embeddings()(hidden[:, :-1][borne])
                loss = F.cross_entropy(logits.float(), labels[borne])
            else:
                loss = model(**{name: batch[name] for name in ("input_ids", "attention_mask", "labels")}).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        yield time.perf_counter() - began


def speed(batches: list[Batch], seconds: list[float]) -> float:
    """Tokens a second, padding not counted, without the first steps."""
    tokens = [int(batch["attention_mask"].sum()) for batch in batches]
    return sum(tokens[WARM_UP:]) / sum(seconds[WARM_UP:])


def report(run: Path, steps: int, turns: int) -> str:
    config = read_setup(run).config.tuning
    speeds: dict[str, list[float]] = {"trainer": [], "own": [], "labels": []}
    for _ in range(turns):
        seconds, batches, memory, padding = trained(run, steps)
        speeds["trainer"].append(speed(batches, seconds))
        for name in ("own", "labels"):
            speeds[name].append(speed(batches, list(bare(config, batches, labels_only=name == "labels"))))
    median = {name: statistics.median(found) for name, found in speeds.items()}
    return "\n".join(
        [
            "# Training",
            "",
            f"`python -m bench.tuning RUN --steps {steps} --turns {turns}`, Python {platform.python_version()}, "
            f"{os.cpu_count()} CPU cores ({platform.machine()}), no GPU, {date.today():%d %B %Y}.",
            "",
            "| tokens a second, median | |",
            "|---|---|",
            f"| the trainer | {median['trainer']:.0f} |",
            f"| bare loop, loss at labels only | {median['labels']:.0f}; the trainer reaches "
            f"{median['trainer'] / median['labels']:.2f} of it (aim: 0.9) |",
            f"| bare loop, the model's own loss | {median['own']:.0f}; the trainer reaches "
            f"{median['trainer'] / median['own']:.2f} of it |",
            "",
            f"Padding: {padding:.1%} of the computed positions (aim: 5% at most). Memory: {memory[WARM_UP]:,.0f} MiB "
            f"after {WARM_UP} steps, {memory[len(memory) // 2]:,.0f} half-way, {memory[-1]:,.0f} at the end.",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.steps <= 2 * WARM_UP:
        parser.error(f"--steps {options.steps}: the first {WARM_UP} are not counted; take at least {2 * WARM_UP + 1}")
    text = report(options.run, options.steps, options.turns)
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
