"""GGUF files on llama.cpp: its server runs in this process, on loopback, and is asked like any other.

    LlamaCppGenerator(Path("model.Q4_K_M.gguf")).generate(prompts, sampling)

llama.cpp keeps the shared head of the prompts by itself (its prompt cache); it gives no log-probabilities of a
prompt, so drafted questions are checked by asking them back (``ranking``) instead of by likelihood.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import xllamacpp

from tasks.errors import ModelError
from tasks.generation.endpoint import EndpointGenerator
from tasks.generation.generators import Draft, Sampling

STREAMS = 4
"""Completions under way at once: the Q4_1 kernels gain next to nothing beyond (107 tokens/s with 16, 105 with 4)."""
CONTEXT = 2048
"""Tokens of prompt and completion, for each stream."""


def threads() -> int:
    """How many threads compute: $OMP_NUM_THREADS, as torch has it, or one for each core.

    The drafts depend on it: with one and with two threads the same prompts gave other ones (bench/results/runners.md).
    """
    given = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(given) if given.isdigit() and int(given) else os.cpu_count() or 1


class LlamaCppGenerator:
    """A GGUF model."""

    scores = False

    def __init__(self, path: Path, *, streams: int = STREAMS, context: int = CONTEXT) -> None:
        """Load the model and start its server.

        Raises:
            ModelError: when llama.cpp cannot load the file.
        """
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_parallel, params.n_ctx = streams, streams * context
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads()
        params.verbosity = -1
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise ModelError(f"--generator {path}: llama.cpp cannot load it ({error}); is it a GGUF model?") from error
        self._endpoint = EndpointGenerator.connect([f"{self._server.listening_address}/v1"], concurrency=streams)
        self.name = path.stem

    @property
    def tokens_generated(self) -> int:
        """Tokens written since the model was loaded."""
        return self._endpoint.tokens_generated

    def generate(self, prompts: Sequence[str], sampling: Sampling, seeds: Sequence[int] | None = None) -> list[Draft]:
        """Write one draft for each prompt, in order."""
        return self._endpoint.generate(prompts, sampling, seeds)

    def score(self, prefixes: Sequence[str], continuations: Sequence[str]) -> list[float]:
        """Not to be had from llama.cpp.

        Raises:
            GenerationError: always.
        """
        return self._endpoint.score(prefixes, continuations)

    def forget(self) -> None:
        """Nothing to let go of here; llama.cpp keeps its prompts by itself."""
