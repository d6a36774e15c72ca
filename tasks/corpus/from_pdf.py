"""PDF to text: the text layer page by page, running heads gone, words joined again across line ends.

    page 1 "WORKS 1\\nThe pump lifts im-\\nmense" / page 2 "WORKS 2\\namounts of brine."
    "The pump lifts immense\\namounts of brine."                  sections ((0, "page 1"), (23, "page 2"))

PDFium, which Chromium shows PDFs with, reads the file (pypdfium2, Apache-2.0 or BSD-3-Clause). It gives lines, not
paragraphs. pypdf was tried: of a manual set by XeTeX it left out nearly half of the spaces (bench/results/readers.md).
"""

import contextlib
import logging
import re
from collections import Counter

import pypdfium2 as pdfium

from tasks.corpus.assembly import BLOCK_END, Assembly, Extract
from tasks.corpus.layout import SENTENCE_END
from tasks.errors import CorpusError

logger = logging.getLogger(__name__)

PASSWORD = 4  # FPDF_ERR_PASSWORD of PDFium's fpdfview.h
CUT = "\x02"  # what PDFium writes for a hyphen at a line's end, and the line's end with it
RUNNING_PAGES = 3  # a first or last line is a running head when so many pages, and half of all, carry it
HEAD_WORDS = 12  # of a running head at most
DIGITS = re.compile(r"\d+")
BROKEN_WORD = re.compile(r"(\w+)-\n(\w+)")


def read(data: bytes, name: str) -> Extract:
    """Extract the text layer of a PDF, with a mark for every page.

    Raises:
        CorpusError: when it is damaged, needs a password, or is a scan without a text layer.
    """
    try:
        with contextlib.closing(pdfium.PdfDocument(data)) as document:
            pages = [_lines(page) for page in document]
            title = document.get_metadata_value("Title")
    except pdfium.PdfiumError as error:
        if error.err_code == PASSWORD:
            raise CorpusError(
                f"{name}: needs a password; remove it with `qpdf --decrypt --password=… {name} open.pdf`"
            ) from error
        raise CorpusError(f"{name}: damaged, or not a PDF ({error}); mend it with `qpdf {name} mended.pdf`") from error
    empty = sum(not any(map(str.strip, lines)) for lines in pages)
    if empty == len(pages):
        raise CorpusError(f"{name}: {empty} pages and no text layer, so it is a scan; run `ocrmypdf {name} text.pdf`")
    if empty:
        logger.warning("%s: %d of %d pages have no text layer and are left out", name, empty, len(pages))
    return _assemble(_without_running_heads(pages), title)


def _lines(page: pdfium.PdfPage) -> list[str]:
    with contextlib.closing(page.get_textpage()) as layer:
        text: str = layer.get_text_bounded()
    return text.replace(f"{CUT}\r\n", CUT).replace(CUT, "-\n").splitlines()


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
    """Drop first and last lines that recur from page to page but for their number, or that bear the page's number."""
    filled = [[line for line in lines if line.strip()] for lines in pages]
    edges = [{lines[0], lines[-1]} if lines else set() for lines in filled]
    shapes = Counter(_shape(line) for lines in edges for line in lines)
    needed = max(RUNNING_PAGES, len(pages) / 2)
    running = {shape for shape, count in shapes.items() if count >= needed}
    # Chapter by chapter the words beside a page's number change; the number goes up with the pages all the same.
    leads = Counter(lead for place, lines in enumerate(edges) for line in lines for lead in _leads(line, place))
    lead, count = leads.most_common(1)[0] if leads else (0, 0)
    numbered = lead if count >= needed else None
    return [_trimmed(lines, running, place, numbered) for place, lines in enumerate(pages)]


def _leads(line: str, place: int) -> set[int]:
    """How far the numbers that a short line begins or ends with are ahead of its page's place in the file."""
    words = line.split()
    ends = {words[0], words[-1]} if 0 < len(words) <= HEAD_WORDS else set()
    return {int(word) - place for word in ends if word.isdecimal()}


def _trimmed(lines: list[str], running: set[str], place: int, numbered: int | None) -> list[str]:
    inner = [number for number, line in enumerate(lines) if line.strip()]
    for edge in (0, -1):
        line = lines[inner[edge]] if inner else ""
        if _shape(line) in running or (numbered is not None and numbered in _leads(line, place)):
            inner.pop(edge)
    return lines[inner[0] : inner[-1] + 1] if inner else []


def _shape(line: str) -> str:
    return DIGITS.sub("0", " ".join(line.split()).casefold())
