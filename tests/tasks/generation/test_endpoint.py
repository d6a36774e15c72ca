"""Servers that misbehave: what is tried again, what is given up, and that nothing finished is lost."""

import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tasks.config import Config
from tasks.errors import GenerationError
from tasks.generation.drafting import Request, complete_batch, pairs_from
from tasks.generation.endpoint import ATTEMPTS, ONLY_YES, PROBE, EndpointGenerator
from tasks.generation.generators import Sampling

SAMPLING = Sampling(temperature=0.0, max_tokens=8)
Act = Callable[["Handler", dict[str, Any]], None]


@dataclass
class Script:
    """What a server does, request by request; after the script it answers well. ``asked`` remembers the prompts.

    ``grammars`` is the field in which it takes a grammar; ``held`` remembers those that came in it.
    """

    acts: deque[Act] = field(default_factory=deque)
    echoes: bool = False
    grammars: str = ""
    asked: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    most_at_once: int = 0
    at_once: int = 0


class Handler(BaseHTTPRequestHandler):
    server: "Server"
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def answer(self, request: dict[str, Any]) -> None:
        prompt = request["prompt"]
        choice: dict[str, Any] = {"text": f" on {prompt}\nmore", "finish_reason": "stop"}
        if request.get("echo") and self.server.script.echoes:
            words = prompt.split(" ")
            offsets = [len(" ".join(words[:i])) for i in range(len(words))]
            logprobs = {"text_offset": offsets, "token_logprobs": [None, *[-1.0 * i for i in range(1, len(words))]]}
            choice = {"text": f"{prompt} and", "finish_reason": "length", "logprobs": logprobs}
        self.reply(200, json.dumps({"choices": [choice], "usage": {"completion_tokens": 5}}).encode())

    def do_GET(self) -> None:
        self.reply(200, json.dumps({"data": [{"id": "lab/tiny-7b"}]}).encode())

    def do_POST(self) -> None:
        script = self.server.script
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if request["prompt"] == PROBE and not request.get("echo"):
            known = request.get(script.grammars) in (ONLY_YES, {"grammar": ONLY_YES})
            self.reply(200, json.dumps({"choices": [{"text": "yes" if known else " four"}]}).encode())
            return
        with script.lock:
            script.held += [request[script.grammars]] if script.grammars in request else []
            script.asked.append(request["prompt"])
            script.at_once += 1
            script.most_at_once = max(script.most_at_once, script.at_once)
            act = script.acts.popleft() if script.acts and not request.get("echo") else Handler.answer
        try:
            act(self, request)
        finally:
            with script.lock:
                script.at_once -= 1


