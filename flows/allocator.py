"""Commands that train begin anew with oneTBB's malloc in the place of glibc's, which slows down as training goes on.

    closedbook run my/texts   ->   LD_PRELOAD=…/libtbbmalloc_proxy.so.2:…/libtbbmalloc.so.2 closedbook run my/texts

A step on a CPU asks for some 3,000 blocks of memory, in other sizes with each length of batch. Glibc splits and joins
what was freed until a step finds its blocks scattered and cold. An allocator with classes of sizes hands out the block
that was used last: a tenth faster in batches of 4; in batches of 8 as much at first, a third and more after 60 steps
(bench/results/tuning.md). Only the loader can put one in, before a process begins: hence the second beginning, of the
same process id. It takes the wheel `tbb`; where that is not (it is for Linux on x86-64), or LD_PRELOAD is set already,
all stays as it is.
"""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

TRAINING = {"run", "compare", "finetune", "serve"}
"""Commands that train, themselves or in processes that they start."""
LIBRARIES = ("libtbbmalloc_proxy.so.2", "libtbbmalloc.so.2")
"""What takes malloc's place, and what it calls; the wheel says nowhere that the second lies beside the first."""
VARIABLE = "LD_PRELOAD"


def begin_with_fast_malloc(arguments: Sequence[str]) -> None:
    """Begin this process anew where its command trains and oneTBB's malloc is installed; else return."""
    if not arguments or arguments[0] not in TRAINING or VARIABLE in os.environ:
        return
    preloaded = preload(installed())
    if preloaded:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {VARIABLE: preloaded})


def installed() -> list[Path]:
    """Where the wheel's two libraries are; nothing where it, or one of them, is not."""
    try:
        listed = files("tbb") or []
    except PackageNotFoundError:
        return []
    found = {path.name: Path(str(path.locate())).resolve() for path in listed if path.name in LIBRARIES}
    return [found[name] for name in LIBRARIES if name in found and found[name].is_file()]


def preload(libraries: Sequence[Path]) -> str:
    """The value of LD_PRELOAD, "" where it cannot be written: a blank or a colon in a path would end it."""
    names = [str(path) for path in libraries]
    readable = len(names) == len(LIBRARIES) and not any(character in ": \t\n" for name in names for character in name)
    return ":".join(names) if readable else ""
