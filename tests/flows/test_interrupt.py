"""Ctrl-C ends a process that sits in native code, and lets a quick one end by itself."""

import signal
import subprocess
import sys
import time

import pytest

IN_NATIVE_CODE = "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"
IN_PYTHON = "import time; time.sleep(60)"
SCRIPT = """
from flows.interrupt import ends_soon
with ends_soon(lambda: print("last words", flush=True), grace=0.5):
    print("ready", flush=True)
    {work}
"""


@pytest.mark.parametrize(
    ("work", "code", "said"), [(IN_NATIVE_CODE, 130, "last words"), (IN_PYTHON, -signal.SIGINT, "KeyboardInterrupt")]
)
def test_ctrl_c_ends_the_process_soon(work: str, code: int, said: str) -> None:
    script = SCRIPT.format(work=work)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    with process.stdout as output:
        assert output.readline() == "ready\n"
        time.sleep(0.2)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == code
        assert time.monotonic() - started < 5
        assert said in output.read()
