"""A run and its reviewer: the page is served on this machine until it is stopped; every decision is kept at once.

closedbook review generated/heron   ->   http://127.0.0.1:8430/#key=…      decisions in generated/heron/reviews.jsonl
"""

import contextlib
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from flows.run_folder import read_setup
from tasks.curation.decisions import journal, read_decisions
from tasks.errors import UsageError
from tasks.reviewing.items import load_items
from tasks.reviewing.server import build_app

ADDRESS = "127.0.0.1"


def review(run: Path, *, port: int, say: Callable[[str], object]) -> None:
    """Serve the review page of a run until Ctrl-C.

    Args:
        run: the run's folder, curated at least.
        port: where to listen; 0 takes a free one.
        say: is told the address, and at the end how to bring the decisions in.

    Raises:
        UsageError: when the port is taken.
        StorageError: when there is nothing to review, or another process reviews the run.
    """
    corpus = read_setup(run).corpus
    items = load_items(run, (corpus if corpus.is_dir() else corpus.parent) / "probes.jsonl")
    with journal(run) as opened, contextlib.closing(listen(port)) as listening:
        bound: int = listening.getsockname()[1]
        key = secrets.token_urlsafe(24)
        app = build_app(items, opened, name=run.resolve().name, port=bound, key=key)
        say(f"Review at http://{ADDRESS}:{bound}/#key={key}  (Ctrl-C ends it)")
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it once every answer is out: here one ends so
            server.run(sockets=[listening])
    say(f"{len(read_decisions(run)):,} decisions in {opened.path}. `closedbook finetune {run}` brings them in.")


def listen(port: int) -> socket.socket:
    """Open a socket on the loopback address only.

    Raises:
        UsageError: when the port cannot be had.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((ADDRESS, port))
        listening.listen()  # from here on a browser waits rather than being refused
    except (OSError, OverflowError) as error:
        listening.close()
        raise UsageError(f"--port {port}: cannot be had ({error}); choose another, or 0 for a free one") from error
    return listening
