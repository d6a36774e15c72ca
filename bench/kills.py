"""Generation with a real model, killed: ``python -m bench.kills TEXT FOLDER [KILLS] [GENERATOR]``.

Makes the candidates of a text once without a stop and once with kill -9 at moments drawn by seed, then compares: which
batches were begun twice though they were finished, how many were lost a kill, and whether the files are the same bytes.
"""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

SEED = 17
FILES = ("documents", "chunks", "facts", "completions", "candidates", "rejected")


def child(text: Path, run: Path, generator: str) -> None:
    """Make the candidates, in this process."""
    from prefect.settings import PREFECT_RESULTS_LOCAL_STORAGE_PATH, temporary_settings

    from flows.generate import generate
    from flows.run_folder import begin, held
    from tasks.config import Config

    config = Config.model_validate({"generation": {"generator": generator, "budget_minutes": 600, "batch_size": 8}})
    with temporary_settings({PREFECT_RESULTS_LOCAL_STORAGE_PATH: run.with_suffix(".results")}), held(run):
        begin(text, run, config)
        generate(run, config)


def start(text: Path, run: Path, generator: str) -> "subprocess.Popen[bytes]":
    """Start a child."""
    return subprocess.Popen([sys.executable, "-m", "bench.kills", "child", str(text), str(run), generator])


def finished(run: Path) -> dict[str, int]:
    """The kept batches, with the time each was written at."""
    kept = {}
    for path in run.with_suffix(".results").glob("batch-*"):
        try:
            json.loads(path.read_text())
        except ValueError:
            continue
        kept[path.name] = path.stat().st_mtime_ns
    return kept


def main(text: Path, folder: Path, kills: int, generator: str) -> None:
    """Run the trials and print the table."""
    started = time.monotonic()
    whole = folder / "whole"
    assert start(text, whole, generator).wait() == 0
    seconds = time.monotonic() - started
    chance, run = random.Random(SEED), folder / "killed"
    print("| kill | after s | batches kept before | kept after | written again |\n|---|---|---|---|---|", flush=True)
    for number in range(1, kills + 1):
        before = finished(run)
        process, moment = start(text, run, generator), chance.uniform(0.3, 1.0) * seconds / 2
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
        after = finished(run)
        again = sum(after[key] != written for key, written in before.items())
        print(f"| {number} | {moment:.1f} | {len(before)} | {len(after)} | {again} |", flush=True)
    assert start(text, run, generator).wait() == 0
    same = sum((run / f"{name}.jsonl").read_bytes() == (whole / f"{name}.jsonl").read_bytes() for name in FILES)
    print(
        f"\n{len(finished(whole))} batches, {seconds:.0f} s without a stop; {same} of {len(FILES)} files are the same"
    )


if __name__ == "__main__":
    if sys.argv[1] == "child":
        child(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
    else:
        from flows.engine import local_api, set_environment

        kills = int(sys.argv[3]) if len(sys.argv) > 3 else 8
        generator = sys.argv[4] if len(sys.argv) > 4 else "embedded"
        set_environment()
        with local_api() as api:
            api.wait()
            main(Path(sys.argv[1]), Path(sys.argv[2]), kills, generator)
