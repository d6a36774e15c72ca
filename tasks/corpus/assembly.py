"""Blocks of extracted text to one text with section marks: what every reader but the plain one hands back.

assembly.mark("Pumps"); assembly.add("Pumps"); assembly.add("Old Margery lifts brine.")
Extract("Pumps\\n\\nOld Margery lifts brine.", title="", sections=((0, "Pumps"),))
"""

import zipfile
import zlib
from typing import NamedTuple, Protocol

BLOCK_END = "\n\n"
# What zipfile raises for damaged archives (found by changing bytes of good ones).
DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError)


class Extract(NamedTuple):
    """The text of a file, its title ("" if it names none) and ``(offset, label)`` marks of pages or chapters."""

    text: str
    title: str = ""
    sections: tuple[tuple[int, str], ...] = ()


class Reader(Protocol):
    """Turns a file's bytes into its text; ``name`` is for messages only. Raises CorpusError."""

    def __call__(self, data: bytes, name: str) -> Extract:
        """Read one file."""
        ...


class Assembly:
    """Collects blocks in reading order; blank ones leave no trace."""

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._length = 0
        self._sections: list[tuple[int, str]] = []

    def add(self, block: str, *, glue: str = BLOCK_END) -> None:
        """Append a block, with ``glue`` between it and the one before."""
        if not block.strip():
            return
        piece = (glue if self._blocks else "") + block
        self._blocks.append(piece)
        self._length += len(piece)

    def mark(self, label: str, *, glue: str = BLOCK_END) -> None:
        """Say that a section begins with the next block, which ``glue`` will join to the one before."""
        if label.strip():
            self._sections.append((self._length + (len(glue) if self._blocks else 0), " ".join(label.split())))

    def extract(self, title: str = "") -> Extract:
        """The text so far; marks behind the last block are dropped."""
        marks = tuple((offset, label) for offset, label in self._sections if offset < self._length)
        return Extract("".join(self._blocks), " ".join(title.split()), marks)
