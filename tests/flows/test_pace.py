"""The time left: right for even units, begun from what was known before, told anew when a step is resumed."""

import math
from pathlib import Path

import pytest

from flows import pace
from flows.pace import Pace, Speed, known_speed, note_speed
from flows.terminal import bar, wait


class Clock:
    """A clock that goes when it is told to."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock.monotonic)
    return clock


@pytest.fixture
def speeds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(pace, "speeds_file", lambda: tmp_path / "cache" / "speeds.json")
    return tmp_path / "cache" / "speeds.json"


def begun(clock: Clock, *, total: float, prior: float | None = None, most: float = math.inf) -> Pace:
    return Pace(prior, total, most, started=clock.now, moved=clock.now)


def test_nothing_is_told_before_anything_is_known(clock: Clock) -> None:
    step = begun(clock, total=100)
    assert step.left() is None
    clock.now += 5
    step.to(10)
    assert step.left() == 45


def test_the_time_left_goes_down_between_two_units_and_never_below_nothing(clock: Clock) -> None:
    step = begun(clock, total=4)
    clock.now += 10
    step.to(1)
    clock.now += 4
    assert step.left() == 26
    clock.now += 60
    assert step.left() == 0


def test_a_prior_holds_at_first_and_is_soon_outweighed(clock: Clock) -> None:
    step = begun(clock, prior=2.0, total=100)
    assert step.left() == 200
    clock.now += 10
    step.to(10)  # one second a unit: the prior was wrong by half
    left = step.left()
    assert left is not None and abs(left - 90) / 90 < 0.3
    clock.now += 40
    step.to(50)
    assert step.left() == pytest.approx(50, rel=0.1)


def test_what_another_run_did_says_nothing_about_the_speed(clock: Clock) -> None:
    step = begun(clock, total=100)
    clock.now += 1
    step.to(60, resumed=True)
    assert step.left() is None
    clock.now += 10
    step.to(65)
    assert step.left() == 70


def test_a_machine_that_was_busy_at_first_is_not_held_to_it(clock: Clock) -> None:
    step = begun(clock, total=100)
    clock.now += 100
    step.to(10)  # ten seconds a unit
    for done in range(11, 61):
        clock.now += 1
        step.to(done)
    left = step.left()
    assert left is not None and left == pytest.approx(40, rel=0.1)  # by the whole step so far it would be 100


def test_a_stall_is_not_taken_to_last(clock: Clock) -> None:
    step = begun(clock, total=100)
    for done in range(1, 51):
        clock.now += 1
        step.to(done)
    clock.now += 50
    step.to(51)
    left = step.left()
    assert left is not None and left < 100


def test_a_budget_ends_a_step_early_and_is_what_is_told_at_first(clock: Clock) -> None:
    step = begun(clock, total=100, most=30)
    assert step.left() == 30
    clock.now += 10
    assert step.left() == 20
    step.to(10)
    assert step.left() == 30


def test_speeds_are_kept_and_averaged_by_work(speeds: Path) -> None:
    assert known_speed("training x") is None
    note_speed("training x", Speed(2.0, 800))
    note_speed("training x", Speed(1.0, 500))
    note_speed("reading", Speed(0.001))
    assert known_speed("training x") == Speed(1.5, 800)
    assert known_speed("reading") == Speed(0.001, 0)


@pytest.mark.parametrize("content", ["", "[]", "[1]", '{"reading": 3}', '{"reading": {"seconds": "x"}}'])
def test_a_damaged_notebook_is_an_empty_one(speeds: Path, content: str) -> None:
    speeds.parent.mkdir()
    speeds.write_text(content)
    assert known_speed("reading") is None
    note_speed("reading", Speed(1.0))
    assert known_speed("reading") == Speed(1.0)


def test_a_bar_leaves_its_speed_and_the_next_one_begins_with_it(speeds: Path, clock: Clock) -> None:
    with bar("reading", "words", 10, work="reading") as first:
        assert first.pace.left() is None
        clock.now += 5
        first.to(10)
    with bar("reading", "words", 100, work="reading") as second:
        assert second.pace.left() == 50
    assert known_speed("reading") == Speed(0.5, known_speed("reading").memory_mb)  # type: ignore[union-attr]


def test_a_failed_step_leaves_no_speed(speeds: Path, clock: Clock) -> None:
    with pytest.raises(RuntimeError), wait("loading", work="loading"):
        clock.now += 5
        raise RuntimeError
    assert known_speed("loading") is None


def test_a_wait_is_as_long_as_the_last_one_for_its_size(speeds: Path, clock: Clock) -> None:
    with wait("curating", 200, work="curating"):
        clock.now += 4
    with wait("curating", 500, work="curating") as live:
        assert live.pace.left() == pytest.approx(10)
