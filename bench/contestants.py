"""A text to pairs by two tools: synthetic-data-kit and closedbook, each by its own commands, on one llama.cpp server.

with serving(Path("model.gguf"), seed=17) as address:
    run_kit(kit, Path("slice.txt"), folder, address)     -> (created, [(question, answer, "model"), …], "")
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

STREAMS, CONTEXT = 4, 8192
CHUNK, MANY = 2_000, 100_000
LONGEST = 1_024
"""Tokens of an answer to the kit; its own setting is 4,096, which a small model fills with repetitions."""
Rows = list[tuple[str, str, str]]
"""(question, answer, who made it: "rule" or the model)."""


@contextmanager
def serving(gguf: Path, seed: int) -> Iterator[str]:
    """Serve a GGUF file on loopback; requests that name no seed draw by this one. Yields the address."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.n_parallel, params.n_ctx = STREAMS, STREAMS * CONTEXT
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = os.cpu_count() or 1
    params.sampling.seed = seed
    params.verbosity, params.endpoint_metrics = -1, True
    server = xllamacpp.Server(params)  # it ends with its last reference
    try:
        yield server.listening_address
    finally:
        del server


def generated_tokens(address: str) -> int:
    """Read the server's own counter of generated tokens."""
    lines = httpx.get(f"{address}/metrics").text.splitlines()
    return next(int(float(line.split()[1])) for line in lines if line.startswith("llamacpp:tokens_predicted_total "))


def run_kit(kit: Path, source: Path, folder: Path, address: str) -> tuple[int, Rows, str]:
    """Let synthetic-data-kit create and curate; return how many pairs it made, those it kept, and what went wrong.

    Its settings are those that it ships with (provider api-endpoint among them), but for the address, the size of a
    chunk, and the length of an answer, which is kept short in its favour.
    """
    [shipped] = kit.resolve().parents[1].glob("lib/python*/site-packages/synthetic_data_kit/config.yaml")
    settings = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    settings["api-endpoint"] |= {"api_base": f"{address}/v1", "api_key": "none", "model": "local"}
    settings["generation"] |= {"chunk_size": CHUNK, "max_tokens": LONGEST}
    config, made, curated = folder / "config.yaml", folder / "made", folder / "curated.json"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    base = [str(kit), "-c", str(config)]
    call([*base, "create", str(source), "--type", "qa", "-n", str(MANY), "-o", str(made)], folder / "create.log")
    created = read_kit(made / f"{source.stem}_qa_pairs.json", "qa_pairs")
    code = call(
        [*base, "curate", str(made / f"{source.stem}_qa_pairs.json"), "-o", str(curated)], folder / "curate.log"
    )
    if code or not curated.is_file():
        return len(created), [], f"curate wrote nothing (exit code {code})"
    return len(created), read_kit(curated, "qa_pairs"), ""


def read_kit(path: Path, key: str) -> Rows:
    """Read the pairs of a file of the kit's; entries without a question and an answer in text are no pairs."""
    data = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    rows = [row for row in data.get(key, []) if isinstance(row, dict)]
    pairs = [(row.get("question"), row.get("answer"), "model") for row in rows]
    return [pair for pair in pairs if isinstance(pair[0], str) and isinstance(pair[1], str)]


def run_closedbook(preset: str, generator: str, source: Path, folder: Path, seed: int) -> tuple[int, Rows, str]:
    """Let closedbook generate and curate, as ``run_kit`` does; refusals are made on the way, and not counted."""
    from flows.run_folder import begin
    from tasks.config import Config

    run = folder / "run"
    run.mkdir()
    begin(source, run, Config.build(preset, [f"seed={seed}", f'generation.generator="{generator}"']))
    base = [sys.executable, "-m", "flows.cli"]
    home = {"PREFECT_HOME": str(folder / "prefect")}  # no batch of an earlier run is at hand
    for stage in ("generate", "curate"):
        if code := call([*base, stage, str(run)], folder / f"{stage}.log", home):
            return 0, [], f"{stage} ended with exit code {code}"
    candidates = (run / "candidates.jsonl").read_text(encoding="utf-8").count("\n")
    rows = [json.loads(line) for line in (run / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    kept = [row for row in rows if row["kind"] == "answerable"]
    return candidates, [(row["question"], row["answer"], _maker(row["generator"])) for row in kept], ""


def _maker(name: str) -> str:
    return "rule" if name == "rule" else "model"


def call(command: list[str], log: Path, extra: dict[str, str] | None = None) -> int:
    """Run a command, its output into a file; return its exit code."""
    with log.open("wb") as out:
        return subprocess.run(command, stdout=out, stderr=out, env=os.environ | (extra or {})).returncode
