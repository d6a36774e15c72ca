"""OpenAI-compatible servers as a generator: vLLM, llama.cpp, TGI, Ollama, one or several at once.

    EndpointGenerator.connect(["http://gpu1:8000/v1", "http://gpu2:8000/v1"]).generate(prompts, sampling)

Each prompt is one request to ``/completions``; a bounded number is under way at a time. What can go wrong:

    refused, reset, cut off, silent, 408, 429, 5xx, broken JSON   tried again after a pause, elsewhere if possible
    three of these in a row at one address                        the address is left alone while others answer
    400, 401, 403, 404, 422                                       an error at once: asking again would not help
    no address left, or a request failing again and again         an error; finished drafts are kept for the next call

Where a server can hold a model to a grammar (llama.cpp: ``grammar``, vLLM: ``structured_outputs``), which is tried once
on connecting, drafts of another form do not happen; elsewhere the parser rejects them.

A request may take a quarter of an hour (``silence``) before it counts as lost. One that was lost to silence is given
twice as long the next time, so that a slow CPU with a long queue is waited for in the end.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from tasks.errors import GenerationError, UnreachableServer
from tasks.generation.generators import Draft, Sampling, cut, draw_seeds

logger = logging.getLogger(__name__)

ATTEMPTS = 8
FAILURES_TO_RETIRE = 3
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 20.0
SILENCE, CONNECTING = 900.0, 10.0
"""Seconds that a request, and that a connection, may take at first."""
PERMANENT = {400, 401, 403, 404, 405, 413, 422}
PROBE = "One two three"
ONLY_YES = 'root ::= "yes"'
GRAMMAR_FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "llama.cpp": lambda grammar: {"grammar": grammar},
    "vLLM": lambda grammar: {"structured_outputs": {"grammar": grammar}},
}
"""How each kind of server wants a grammar."""


class _Passing(Exception):
    """A failure that another attempt may mend; ``pause`` is what the server asked for, in seconds."""

    def __init__(self, reason: str, pause: float = 0.0, *, silent: bool = False) -> None:
        super().__init__(reason)
        self.pause, self.silent = pause, silent


@dataclass(slots=True)
class _Address:
    url: str
    under_way: int = 0
    failures: int = 0
    retired: bool = False


@dataclass(slots=True)
class EndpointGenerator:
    """A model behind one or more addresses.

    ``scores`` is True where the server echoes prompt log-probabilities; ``grammars`` is how it takes a grammar (one of
    ``GRAMMAR_FIELDS``), "" where it takes none.
    """

    name: str
    urls: Sequence[str]
    client: httpx.Client
    model: str = ""
    concurrency: int = 8
    scores: bool = False
    grammars: str = ""
    first_pause: float = FIRST_PAUSE
    silence: float = SILENCE
    tokens_generated: int = 0
    _addresses: list[_Address] = field(default_factory=list)
    _done: dict[tuple[str, int, Sampling], Draft] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._addresses = [_Address(url.rstrip("/")) for url in self.urls]

    @classmethod
    def connect(
        cls, urls: Sequence[str], *, concurrency: int = 8, silence: float = SILENCE, first_pause: float = FIRST_PAUSE
    ) -> Self:
        """Ask the addresses for their model; those that do not answer yet are tried again when work comes.

        Raises:
            GenerationError: when none of them answers, or none names a model.
        """
        key = os.environ.get("OPENAI_API_KEY", "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limits = httpx.Limits(max_connections=concurrency * len(urls))
        client = httpx.Client(headers=headers, limits=limits, timeout=httpx.Timeout(silence, connect=CONNECTING))
        problems = []
        for url in urls:
            try:
                answer = client.get(f"{url.rstrip('/')}/models").raise_for_status().json()
                model = str(answer["data"][0]["id"])
            except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
                problems.append(f"{url}: {type(error).__name__}")
                continue
            generator = cls(
                model.rsplit("/", 1)[-1], urls, client, model=model, concurrency=concurrency, first_pause=first_pause,
                silence=silence,
            )  # fmt: skip
            generator.scores = generator._echoes()
            generator.grammars = generator._held_by()
            return generator
        client.close()
        raise UnreachableServer(
            f"--generator {','.join(urls)}: no model found ({'; '.join(problems)}); "
            "start the server, and give its address with the /v1 at its end"
        )

    def generate(self, prompts: Sequence[str], sampling: Sampling, seeds: Sequence[int] | None = None) -> list[Draft]:
        """Write one draft for each prompt, in order; what was finished before an error is not asked again.

        Raises:
            GenerationError: when a request is refused for good, or no address answers.
        """
        seeds = draw_seeds(prompts, sampling.seed) if seeds is None else seeds
        keys = [(prompt, seed, sampling) for prompt, seed in zip(prompts, seeds, strict=True)]
        missing = [key for key in dict.fromkeys(keys) if key not in self._done]
        self._all([lambda key=key: self._finish(key) for key in missing])
        drafts = [self._done[key] for key in keys]
        self._done.clear()
        return drafts

    def score(self, prefixes: Sequence[str], continuations: Sequence[str]) -> list[float]:
        """Return log P(continuation | prefix), from the log-probabilities that the server echoes.

        Raises:
            GenerationError: when the server gives none, or no address answers.
        """
        if not self.scores:
            raise GenerationError(f"{self.name}: the server echoes no log-probabilities; likelihoods are not to be had")
        pairs = list(zip(prefixes, continuations, strict=True))
        results: list[float] = [0.0] * len(pairs)

        def weigh(at: int, prefix: str, continuation: str) -> None:
            choice = self._post(_echo_request(prefix + continuation))
            results[at] = _echoed(choice, len(prefix), len(prefix) + len(continuation))

        self._all([lambda at=at, pair=pair: weigh(at, *pair) for at, pair in enumerate(pairs)])
        return results

    def forget(self) -> None:
        """Nothing to let go of here; what a server keeps is its own affair."""

    def _echoes(self) -> bool:
        try:
            choice = self._post(_echo_request(PROBE))
            _echoed(choice, 3, len(PROBE))
        except (GenerationError, LookupError, TypeError, ValueError):
            return False
        return str(choice.get("text", "")).startswith(PROBE)

    def _held_by(self) -> str:
        """Try each way of giving a grammar that leaves one word to say."""
        for name, fields in GRAMMAR_FIELDS.items():
            try:
                choice = self._post({"prompt": PROBE, "max_tokens": 4, "temperature": 0.0} | fields(ONLY_YES))
            except UnreachableServer:
                raise
            except GenerationError:  # it refuses the field
                continue
            if str(choice["text"]).strip() == "yes":
                return name
        return ""

    def _all(self, work: list[Any]) -> None:
        """Run callables, a bounded number at a time; the first error stops those that have not begun."""
        if not work:
            return
        with ThreadPoolExecutor(max_workers=min(len(work), self.concurrency * len(self._addresses))) as pool:
            futures = [pool.submit(item) for item in work]
            try:
                for future in futures:
                    future.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _finish(self, key: tuple[str, int, Sampling]) -> None:
        prompt, seed, sampling = key
        choice = self._post(
            {
                "prompt": prompt,
                "max_tokens": sampling.max_tokens,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "seed": seed,
                "stop": list(sampling.stop),
            }
            | (GRAMMAR_FIELDS[self.grammars](sampling.grammar) if self.grammars and sampling.grammar else {})
        )
        text, stopped = cut(choice["text"], sampling.stop)
        tokens = int(choice.get("completion_tokens") or len(text.split()))
        reason = "stop" if stopped or choice.get("finish_reason") == "stop" else "length"
        with self._lock:
            self._done[key] = Draft(text, reason, tokens)
            self.tokens_generated += tokens

    def _post(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request until it is answered; return its choice."""
        reason, silence = "", self.silence
        for attempt in range(ATTEMPTS):
            address = self._take(reason)
            try:
                choice = self._once(address, {"model": self.model} | request, silence)
            except _Passing as problem:
                reason = f"{address.url}: {problem}"
                silence *= 2 if problem.silent else 1
                self._give_back(address, failed=True)
                pause = min(LONGEST_PAUSE, self.first_pause * 2**attempt) * random.uniform(0.5, 1.0)
                time.sleep(max(pause, problem.pause))
            except GenerationError:
                self._give_back(address, failed=False)
                raise
            else:
                self._give_back(address, failed=False)
                return choice
        raise UnreachableServer(f"{reason}; gave up after {ATTEMPTS} attempts; look at the server's log")

    def _take(self, reason: str) -> _Address:
        """Choose the least busy address that is not retired."""
        with self._lock:
            alive = [address for address in self._addresses if not address.retired]
            if not alive:
                for address in self._addresses:  # a later call may find them back
                    address.retired, address.failures = False, 0
                raise UnreachableServer(
                    f"{reason}; no server answers any more; start it again and run the command again"
                )
            chosen = min(alive, key=lambda address: (address.failures, address.under_way))
            chosen.under_way += 1
            return chosen

    def _give_back(self, address: _Address, *, failed: bool) -> None:
        with self._lock:
            address.under_way -= 1
            address.failures = address.failures + 1 if failed else 0
            others = any(not other.retired for other in self._addresses if other is not address)
            if failed and address.failures >= FAILURES_TO_RETIRE and others and not address.retired:
                address.retired = True
                logger.warning(
                    f"{address.url}: {address.failures} failures in a row; the other servers go on without it"
                )

    def _once(self, address: _Address, request: dict[str, Any], silence: float) -> dict[str, Any]:
        try:
            timeout = httpx.Timeout(silence, connect=CONNECTING)
            response = self.client.post(f"{address.url}/completions", json=request, timeout=timeout)
        except httpx.TransportError as error:
            silent = isinstance(error, httpx.ReadTimeout)
            raise _Passing(type(error).__name__, silent=silent) from error
        if response.status_code in PERMANENT:
            said = " ".join(response.text.split())[:160]
            raise GenerationError(f"{address.url}: refused with {response.status_code}: {said}; {_remedy(response)}")
        if response.status_code != httpx.codes.OK:
            raise _Passing(f"status {response.status_code}", _asked_pause(response))
        try:
            answer = response.json()
            choice = dict(answer["choices"][0])
            if not isinstance(choice["text"], str):
                raise TypeError("text is no string")
        except (ValueError, LookupError, TypeError) as error:
            raise _Passing(f"no completion in the answer ({type(error).__name__})") from error
        usage = answer.get("usage")
        return choice | {"completion_tokens": usage.get("completion_tokens") if isinstance(usage, dict) else None}


def _remedy(response: httpx.Response) -> str:
    if response.status_code in (401, 403):
        return "set OPENAI_API_KEY"
    return "check the address (it ends in /v1) and that the server offers text completions"


def _asked_pause(response: httpx.Response) -> float:
    asked = response.headers.get("Retry-After", "")
    return min(float(asked), 120.0) if asked.replace(".", "", 1).isdigit() else 0.0


def _echo_request(text: str) -> dict[str, Any]:
    return {"prompt": text, "max_tokens": 1, "temperature": 0.0, "echo": True, "logprobs": 1}


def _echoed(choice: dict[str, Any], start: int, end: int) -> float:
    """Sum the log-probabilities of the tokens that begin within [start, end) of the echoed text."""
    report = choice["logprobs"]
    places = zip(report["text_offset"], report["token_logprobs"], strict=True)
    return sum(float(logprob) for offset, logprob in places if start <= offset < end and logprob is not None)
