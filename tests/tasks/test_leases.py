"""One machine at a time: the living is told from the dead, and a takeover is noticed."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tasks import leases
from tasks.addresses import Location
from tasks.errors import LocationError
from tasks.locations import hidden, write_bytes

RUN = Location("memory://heron/mine")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Give an empty store, and hearts that beat fast."""
    MemoryFileSystem.store.clear()
    monkeypatch.setattr(leases, "BEAT", 0.05)
    monkeypatch.setattr(leases, "SILENCE", 0.4)
    monkeypatch.setenv("CLOSEDBOOK_CACHE", str(tmp_path / "one"))
    yield
    MemoryFileSystem.store.clear()


def another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLOSEDBOOK_CACHE", str(tmp_path / "two"))


def test_a_living_holder_keeps_others_out_and_one_that_is_done_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = leases.take(RUN)
    other = leases.content(7).replace(leases.machine().encode(), b"another")
    beat = iter(range(8, 1000))
    stop = threading.Event()

    def live() -> None:
        while not stop.wait(0.05):
            write_bytes(RUN, ".lease/00000001", other.replace(b'"beat": 7', f'"beat": {next(beat)}'.encode()))

    write_bytes(RUN, ".lease/00000001", other)
    thread = threading.Thread(target=live)
    thread.start()
    with pytest.raises(LocationError, match=r"memory://heron/mine: closedbook on .* is at work in it; wait for it"):
        leases.take(RUN)
    stop.set()
    thread.join()
    lease.release()
    assert leases.take(RUN).ours is False


def test_a_killed_holder_is_dead_after_a_silence_and_at_once_where_it_was_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases.take(RUN)
    assert leases.left_by_us(RUN)
    started = time.monotonic()
    assert leases.take(RUN).ours and time.monotonic() - started < 0.3
    another_machine(monkeypatch, tmp_path)
    assert not leases.left_by_us(RUN)
    started = time.monotonic()
    taken = leases.take(RUN)
    assert not taken.ours and time.monotonic() - started > 0.4
    assert hidden(RUN, ".lease") == [f"{taken.number:08d}"]


def test_a_lease_that_is_just_being_written_is_watched_not_taken() -> None:
    write_bytes(RUN, ".lease/00000001", b"")
    started = time.monotonic()
    assert leases.take(RUN).number == 2 and time.monotonic() - started > 0.4


def test_a_lease_of_last_week_is_taken_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"machine": "another", "host": "node-4", "beat": 3, "at": time.time() - 7 * 86400}
    write_bytes(RUN, ".lease/00000041", json.dumps(said).encode())
    monkeypatch.setattr(leases, "SILENCE", 60.0)
    started = time.monotonic()
    assert leases.take(RUN).number == 42 and time.monotonic() - started < 1


def test_who_was_taken_for_dead_and_is_not_writes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suspended = leases.take(RUN)
    another_machine(monkeypatch, tmp_path)
    leases.take(RUN)
    with pytest.raises(LocationError, match="another machine took this run over"):
        suspended.check()


def test_where_a_server_ignores_the_condition_the_last_one_has_the_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = leases.take(RUN)
    another_machine(monkeypatch, tmp_path)
    write_bytes(RUN, ".lease/00000001", leases.content(0))
    with pytest.raises(LocationError, match="another machine took this run over"):
        first.check()


def test_a_lease_is_renewed_until_it_is_released() -> None:
    lease = leases.take(RUN)
    lease.begin()
    seen = set()
    for _ in range(40):
        seen.add((leases.holder(RUN, lease.number) or {})["beat"])
        time.sleep(0.01)
    lease.release()
    assert len(seen) > 2 and leases.newest(RUN) == 0


def test_of_several_that_take_at_once_one_has_it(tmp_path: Path) -> None:
    share = Location(f"file://{tmp_path}/share/mine")
    for turn in range(1, 41):
        start = threading.Barrier(4)
        won: list[bool] = []

        def race(start: threading.Barrier = start, won: list[bool] = won, turn: int = turn) -> None:
            start.wait()
            won.append(write_bytes(share, f".lease/{turn:08d}", b"{}", anew=True))

        racers = [threading.Thread(target=race) for _ in range(4)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        assert sorted(won) == [False, False, False, True]
