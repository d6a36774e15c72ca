"""Several workers against one process: kill -9 at moments drawn by seed, and whether the files are the same bytes.

    python -m bench.runners FOLDER [KILLS]                  Dask and Ray, a scripted server as generator
    python -m bench.runners FOLDER [KILLS] embedded TEXT    the same with the embedded model in each worker process

Each run makes the candidates of a text on two worker processes, and one of them is killed while it is at a batch, twice
in a run. Printed for each run: what was asked again (the batches that were lost), and whether anything kept was made
again.
"""

import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from prefect.settings import PREFECT_RESULTS_LOCAL_STORAGE_PATH, temporary_settings

from flows.engine import local_api, set_environment
from flows.generate import generate
from flows.run_folder import begin
from tasks.config import Config, RunnerConfig
from tests.flows.conftest import TEXT
from tests.flows.killing import SCRIPTED
from tests.flows.talking import Talking, talking

SEED, IN_A_RUN = 17, 2
FILES = ("documents", "chunks", "facts", "entities", "completions", "candidates", "rejected")


def make(text: Path, run: Path, config: Config, runner: RunnerConfig) -> float:
    """Make the candidates of a text, with results of its own; return the seconds that it took."""
    started = time.monotonic()
    with temporary_settings({PREFECT_RESULTS_LOCAL_STORAGE_PATH: kept(run)}):
        begin(text, run, config)
        generate(run, config, runner)
    return time.monotonic() - started


def kept(run: Path) -> Path:
    return run.with_suffix(".results")


def written(run: Path) -> dict[str, int]:
    """When each kept batch was written."""
    return {path.name: path.stat().st_mtime_ns for path in kept(run).glob("batch-*")}


def same(run: Path, whole: Path) -> str:
    equal = sum((run / f"{name}.jsonl").read_bytes() == (whole / f"{name}.jsonl").read_bytes() for name in FILES)
    return f"{equal} of {len(FILES)}"


@dataclass(slots=True)
class Killer:
    """Kills workers of a run, each time that so many of its batches are kept; ``seen`` is what was kept then."""

    run: Path
    moments: list[int]
    server: Talking | None
    seen: list[dict[str, int]] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Wait for the moments."""
        for moment in self.moments:
            while len(written(self.run)) < moment:
                if self.done.wait(0.01):
                    return
            if self.server is None:
                self.kill_busiest()
            else:
                self.kill_next(self.server)

    def kill_busiest(self) -> None:
        """Kill the worker that computes most."""
        at_work = [child for child in psutil.Process().children(recursive=True) if is_worker(child)]
        busiest = max(at_work, key=lambda child: float(child.cpu_percent(0.2)))
        self.seen.append(written(self.run))
        os.kill(busiest.pid, signal.SIGKILL)

    def kill_next(self, server: Talking) -> None:
        """Have the server kill the next worker that asks it for something, before it is answered."""
        killed = len(server.killed)
        with server.lock:
            server.kill_at.add(len(server.asked) + 1)
        while len(server.killed) == killed:
            if self.done.wait(0.002):
                return
        self.seen.append(written(self.run))


def is_worker(child: psutil.Process) -> bool:
    """Whether a process below this one is a worker of Dask, or one of Ray's that is at a task."""
    try:
        words = child.cmdline()
    except psutil.Error:
        return False
    return any("spawn_main" in word for word in words) or words[:1] == ["ray::complete_one"]


def trial(text: Path, config: Config, kind: str, killer: Killer) -> float:
    """One run with kills; return its seconds."""
    thread = threading.Thread(target=killer.watch)
    thread.start()
    try:
        return make(text, killer.run, config, RunnerConfig.model_validate({"kind": kind, "workers": 2}))
    finally:
        killer.done.set()
        thread.join()


def table(text: Path, folder: Path, config: Config, kills: int, server: Talking | None) -> None:
    """Run the trials and print a row each."""
    chance, whole = random.Random(SEED), folder / "whole"
    seconds = make(text, whole, config, RunnerConfig())
    batches, once = len(written(whole)), len(server.asked) if server else 0
    print(f"one process: {batches} batches, {seconds:.0f} s\n")
    print("| runner | run | killed, with so many batches kept | s | batches kept | kept ones written again "
          "| requests asked again | files the same |\n|---|---|---|---|---|---|---|---|", flush=True)  # fmt: skip
    for kind in ("dask", "ray"):
        for number in range(-(-kills // IN_A_RUN)):
            run, before = folder / f"{kind}-{number}", len(server.asked) if server else 0
            moments = sorted(chance.sample(range(1, max(2, batches - 4)), min(IN_A_RUN, kills)))
            killer = Killer(run, moments, server)
            seconds = trial(text, config, kind, killer)
            after = written(run)
            again = sum(after[key] != moment for state in killer.seen for key, moment in state.items())
            killed = ", ".join(str(len(state)) for state in killer.seen)
            lost = len(server.asked) - before - once if server else "-"
            print(f"| {kind} | {number + 1} | {killed} | {seconds:.0f} | {len(after)} | {again} | {lost} "
                  f"| {same(run, whole)} |", flush=True)  # fmt: skip


def main(folder: Path, kills: int, generator: str, text: Path | None) -> None:
    """Measure with a scripted server, or with a model."""
    folder.mkdir(parents=True, exist_ok=True)
    if generator != "scripted" and text is not None:
        wanted = {"generator": generator, "budget_minutes": 600.0, "batch_size": 4}
        table(text.resolve(), folder, Config.model_validate({"generation": wanted}), kills, None)
        return
    (folder / "tolvash.txt").write_text(TEXT)
    with talking(pause=0.05) as server:
        wanted = SCRIPTED | {"generator": server.url, "batch_size": 1, "samples_per_fact": 2}
        config = Config.model_validate({"generation": wanted})
        table(folder / "tolvash.txt", folder, config, kills, server)


if __name__ == "__main__":
    chosen = sys.argv[3] if len(sys.argv) > 3 else "scripted"
    set_environment()
    with local_api() as api:
        api.wait()
        main(
            Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10, chosen,
            Path(sys.argv[4]) if len(sys.argv) > 4 else None,
        )  # fmt: skip
