"""The most memory that a piece of work held: of the GPU's allocator where there is a GPU, else of this process.

    reset_peak(); train(); peak_mb()  ->  2417.3

A process's high-water mark never falls by itself, so that a small model trained after a large one would seem as large.
Linux sets it back on request (man 5 proc, clear_refs); elsewhere the figure is the peak since the process began.
"""

import contextlib
import ctypes
import resource
import sys
from pathlib import Path

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_RESET_PEAK = "5"
TBB_CLEAN = ("scalable_allocation_command", (0, None))
"""oneTBB's call to release its buffers, where its malloc is preloaded (flows/allocator.py)."""


def reset_peak() -> None:
    """Begin to measure anew; what is held now counts, what was freed does not."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    give_back_freed()
    if _CLEAR.exists():
        _CLEAR.write_text(_RESET_PEAK)


def peak_mb() -> float:
    """The most memory held since ``reset_peak``, in MB (2**20 bytes)."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated() / 2**20)
    if _STATUS.exists():
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def give_back_freed() -> None:
    """Have the allocator return what was freed, which training keeps for its next step, to the machine."""
    for library, function, arguments in (("libc.so.6", "malloc_trim", (0,)), (None, *TBB_CLEAN)):
        with contextlib.suppress(OSError, AttributeError):  # another one, which returns it by itself or not at all
            getattr(ctypes.CDLL(library), function)(*arguments)
