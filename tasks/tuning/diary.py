"""A trainer's logs to rows of ``training.jsonl``: loss, learning rate, gradient norm, speed and memory.

    {"loss": 2.31, "learning_rate": 4e-4, "grad_norm": 1.8}  ->  Step(step=40, steps=480, loss=2.31, …, memory_mb=1840)

The rows are kept beside the checkpoints, so that a resumed training goes on with those of the interrupted one.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tasks.memory import peak_mb
from tasks.storage import iter_dicts, write_records
from tasks.tuning.pace import Pace

DIARY = "diary.jsonl"


@dataclass(frozen=True, slots=True)
class Step:
    """One logged step of training. Memory is the peak since training began (GPU: the allocator's), in MB."""

    step: int
    steps: int
    loss: float
    learning_rate: float
    grad_norm: float
    tokens_per_second: float
    memory_mb: float
    elapsed_s: float


class Diary(TrainerCallback):
    """Turns the trainer's logs into rows: loss, learning rate, gradient norm, speed and memory.

    The rows are kept beside the checkpoints, so that a resumed training goes on with those of the interrupted one.
    """

    def __init__(self, pace: Pace, path: Path, report: Callable[[Step], None] | None) -> None:
        self.rows: list[dict[str, Any]] = []
        self._pace = pace
        self._path = path
        self._report = report
        self._started = time.monotonic()
        self._last = (self._started, 0)

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those before an interruption among them."""
        return time.monotonic() - self._started

    @property
    def mean_loss(self) -> float:
        """Mean loss of the logged steps, each row being the mean since the one before."""
        ends = [0, *(row["step"] for row in self.rows)]
        summed = sum(row["loss"] * (end - start) for row, (start, end) in zip(self.rows, pairwise(ends), strict=True))
        return float(summed / ends[-1])

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock; rows up to the checkpoint that is gone on from are taken over."""
        if state.global_step and self._path.is_file():
            self.rows = [row for row in iter_dicts(self._path) if row["step"] <= state.global_step]
        now = time.monotonic()
        self._started = now - (self.rows[-1]["elapsed_s"] if self.rows else 0.0)
        self._last = (now, state.num_input_tokens_seen)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Keep the rows with the checkpoint."""
        if state.is_world_process_zero:
            write_records(self._path, self.rows)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Add one row for each logged training step."""
        if not logs or "loss" not in logs:
            return
        now = time.monotonic()
        then, before = self._last
        self._last = (now, state.num_input_tokens_seen)
        tokens = state.num_input_tokens_seen - before
        steps = round(state.global_step / self._pace.progress)
        step = Step(
            state.global_step, steps, float(logs["loss"]), float(logs.get("learning_rate", 0.0)),
            float(logs.get("grad_norm", 0.0)), round(tokens / max(now - then, 1e-6), 1), round(peak_mb(), 1),
            round(now - self._started, 2),
        )  # fmt: skip
        self.rows.append(asdict(step))
        if self._report is not None:
            self._report(step)
