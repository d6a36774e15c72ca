"""Steps and a clock to one measure of progress: training ends with its epochs or its minutes, whichever come first.

    step 120 of 480, 3.0 of 6.0 minutes gone  ->  progress 0.5: the learning rate is where step 240 would have it

A plan made from a speed that is measured beforehand goes wrong where the machine has other work at that moment: a run
was once cut to a sixth of its steps. So nothing is planned: the learning rate's schedule follows the progress, and is
at its end when training ends, however fast the steps went. Where time does not bind, progress is steps over steps, and
a resumed training ends as the uninterrupted one would.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from torch.optim.lr_scheduler import LambdaLR
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

SAVES = 6
"""Checkpoints of a training, evenly over its progress."""


class Pace(TrainerCallback, ExportableState):
    """Measures progress, stops training at its time limit, and asks for checkpoints.

    Args:
        seconds: the time limit; seconds spent before an interruption count.
        clock: seconds, monotonic; another one in tests.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self.spent = 0.0
        self.progress = 0.0
        self._clock = clock
        self._last = clock()

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: the seconds spent."""
        return {"args": {"seconds": self.seconds}, "attributes": {"spent": self.spent}}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock, at the seconds that an interrupted training had spent when its checkpoint was saved."""
        kept: Any = state.stateful_callbacks
        self.spent = float(kept[type(self).__name__]["attributes"]["spent"])
        self._last = self._clock()
        self._advance(state)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Take the time; log and save at every ``SAVES``-th part of the way, stop at its end.

        No logged mean then spans a checkpoint: a resumed training logs what the uninterrupted one does.
        """
        before = self.progress
        self._advance(state)
        if int(self.progress * SAVES) > int(before * SAVES):
            control.should_save = control.should_log = True
        if self.progress >= 1:
            control.should_training_stop = True

    def _advance(self, state: TrainerState) -> None:
        now = self._clock()
        self.spent += now - self._last
        self._last = now
        self.progress = min(1.0, max(state.global_step / state.max_steps, self.spent / self.seconds))

    def follow(self, scheduler: LambdaLR, steps: int) -> None:
        """Have a schedule of ``steps`` steps follow the progress where that is ahead of the count of steps."""
        scheduler.lr_lambdas = [partial(self._factor, schedule, steps) for schedule in scheduler.lr_lambdas]

    def _factor(self, schedule: Callable[[int], float], steps: int, step: int) -> float:
        return schedule(max(step, round(self.progress * steps)))
