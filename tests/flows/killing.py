"""Runs that are killed: a process that has everything loaded forks one child after another and kills most of them.

    python -m tests.flows.killing FOLDER   ->   FOLDER/trials.json   [{"kill", "finished", "lost", "repeated"}, …]

Each child makes a dataset (generation and curation, with a scripted generator) from the texts in ``FOLDER/corpus``
into ``FOLDER/run-N``, as flows on the server that ``$PREFECT_API_URL`` names. It is killed with signal 9 at a moment
drawn by seed: three times some hundredths of a second after it has begun one to eight batches, then anywhere in the
time that an uninterrupted run takes. Four kills in a row, then a child that may end.
"""

import dataclasses
import hashlib
import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect.settings import PREFECT_RESULTS_LOCAL_STORAGE_PATH, temporary_settings

from flows import batches
from flows.curate import curate
from flows.engine import PRIVATE
from flows.generate import generate
from flows.run_folder import begin, held
from tasks.config import Config
from tasks.generation.generators import Draft, Sampling
from tasks.generation.syntax import ClauseReader

KILLS, IN_A_ROW, SEED = 20, 4, 17
SCRIPTED = {
    "generator": "scripted", "budget_minutes": 60.0, "least_fluency": -99.0, "least_margin": -99.0,
    "least_answer": -99.0, "most_drop": 99.0, "least_lead": -99.0, "least_gain": -99.0,
}  # fmt: skip
CONFIG = Config.model_validate({"generation": SCRIPTED | {"batch_size": 1, "samples_per_fact": 2}})


@dataclasses.dataclass(slots=True)
class Repeater:
    """A generator whose script is a rule: it rewords "Who" and "What", and weighs everything by hash."""

    name: str = "scripted"
    scores: bool = True
    tokens_generated: int = 0

    def generate(self, prompts: Sequence[str], sampling: Sampling, seeds: Sequence[int] | None = None) -> list[Draft]:
        self.tokens_generated += 8 * len(prompts)
        time.sleep(0.03)
        return [Draft(reworded(prompt), "stop", 8) for prompt in prompts]

    def score(self, prefixes: Sequence[str], continuations: Sequence[str]) -> list[float]:
        return [-(drawn(prefix + end) % 100) / 25 for prefix, end in zip(prefixes, continuations, strict=True)]

    def forget(self) -> None:
        """Nothing to let go of."""


def reworded(prompt: str) -> str:
    asked = prompt.rpartition("Question: ")[2].partition("\n")[0]
    return " " + asked.replace("Who ", "Which person ").replace("What ", "Which thing ").rstrip("?")


def drawn(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def make(folder: Path, run: Path, config: Config = CONFIG) -> None:
    """Make the dataset of ``folder/corpus``, and note each batch that is begun in ``run.begun``."""
    with temporary_settings({PREFECT_RESULTS_LOCAL_STORAGE_PATH: run.with_suffix(".results")}), held(run):
        begin(folder / "corpus", run, config)
        generate(run, config)
        curate(run, config)


def script(run: Path) -> None:
    """Put the scripted generator in place of a model, and a note before each batch."""
    module: Any = batches
    real = module.complete_batch
    notes = os.open(run.with_suffix(".begun"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def noted(generator: Any, batch: Any, sampling: Any) -> Any:
        os.write(notes, f"{batches.batch_key(batch, CONFIG)}\n".encode())
        return real(generator, batch, sampling)

    repeater = Repeater()
    module.opened = lambda *names: repeater
    module.identity = lambda name: name
    module.complete_batch = noted


def child(folder: Path, run: Path) -> int:
    """Fork a process that makes the dataset."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        script(run)
        make(folder, run)
        code = 0
    except Exception:
        traceback.print_exc()
    finally:  # whatever it was, the fork ends here and not in the caller's test
        os._exit(code)


def ended(process: int) -> bool:
    """Whether a child has ended; it is still there to be waited for."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def finished(run: Path) -> set[str]:
    """Keys of the batches whose results are whole."""
    whole = set()
    for path in run.with_suffix(".results").glob("batch-*"):
        try:
            json.loads(path.read_text())
        except ValueError:
            continue
        whole.add(path.name)
    return whole


def begun(run: Path, since: int) -> list[str]:
    """Keys of the batches begun since a line of the notes."""
    path = run.with_suffix(".begun")
    return path.read_text().splitlines()[since:] if path.exists() else []


def main(folder: Path) -> None:
    """Run the trials and write what they came to."""
    os.environ[PRIVATE] = "1"  # a killed run's slot of the limit comes back after a minute, which is tested elsewhere
    next(iter(ClauseReader("The pump lifts brine.", [(0, 21)])))  # loads the parser
    started = time.monotonic()
    assert os.waitpid(child(folder, folder / "whole"), 0)[1] == 0
    whole = time.monotonic() - started
    chance, trials = random.Random(SEED), []
    for row in range(KILLS // IN_A_ROW):
        run = folder / f"run-{row}"
        for turn in range(IN_A_ROW + 1):
            kept, lines, last = finished(run), len(begun(run, 0)), turn == IN_A_ROW
            process = child(folder, run)
            if turn < IN_A_ROW - 1:
                target = lines + chance.randint(1, 8)
                while len(begun(run, 0)) < target and not ended(process):
                    time.sleep(0.002)
                time.sleep(chance.uniform(0, 0.1))
            elif not last:
                time.sleep(chance.uniform(0, 0.6 * whole))
            if not last:
                os.kill(process, signal.SIGKILL)
            status = os.waitpid(process, 0)[1]
            made = begun(run, lines)
            lost = [key for key in made if key not in finished(run)]
            trials.append(
                {"run": run.name, "killed": os.WIFSIGNALED(status), "ended": status == 0, "kept": len(kept),
                 "begun": len(made), "lost": len(lost), "repeated": len(kept & set(made))}
            )  # fmt: skip
    (folder / "trials.json").write_text(json.dumps({"seconds": whole, "trials": trials}, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
