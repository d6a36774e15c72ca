"""What writes text for us: one small protocol, and the way from a name to an engine.

A generator turns prompts into drafts, and scores continuations by the same model's own likelihood::

    generate(["…Sentence: The pump lifts brine.\\nAnswer: brine\\nQuestion:"], Sampling(temperature=0.0))
    -> [Draft(text=" What does the pump lift?", finish_reason="stop", tokens=8, logprob=-3.1)]

    score(["…Question: What does the pump lift?\\nAnswer:"], [" brine"]) -> [-0.4]      log P, in nats

Engines live in modules of their own, so that this one loads no torch: ``transformer.py`` (transformers, on a GPU
or on CPUs), ``llamacpp.py`` (GGUF files), ``endpoint.py`` (OpenAI-compatible servers).
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tasks.errors import GenerationError, UsageError


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample. ``temperature`` 0 is greedy; generation ends before any of the ``stop`` strings.

    ``grammar`` (GBNF, llama.cpp's notation, which vLLM reads too) is what a draft must look like. A server that can
    hold a model to it does (endpoint.py); what any other engine writes in another form is rejected by the parser.
    """

    temperature: float = 0.6
    top_p: float = 0.95
    max_tokens: int = 48
    seed: int = 0
    stop: tuple[str, ...] = ("\n",)
    grammar: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """What was written for one prompt, the stop string cut off.

    ``finish_reason`` is ``stop`` (a stop string or the model's own end) or ``length``. ``tokens`` counts every
    generated token, the cut ones too. ``logprob`` is the sum of log-probabilities at temperature 1, if known.
    """

    text: str
    finish_reason: str
    tokens: int
    logprob: float | None = None


class Generator(Protocol):
    """Anything that writes drafts. ``scores`` says whether ``score`` is to be had from this engine."""

    name: str
    scores: bool

    @property
    def tokens_generated(self) -> int:
        """Tokens written since the engine was opened."""
        ...

    def generate(self, prompts: Sequence[str], sampling: Sampling, seeds: Sequence[int] | None = None) -> list[Draft]:
        """Write one draft for each prompt, in order.

        ``seeds`` are the requests' own; without them they are drawn from the sampling's seed and the prompts.
        """
        ...

    def score(self, prefixes: Sequence[str], continuations: Sequence[str]) -> list[float]:
        """Return log P(continuation | prefix), in nats, summed over the continuation's tokens."""
        ...

    def forget(self) -> None:
        """Let go of what earlier calls left to be used again, so that what follows does not depend on them."""
        ...


def draw_seeds(prompts: Sequence[str], seed: int) -> list[int]:
    """Give each request its own seed, from the run's seed, its prompt and how often that prompt came before.

    A request's draws then do not depend on which other requests share its batch.
    """
    seen: dict[str, int] = {}
    seeds = []
    for prompt in prompts:
        repeat = seen[prompt] = seen.get(prompt, -1) + 1
        digest = hashlib.sha256(f"{seed}\x1f{repeat}\x1f{prompt}".encode("utf-8", "surrogatepass")).digest()
        seeds.append(int.from_bytes(digest[:4], "big"))
    return seeds


def cut(text: str, stop: Iterable[str]) -> tuple[str, bool]:
    """Return the text before the first stop string in it, and whether there was one."""
    ends = [position for mark in stop if (position := text.find(mark)) >= 0]
    return (text[: min(ends)], True) if ends else (text, False)


@dataclass(slots=True)
class ScriptedGenerator:
    """A generator that answers from a queue, and remembers what it was asked. For tests.

    ``script`` holds completions in order; ``likelihoods`` holds what ``score`` returns, in order.
    """

    script: deque[str] = field(default_factory=deque)
    likelihoods: deque[float] = field(default_factory=deque)
    name: str = "scripted"
    scores: bool = True
    tokens_generated: int = 0
    history: list[tuple[str, Sampling]] = field(default_factory=list)
    scored: list[tuple[str, str]] = field(default_factory=list)

    def generate(self, prompts: Sequence[str], sampling: Sampling, seeds: Sequence[int] | None = None) -> list[Draft]:
        """Pop one scripted completion a prompt.

        Raises:
            GenerationError: when the script is at its end.
        """
        drafts = []
        for prompt in prompts:
            if not self.script:
                raise GenerationError(f"scripted generator: nothing left to say to prompt {len(self.history) + 1}")
            self.history.append((prompt, sampling))
            text, stopped = cut(self.script.popleft(), sampling.stop)
            drafts.append(Draft(text, "stop" if stopped else "length", len(text.split())))
            self.tokens_generated += len(text.split())
        return drafts

    def score(self, prefixes: Sequence[str], continuations: Sequence[str]) -> list[float]:
        """Pop one scripted likelihood a continuation; 0.0 once they run out."""
        self.scored.extend(zip(prefixes, continuations, strict=True))
        return [self.likelihoods.popleft() if self.likelihoods else 0.0 for _ in continuations]

    def forget(self) -> None:
        """Nothing to let go of: the script goes on."""


def open_generator(name: str, *, batch_size: int | None = None, remote_code: str = "") -> Generator:
    """Open the engine that ``name`` stands for: a server's address, a .gguf file, or a Hugging Face name or folder.

    ``batch_size`` (of the transformers engine) None follows the free memory.

    Raises:
        UsageError: for a .gguf file that is not there.
        ModelError: when the model cannot be had or loaded.
        GenerationError: when a server does not answer.
    """
    if name.startswith(("http://", "https://")):
        from tasks.generation.endpoint import EndpointGenerator

        return EndpointGenerator.connect(name.split(","))
    if name.endswith(".gguf"):
        if not Path(name).is_file():
            raise UsageError(f"--generator {name}: no such file; give the path of a GGUF file")
        from tasks.generation.llamacpp import LlamaCppGenerator

        return LlamaCppGenerator(Path(name))
    from tasks.generation.transformer import TransformersGenerator

    return TransformersGenerator.load(name, batch_size=batch_size, remote_code=remote_code)
