"""A run on S3 whose machines are killed, one after the other, each with nothing on its disk but what it fetches.

    python -m tests.flows.killing_elsewhere FOLDER   ->   FOLDER/trials.json   [{"killed", "kept", "begun", …}, …]

Each machine is a fork with a cache and a place for results of its own. The first is killed while it generates, the next
while it publishes, the last may end. Another one makes the same dataset on its disk, in ``FOLDER/whole``.
"""

import gc
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from prefect.settings import PREFECT_RESULTS_LOCAL_STORAGE_PATH, temporary_settings

from flows.curate import curate
from flows.elsewhere import at_hand
from flows.engine import PRIVATE
from flows.generate import generate
from flows.run_folder import begin, held, seal
from tasks import leases, locations, working_copies
from tasks.generation.syntax import ClauseReader
from tests.flows.killing import CONFIG, begun, ended, script
from tests.s3 import BUCKET

TEXTS, RUN = Path("s3://heron/texts"), Path("s3://heron/runs/mine")


def make(corpus: Path, run: Path) -> None:
    """Make the dataset of a corpus."""
    with at_hand(run, corpus) as folder, held(folder):
        begin(corpus, folder, CONFIG)
        generate(folder, CONFIG)
        curate(folder, CONFIG)
        seal(folder)


def noting_puts(folder: Path) -> None:
    """Note each file that is about to be published."""
    module: Any = working_copies
    real, notes = locations.put, os.open(folder / "puts", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def noted(place: Any, name: str, file: Path) -> None:
        os.write(notes, f"{name}\n".encode())
        real(place, name, file)

    module.put = noted


def puts(folder: Path) -> list[str]:
    """The files that a machine was about to publish."""
    return (folder / "puts").read_text().splitlines() if (folder / "puts").exists() else []


def machine(folder: Path, corpus: Path = TEXTS, run: Path = RUN) -> int:
    """Fork a machine."""
    folder.mkdir()
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.environ["CLOSEDBOOK_CACHE"] = str(folder / "cache")
        leases.BEAT, leases.SILENCE = 0.2, 0.8
        noting_puts(folder)
        script(folder / "run")
        with temporary_settings({PREFECT_RESULTS_LOCAL_STORAGE_PATH: folder / "results"}):
            make(corpus, run)
        code = 0
    except Exception:
        traceback.print_exc()
    finally:  # whatever it was, the fork ends here
        os._exit(code)


MOMENTS: tuple[Callable[[Path], bool] | None, ...] = (
    lambda folder: len(begun(folder / "run", 0)) >= 6,
    lambda folder: "train.jsonl" in puts(folder),
    None,
)
"""When each machine is killed: while it generates, while it publishes, or not at all."""


def there() -> list[str]:
    """What is in the bucket."""
    found = boto3.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return [row["Key"].rpartition("/")[2] for row in found]


def main(folder: Path) -> None:
    """Run the machines and write what they came to."""
    os.environ[PRIVATE] = "1"
    next(iter(ClauseReader("The pump lifts brine.", [(0, 21)])))  # loads the parser
    gc.freeze()  # what is loaded is not gone through by every fork
    whole = machine(folder / "disk", folder / "corpus", folder / "whole")
    trials = []
    for number, moment in enumerate(MOMENTS):
        mine, kept = folder / f"machine-{number}", there()
        process = machine(mine)
        if moment is not None:
            while not moment(mine) and not ended(process):
                time.sleep(0.001)
            os.kill(process, signal.SIGKILL)
        status = os.waitpid(process, 0)[1]
        trials.append(
            {"killed": os.WIFSIGNALED(status), "ended": status == 0, "before": kept, "after": there(),
             "begun": begun(mine / "run", 0)}
        )  # fmt: skip
    assert os.waitpid(whole, 0)[1] == 0
    (folder / "trials.json").write_text(json.dumps(trials, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
