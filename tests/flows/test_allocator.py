"""Commands that train begin anew with another malloc; no other command does, and nothing that the user has set goes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.allocator import LIBRARIES, VARIABLE, installed, preload

only_where_the_wheel_is = pytest.mark.skipif(
    not (sys.platform == "linux" and os.uname().machine == "x86_64"), reason="tbb's wheel is for Linux on x86-64"
)
BEGIN = """
import os, sys
from flows.allocator import begin_with_fast_malloc
from tasks.memory import give_back_freed
begin_with_fast_malloc(sys.argv[1:])
give_back_freed()
mapped = {name for name in %r if name in open("/proc/self/maps").read()}
print(os.getpid(), len(mapped), *sys.argv[1:])
"""


def begin(*arguments: str, **variables: str) -> tuple[bool, str, str]:
    """Whether the process kept its id, how many of the libraries it had in the end, and its arguments there."""
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE} | variables
    command = [sys.executable, "-c", BEGIN % (LIBRARIES,), *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as found:
        told, complaints = found.communicate(timeout=60)
    assert found.returncode == 0, complaints
    assert complaints == ""
    process, libraries, *rest = told.split()
    return int(process) == found.pid, libraries, " ".join(rest)


@only_where_the_wheel_is
def test_a_command_that_trains_begins_anew_with_the_same_arguments_and_process_id() -> None:
    assert begin("run", "my/texts", "--debug") == (True, "2", "run my/texts --debug")


@only_where_the_wheel_is
@pytest.mark.parametrize("arguments", [(), ("ask", "generated/heron"), ("--help",)])
def test_no_other_command_does(arguments: tuple[str, ...]) -> None:
    assert begin(*arguments) == (True, "0", " ".join(arguments))


@only_where_the_wheel_is
@pytest.mark.parametrize("set_by_the_user", ["", "libm.so.6"])
def test_what_the_user_preloads_stays(set_by_the_user: str) -> None:
    assert begin("run", **{VARIABLE: set_by_the_user}) == (True, "0", "run")


@pytest.mark.parametrize("folder", ["/home/My Books", "/home/a:b", "/home/a\tb"])
def test_a_path_that_the_loader_cannot_read_is_left_out(folder: str) -> None:
    assert preload([Path(folder) / name for name in LIBRARIES]) == ""


def test_one_library_alone_is_left_out() -> None:
    assert preload([Path("/usr/lib") / LIBRARIES[0]]) == ""
    assert preload([]) == ""
    assert preload([Path("/usr/lib") / name for name in LIBRARIES]).count(":") == 1


@only_where_the_wheel_is
def test_the_wheel_is_found() -> None:
    assert [path.name.startswith(name) for path, name in zip(installed(), LIBRARIES, strict=True)] == [True, True]


FREED = """
import psutil
from flows.allocator import begin_with_fast_malloc
from tasks.memory import give_back_freed
begin_with_fast_malloc(["run"])
blocks = [bytearray(b"x" * 2**20) for _ in range(200)]
blocks.clear()
kept = psutil.Process().memory_info().rss
give_back_freed()
print((kept - psutil.Process().memory_info().rss) >> 20)
"""


@only_where_the_wheel_is
def test_what_it_keeps_for_the_next_step_is_given_back_on_request() -> None:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    told = subprocess.run([sys.executable, "-c", FREED], env=environment, capture_output=True, text=True, check=True)
    assert int(told.stdout) > 100
