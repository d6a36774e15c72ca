"""Training by the clock: progress, the schedule that follows it, and the seconds that a checkpoint keeps."""

import math

import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR
from transformers import TrainerControl, TrainerState, TrainingArguments, get_cosine_schedule_with_warmup

from tasks.tuning.pace import SAVES, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def begun(seconds: float, steps: int, clock: Clock) -> tuple[Pace, TrainerState]:
    pace = Pace(seconds, clock)
    state = TrainerState(max_steps=steps, stateful_callbacks=[pace])
    pace.on_train_begin(ARGUMENTS, state, TrainerControl())
    return pace, state


ARGUMENTS = TrainingArguments(output_dir="unused", use_cpu=True)


def step(pace: Pace, state: TrainerState) -> TrainerControl:
    state.global_step += 1
    control = TrainerControl()
    pace.on_step_end(ARGUMENTS, state, control)
    return control


def test_time_stops_a_training_that_its_steps_would_not() -> None:
    clock = Clock()
    pace, state = begun(60.0, 1000, clock)
    clock.now += 59
    assert not step(pace, state).should_training_stop
    clock.now += 2
    assert step(pace, state).should_training_stop


def test_where_time_does_not_bind_progress_is_the_share_of_steps() -> None:
    pace, state = begun(60.0, 4, Clock())
    seen = []
    for _ in range(4):
        step(pace, state)
        seen.append(pace.progress)
    assert seen == [0.25, 0.5, 0.75, 1.0]


def test_checkpoints_are_asked_for_evenly() -> None:
    pace, state = begun(60.0, 600, Clock())
    saved = [number for number in range(1, 601) if step(pace, state).should_save]
    assert saved == [100 * part for part in range(1, SAVES + 1)]


def test_the_learning_rate_is_at_its_end_when_time_is() -> None:
    clock = Clock()
    pace, state = begun(100.0, 1000, clock)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = get_cosine_schedule_with_warmup(optimizer, 0, 1000)
    assert isinstance(schedule, LambdaLR)
    pace.follow(schedule, 1000)
    rates = []
    for _ in range(10):  # ten seconds a step: a hundredth of the steps fits
        optimizer.step()
        clock.now += 10
        step(pace, state)
        schedule.step()
        rates.append(schedule.get_last_lr()[0])
    assert rates[4] == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.5)), abs=1e-6)
    assert rates[-1] == pytest.approx(0.0, abs=1e-6)
    assert rates == sorted(rates, reverse=True)


def test_seconds_before_an_interruption_count() -> None:
    clock = Clock()
    pace, state = begun(60.0, 1000, clock)
    clock.now += 45
    step(pace, state)
    kept = TrainerState(max_steps=1000, global_step=1, stateful_callbacks=[pace])
    again = Pace(60.0, clock)
    clock.now += 1000  # the machine was off
    again.on_train_begin(ARGUMENTS, kept, TrainerControl())
    assert again.spent == 45.0 and again.progress == 0.75
