"""Ctrl-C: from a signal to an ended process within five seconds, whatever the process is doing.

Python turns Ctrl-C into KeyboardInterrupt between two of its own instructions. A forward pass or a batch inside
llama.cpp is one instruction that may last a minute, so a thread of its own watches for the signal: it leaves the
flow some seconds to end in good order, then ends the process. All files are written atomically: nothing is torn.
"""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
GRACE_SECONDS = 3.5


@contextlib.contextmanager
def ends_soon(last_words: Callable[[], None], grace: float = GRACE_SECONDS) -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt in the block; end the process when that takes longer than ``grace`` seconds.

    Args:
        last_words: called before the process is ended from outside the block.
        grace: seconds from the signal until then; a second Ctrl-C ends it at once.
    """
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    done = threading.Event()

    def watch() -> None:
        while signal.SIGINT not in (received := ours.recv(1)):
            if not received:
                return
        ours.settimeout(grace)
        with contextlib.suppress(TimeoutError):
            ours.recv(1)
        if not done.is_set():
            last_words()
            os._exit(INTERRUPTED)

    previous = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        signal.set_wakeup_fd(previous)
        theirs.close()
        thread.join()
        ours.close()