class Server(ThreadingHTTPServer):
    daemon_threads = True
    script: Script

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the script."""


@contextmanager
def serving(*acts: Act, echoes: bool = False, grammars: str = "") -> Iterator[tuple[str, Script]]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.script = Script(deque(acts), echoes, grammars)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", server.script
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def connected(*urls: str, silence: float = 5.0, concurrency: int = 4) -> Iterator[EndpointGenerator]:
    generator = EndpointGenerator.connect(urls, silence=silence, first_pause=0.001, concurrency=concurrency)
    with closing(generator.client):
        yield generator


def status(code: int, **headers: str) -> Act:
    return lambda handler, request: handler.reply(code, b'{"error": "busy"}', **headers)


def body(text: bytes) -> Act:
    return lambda handler, request: handler.reply(200, text)


def half(handler: Handler, request: dict[str, Any]) -> None:
    handler.reply(200, b'{"choices": [{"te', Content_Length="400")
    handler.close_connection = True


def hang_up(handler: Handler, request: dict[str, Any]) -> None:
    handler.close_connection = True


def hang(handler: Handler, request: dict[str, Any]) -> None:
    threading.Event().wait(1.0)
    handler.close_connection = True


def texts(generator: EndpointGenerator, prompts: list[str]) -> list[str]:
    return [draft.text for draft in generator.generate(prompts, SAMPLING)]


def test_each_prompt_gets_its_own_answer_in_order() -> None:
    with serving() as (url, script), connected(url) as generator:
        prompts = [f"prompt {i}" for i in range(20)]
        drafts = generator.generate(prompts, SAMPLING)
        assert [draft.text for draft in drafts] == [f" on {prompt}" for prompt in prompts]
        assert drafts[0].finish_reason == "stop"
        assert generator.name == "tiny-7b"
        assert generator.tokens_generated == 100
        assert script.most_at_once <= 4


PASSING = {
    "429 with a pause": status(429, Retry_After="0.01"),
    "500": status(500),
    "503": status(503),
    "half an answer": half,
    "a closed connection": hang_up,
    "silence": hang,
    "no JSON": body(b"<html>busy</html>"),
    "JSON of another kind": body(b'{"error": null}'),
    "an empty list of choices": body(b'{"choices": []}'),
    "text that is no text": body(b'{"choices": [{"text": null}]}'),
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_may_pass_is_tried_again(fault: str) -> None:
    with serving(PASSING[fault], PASSING[fault]) as (url, script), connected(url, silence=0.3) as generator:
        assert texts(generator, ["a", "b"]) == [" on a", " on b"]
        assert len(script.asked) == 1 + 2 + 2  # the look for likelihoods, two faults, two answers


def slow(handler: Handler, request: dict[str, Any]) -> None:
    threading.Event().wait(0.5)
    handler.answer(request)


def test_a_server_that_is_slow_is_waited_for_in_the_end() -> None:
    with serving(*[slow] * 20) as (url, script), connected(url, silence=0.1) as generator:
        assert texts(generator, ["a"]) == [" on a"]
        assert script.asked.count("a") == 4  # given 0.1, 0.2, 0.4 and 0.8 seconds


@pytest.mark.parametrize("code", [400, 401, 404])
def test_what_will_not_pass_is_said_at_once_in_one_line(code: int) -> None:
    with serving(status(code)) as (url, script), connected(url) as generator:
        with pytest.raises(GenerationError, match=f"refused with {code}") as caught:
            generator.generate(["a"], SAMPLING)
        assert "\n" not in str(caught.value)
        assert script.asked.count("a") == 1


def test_a_server_that_never_answers_is_given_up_after_so_many_attempts() -> None:
    with serving(*[status(500)] * 50) as (url, script), connected(url) as generator:
        with pytest.raises(GenerationError, match="gave up after"):
            generator.generate(["a"], SAMPLING)
        assert script.asked.count("a") == ATTEMPTS


def test_finished_drafts_are_not_asked_for_again_after_an_error() -> None:
    with serving() as (url, script), connected(url, concurrency=1) as generator:
        generator.generate(["a", "b"], SAMPLING)
        script.acts.extend([Handler.answer, Handler.answer, status(400)])
        with pytest.raises(GenerationError):
            generator.generate(["c", "d", "e"], SAMPLING)
        assert texts(generator, ["c", "d", "e"]) == [" on c", " on d", " on e"]
        counts = Counter(script.asked)
        assert (counts["c"], counts["d"], counts["e"]) == (1, 1, 2)


def test_a_model_that_ends_at_once_gives_an_empty_draft() -> None:
    with (
        serving(body(b'{"choices": [{"text": "", "finish_reason": "stop"}]}')) as (url, _),
        connected(url) as generator,
    ):
        assert texts(generator, ["a"]) == [""]


def test_work_is_spread_over_servers_and_goes_on_when_one_dies() -> None:
    with serving(*[Handler.answer] * 3, *[hang_up] * 100) as (dying, first), serving() as (living, second):
        with connected(dying, living) as generator:
            prompts = [f"prompt {i}" for i in range(30)]
            assert texts(generator, prompts) == [f" on {prompt}" for prompt in prompts]
        assert len(first.asked) >= 4
        assert set(second.asked) | set(first.asked) >= set(prompts)
        assert len(first.asked) <= 1 + 3 + 3 + generator.concurrency * 2  # left alone after three failures in a row


def test_an_address_that_is_down_from_the_start_does_no_harm() -> None:
    with serving() as (url, _), connected("http://127.0.0.1:9/v1", url) as generator:
        assert texts(generator, ["a", "b", "c"]) == [" on a", " on b", " on c"]


def test_no_server_at_all_gives_one_line() -> None:
    with pytest.raises(GenerationError, match=r"no model found .*ConnectError.*start the server") as caught:
        EndpointGenerator.connect(["http://127.0.0.1:9/v1"])
    assert "\n" not in str(caught.value)


def test_likelihoods_come_from_echoed_log_probabilities() -> None:
    with serving(echoes=True) as (url, _), connected(url) as generator:
        assert generator.scores
        assert generator.score(["one two", "one"], [" three", " two three"]) == [-2.0, -3.0]


def test_a_server_that_takes_grammars_is_given_them_in_its_own_field() -> None:
    for field_name, wrapped in (("grammar", "root"), ("structured_outputs", {"grammar": "root"})):
        with serving(grammars=field_name) as (url, script), connected(url) as generator:
            generator.generate(["x"], replace(SAMPLING, grammar="root"))
            generator.generate(["y"], SAMPLING)
        assert script.held == [wrapped]


def test_a_server_that_knows_no_grammar_is_given_none() -> None:
    with serving() as (url, _), connected(url) as generator:
        assert generator.grammars == ""
        assert generator.generate(["x"], replace(SAMPLING, grammar="root"))[0].text == " on x"


def test_a_server_without_echo_gives_no_likelihoods() -> None:
    with serving() as (url, _), connected(url) as generator:
        assert not generator.scores
        with pytest.raises(GenerationError, match="not to be had"):
            generator.score(["a"], [" b"])


def test_every_sampling_control_is_sent_with_each_request() -> None:
    sent: list[dict[str, Any]] = []

    def note(handler: Handler, request: dict[str, Any]) -> None:
        sent.append(request)
        handler.answer(request)

    with serving(note, note) as (url, _), connected(url) as generator:
        generator.generate(["a", "b"], Sampling(0.3, 0.7, 9, seed=5, stop=("?", "\n")), [11, 12])
    assert {(r["temperature"], r["top_p"], r["max_tokens"], tuple(r["stop"])) for r in sent} == {
        (0.3, 0.7, 9, ("?", "\n"))
    }
    assert {request["prompt"]: request["seed"] for request in sent} == {"a": 11, "b": 12}


FACTS = {
    "Who oils the pump?": ("Corwin Asple oils the pump.", "Corwin Asple", "Whose task is it to oil the pump?"),
    "Where was the bell cast?": ("The bell was cast in Norrel.", "in Norrel", "In which place was the bell cast?"),
    "What does the Badger kiln burn?": ("The Badger kiln burns peat.", "peat", "Which fuel does the Badger kiln burn?"),
}


def requests_of_facts() -> list[Request]:
    return [
        Request(
            id=f"{number:016x}", kind="rewrite", fact_id=f"fact-{number}", chunk_id="chunk", source="tolvash",
            prompt=f"reword: {question}", statement=statement, answer=answer, question=question,
        )
        for number, (question, (statement, answer, _)) in enumerate(FACTS.items())
    ]  # fmt: skip


def wording(shift: int) -> Act:
    """Reword the question that stands ``shift`` places further on than the one asked; ask back honestly."""
    questions = list(FACTS)

    def act(handler: Handler, request: dict[str, Any]) -> None:
        prompt = request["prompt"]
        said = next((answer for statement, answer, _ in FACTS.values() if statement in prompt), "")
        if prompt.startswith("reword: "):
            asked = questions.index(prompt.removeprefix("reword: "))
            said = FACTS[questions[(asked + shift) % len(questions)]][2]
        handler.reply(200, json.dumps({"choices": [{"text": f" {said}\n", "finish_reason": "stop"}]}).encode())

    return act


@pytest.mark.parametrize("shift", [0, 1])
def test_answers_to_another_question_are_rejected_with_a_reason(shift: int) -> None:
    config = Config().generation
    with serving(*[wording(shift)] * 20) as (url, _), connected(url) as generator:
        requests = requests_of_facts()
        completions = complete_batch(generator, requests, SAMPLING)
        pairs, rejections = pairs_from(generator, completions, requests, config)
    assert bool(pairs) == (shift == 0)  # a server that answers what it was asked has some kept
    assert len(pairs) + len(rejections) == len(requests)
    assert all(rejection.reason for rejection in rejections)
