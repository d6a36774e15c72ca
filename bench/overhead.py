"""Prefect's share of a run: ``python -m bench.overhead corpora/heronsmere-works OUT [KEY=VALUE …]``.

A run as ``closedbook run CORPUS --preset quick --out OUT`` makes it, with a clock round every flow and task and another
one inside, round the function that is ours. What lies between the two is Prefect's; so are the calls that draw the
page (artifacts), the wait for the server's start, and the processor time that the server takes beside us.
"""

import functools
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

Clock = Counter[str]


def timed(function: Callable[..., Any], clock: Clock, name: str) -> Callable[..., Any]:
    """The function, with its seconds added to the clock under a name."""

    @functools.wraps(function)
    def run(*arguments: Any, **named: Any) -> Any:
        started, worked = time.perf_counter(), time.process_time()
        try:
            return function(*arguments, **named)
        finally:
            clock[name] += time.perf_counter() - started  # type: ignore[assignment]
            clock[f"{name} cpu"] += time.process_time() - worked  # type: ignore[assignment]
            clock[f"{name} calls"] += 1

    return run


def put_clocks(clock: Clock) -> None:
    """Clocks round and inside every flow and task of the chain, and round the calls that draw the page."""
    from prefect import Flow, Task

    from flows import artifacts, batches, curate, finetune, generate, probe, publishing, self_instruct

    for module in (batches, curate, finetune, generate, probe, publishing, self_instruct):
        for unit in vars(module).values():
            kind = "flow" if isinstance(unit, Flow) else "task" if isinstance(unit, Task) else ""
            if kind and not hasattr(unit.fn, "__wrapped__"):
                unit.fn = timed(unit.fn, clock, f"{kind} inside")
    Flow.__call__ = timed(Flow.__call__, clock, "flow")  # type: ignore[method-assign]
    Task.__call__ = timed(Task.__call__, clock, "task")  # type: ignore[method-assign]
    for name in ("create_progress_artifact", "create_table_artifact", "update_progress_artifact"):
        setattr(artifacts, name, timed(getattr(artifacts, name), clock, "artifact"))


def main(corpus: Path, out: Path, settings: list[str]) -> None:
    """Make a run and print where its time went."""
    begun = time.perf_counter()
    from flows.engine import local_api, set_environment
    from tasks.config import Config

    clock: Clock = Counter()
    set_environment()
    with local_api() as api:
        from flows.self_instruct import self_instruct

        put_clocks(clock)
        timed(api.wait, clock, "start")()
        assert api.process is not None
        process = psutil.Process(api.process.pid)
        began = sum(process.cpu_times()[:2])
        self_instruct(corpus.resolve(), out.resolve(), Config.build("quick", settings))
        server = process.cpu_times()
    wall = time.perf_counter() - begun
    rows = {
        f"flows, {clock['flow calls']} runs": between(clock, "flow"),
        f"tasks, {clock['task calls']} runs": between(clock, "task"),
        f"artifacts, {clock['artifact calls']} calls": (clock["artifact"], clock["artifact cpu"]),
    }
    rows["together"] = (sum(row[0] for row in rows.values()), sum(row[1] for row in rows.values()))
    print(f"| what | seconds | share of {wall:.0f} s | processor seconds |\n|---|---|---|---|")
    for name, (seconds, worked) in rows.items():
        print(f"| {name} | {seconds:.2f} | {seconds / wall:.2%} | {worked:.2f} |")
    print(f"| waiting for the server's start | {clock['start']:.1f} | {clock['start'] / wall:.2%} | |")
    print(f"| the server itself, beside | | | {server.user + server.system:.1f}, of it {began:.1f} for its start |")


def between(clock: Clock, kind: str) -> tuple[float, float]:
    """Seconds, and processor seconds of this process, between the outer clock and the inner one."""
    return clock[kind] - clock[f"{kind} inside"], clock[f"{kind} cpu"] - clock[f"{kind} inside cpu"]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
