"""A training with glibc's malloc beside one with oneTBB's: ``python -m bench.allocators RUN --steps 80``.

RUN is a folder in which ``closedbook run`` has composed examples. Both train at the same time, on one core and one
thread each, so that what else the machine does slows both; in the second turn they exchange cores. Tokens a second over
the first steps, the next, and so on: what is looked for is the change as a training goes on.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from bench.tuning import trained
from flows.allocator import VARIABLE, installed, preload

PART = 20
"""Steps over which the speed is taken: lengths of batches differ."""
Steps = list[tuple[int, float]]


def steps_of(run: Path, steps: int, core: int) -> Steps:
    """Tokens and seconds of each step of a training that keeps to one core."""
    os.sched_setaffinity(0, {core})
    seconds, batches, _, _ = trained(run, steps)
    return list(zip((int(batch["attention_mask"].sum()) for batch in batches), seconds, strict=True))


def beside_each_other(run: Path, steps: int, cores: tuple[int, int]) -> dict[str, Steps]:
    """The steps of both, each in a process of its own, at the same time."""
    plain = {name: value for name, value in os.environ.items() if name != VARIABLE} | {"OMP_NUM_THREADS": "1"}
    environments = {"glibc": plain, "oneTBB": plain | {VARIABLE: preload(installed())}}
    command = [sys.executable, "-m", "bench.allocators", str(run), "--steps", str(steps), "--core"]
    begun = {
        name: subprocess.Popen([*command, str(core)], env=environment, stdout=subprocess.PIPE, text=True)
        for core, (name, environment) in zip(cores, environments.items(), strict=True)
    }
    told = {name: process.communicate()[0] for name, process in begun.items()}
    return {name: json.loads(text.splitlines()[-1]) for name, text in told.items()}


def table(turns: list[dict[str, Steps]]) -> str:
    """A row for every ``PART`` steps: tokens a second of each, over all turns, and their ratio."""
    lines = ["| steps | glibc | oneTBB | ratio |", "|---|---|---|---|"]
    for start in range(0, len(turns[0]["glibc"]), PART):
        speeds = {}
        for name in ("glibc", "oneTBB"):
            part = [step for turn in turns for step in turn[name][start : start + PART]]
            speeds[name] = sum(tokens for tokens, _ in part) / sum(seconds for _, seconds in part)
        ratio = speeds["oneTBB"] / speeds["glibc"]
        lines.append(f"| {start + 1}- | {speeds['glibc']:.0f} | {speeds['oneTBB']:.0f} | {ratio:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure both in two turns, or be one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.core is not None:
        print(json.dumps(steps_of(options.run, options.steps, options.core)))
        return
    if not preload(installed()):
        parser.error("tbb is not installed, or its path has a blank or a colon in it")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        parser.error("one core: the two trainings need one each")
    first, second = cores[:2]
    print(table([beside_each_other(options.run, options.steps, pair) for pair in ((first, second), (second, first))]))


if __name__ == "__main__":
    main()
