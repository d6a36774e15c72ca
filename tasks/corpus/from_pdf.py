"""PDF to text: the text layer page by page, running heads gone, words joined again across line ends.

    page 1 "WORKS 1\\nThe pump lifts im-\\nmense" / page 2 "WORKS 2\\namounts of brine."
    "The pump lifts immense\\namounts of brine."                  sections ((0, "page 1"), (23, "page 2"))

pypdf (BSD-3-Clause) reads the file. It gives lines, seldom paragraphs.
"""

import io
import logging
import re
from collections import Counter

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from tasks.corpus.assembly import BLOCK_END, Assembly, Extract
from tasks.corpus.layout import SENTENCE_END
from tasks.errors import CorpusError

logger = logging.getLogger(__name__)

# What pypdf raises for damaged files besides its own errors (found by changing bytes of good ones).
DAMAGE = (PyPdfError, ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError, OverflowError)

RUNNING_PAGES = 3  # a first or last line is a running head when so many pages, and half of all, carry it
DIGITS = re.compile(r"\d+")
BROKEN_WORD = re.compile(r"(\w+)-\n(\w+)")


def read(data: bytes, name: str) -> Extract:
    """Extract the text layer of a PDF, with a mark for every page.

    Raises:
        CorpusError: when it is damaged, needs a password, or is a scan without a text layer.
    """
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise CorpusError(f"{name}: needs a password; remove it with `qpdf --decrypt --password=… {name} open.pdf`")
        pages = [page.extract_text().splitlines() for page in reader.pages]
        title = (reader.metadata.title if reader.metadata else "") or ""
    except DAMAGE as error:
        raise CorpusError(f"{name}: damaged, or not a PDF ({error}); mend it with `qpdf {name} mended.pdf`") from error
    empty = sum(not any(map(str.strip, lines)) for lines in pages)
    if empty == len(pages):
        raise CorpusError(f"{name}: {empty} pages and no text layer, so it is a scan; run `ocrmypdf {name} text.pdf`")
    if empty:
        logger.warning("%s: %d of %d pages have no text layer and are left out", name, empty, len(pages))
    return _assemble(_without_running_heads(pages), title)


def _assemble(pages: list[list[str]], title: str) -> Extract:
    texts = ["\n".join(line.strip() for line in lines).strip() for lines in pages]
    words = Counter(re.findall(r"\w+(?:-\w+)*", "\n".join(texts).casefold()))
    assembly = Assembly()
    ended = True
    for number, text in enumerate(texts, 1):
        if not text:
            continue
        glue = BLOCK_END if ended or not text[0].islower() else "\n"
        assembly.mark(f"page {number}", glue=glue)
        assembly.add(BROKEN_WORD.sub(lambda broken: _mended(broken, words), text), glue=glue)
        ended = SENTENCE_END.search(text) is not None
    return assembly.extract(title)


def _mended(broken: re.Match[str], words: Counter[str]) -> str:
    """The word that a line end has cut: with its hyphen where the text writes it so elsewhere, or before a capital."""
    left, right = broken.groups()
    joined, hyphenated = f"{left}{right}", f"{left}-{right}"
    keeps = words[hyphenated.casefold()] > words[joined.casefold()] or not right[0].islower()
    return hyphenated if keeps else joined


def _without_running_heads(pages: list[list[str]]) -> list[list[str]]:
    """Drop first and last lines that recur from page to page but for their number."""
    filled = [[line for line in lines if line.strip()] for lines in pages]
    shapes = Counter(_shape(line) for lines in filled if lines for line in {lines[0], lines[-1]})
    needed = max(RUNNING_PAGES, len(pages) / 2)
    running = {shape for shape, count in shapes.items() if count >= needed}
    return [_trimmed(lines, running) for lines in pages]


def _trimmed(lines: list[str], running: set[str]) -> list[str]:
    inner = [number for number, line in enumerate(lines) if line.strip()]
    for edge in (0, -1):
        if inner and _shape(lines[inner[edge]]) in running:
            inner.pop(edge)
    return lines[inner[0] : inner[-1] + 1] if inner else []


def _shape(line: str) -> str:
    return DIGITS.sub("0", " ".join(line.split()).casefold())
