"""A server that speaks the completions protocol and answers by rule, the same to the same prompt; it can kill who asks.

    with talking(kill_at=[20]) as server:  server.url   server.asked   server.killed

Workers of a cluster need nothing put into them to use it. ``asked`` holds (prompt, seed) of each completion in the
order in which they came, ``connected`` the ports that asked for the model's name, once an opened generator.
"""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Collection, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psutil

from tests.flows.killing import drawn, reworded


class Handler(BaseHTTPRequestHandler):
    server: "Talking"
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def reply(self, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.server.connected.append(self.client_address[1])
        self.reply({"data": [{"id": "lab/talking"}]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = request["prompt"]
        if request.get("echo"):
            words = prompt.split(" ")
            offsets = [len(" ".join(words[:i])) for i in range(len(words))]
            likely = [None, *[-(drawn(word) % 100) / 100 for word in words[1:]]]
            said = {"text": f"{prompt} and", "logprobs": {"text_offset": offsets, "token_logprobs": likely}}
        else:
            self.note(prompt, request.get("seed", -1))
            said = {"text": reworded(prompt), "finish_reason": "stop"}
        with contextlib.suppress(ConnectionError):  # who asked may have been killed
            self.reply({"choices": [said], "usage": {"completion_tokens": 8}})

    def note(self, prompt: str, seed: int) -> None:
        server = self.server
        if seed < 0:
            return  # a question about what the server can do
        with server.lock:
            server.asked.append((prompt, seed))
            kill = len(server.asked) in server.kill_at
        if kill:
            server.killed.append(kill_owner(self.client_address[1]))
        time.sleep(server.pause)


class Talking(ThreadingHTTPServer):
    """The server. ``kill_at``: when so many completions were asked for, the process that asks the last is killed."""

    daemon_threads = True

    def __init__(self, kill_at: Collection[int], pause: float) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.kill_at, self.pause, self.lock = set(kill_at), pause, threading.Lock()
        self.asked: list[tuple[str, int]] = []
        self.connected: list[int] = []
        self.killed: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is killed hangs up."""


def kill_owner(port: int) -> int:
    """Kill the child of this process that has a connection from the port, and return its id."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any(connection.laddr.port == port for connection in child.net_connections("tcp")):
                os.kill(child.pid, signal.SIGKILL)
                return int(child.pid)
    raise AssertionError(f"no child asked from port {port}")


@contextlib.contextmanager
def talking(kill_at: Collection[int] = (), pause: float = 0.02) -> Iterator[Talking]:
    """Serve until the block ends."""
    with Talking(kill_at, pause) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
