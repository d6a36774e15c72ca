"""Plain text: bytes to text, as they are but for the byte-order mark, with chapters and underlined headings marked.

    "CHAPTER I\\r\\n\\r\\nREPAIR\\r\\n\\r\\nTissue heals."       sections ((0, "CHAPTER I: REPAIR"),)
    "1.1. Scope\\n==========\\n\\nThis manual …"               sections ((0, "1.1. Scope"),)

Nothing else is touched: line ends, form feeds, zero-width and combining characters stay where they are.
"""

import codecs
import re
from collections.abc import Iterator

from tasks.corpus.assembly import Extract
from tasks.corpus.layout import TABLE_ROW, is_shouted, paragraphs
from tasks.errors import CorpusError

# UTF-32 first: its little-endian mark begins with that of UTF-16.
ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
UNDERLINE = re.compile(r"([=*~^#+-])\1{2,}")  # under a heading, about as long as it
CHAPTER = re.compile(r"(?:chapter|part|book|section|appendix)\s+(?:[ivxlc]+|\d{1,3}|[a-z])\b.{0,80}", re.I)


def read(data: bytes, name: str) -> Extract:
    """Decode a plain text and mark its chapters.

    Raises:
        CorpusError: when the bytes are not in an encoding that ``decode`` knows.
    """
    text = decode(data, name)
    return Extract(text, "", tuple(_chapters(text)))


def decode(data: bytes, name: str) -> str:
    """Decode UTF-8, or UTF-16 and UTF-32 with a byte-order mark, strictly; the mark goes.

    Raises:
        CorpusError: naming the first byte that does not fit, or the first NUL of a binary file.
    """
    encoding = next((codec for mark, codec in ENCODINGS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{name}: byte 0x{data[error.start]:02x} at offset {error.start} is not {encoding.removesuffix('-sig')}; "
            f"convert the file with `iconv -f WINDOWS-1252 -t UTF-8`, or from whatever encoding it has"
        ) from error
    if (nul := text.find("\0")) >= 0:
        raise CorpusError(
            f"{name}: NUL at character {nul}, so this is a binary file or UTF-16 without a byte-order mark; "
            f"give a text, or convert it with `iconv -f UTF-16LE -t UTF-8`"
        )
    return text


def _chapters(text: str) -> Iterator[tuple[int, str]]:
    """Mark lines like "CHAPTER I", with the line of capitals below them as their title, but for contents lists."""
    offset, label = -1, ""
    for lines in paragraphs(text):
        bodies = [text[start:end] for start, end in lines[:2]]
        if not label and len(bodies) == 2 and UNDERLINE.fullmatch(bodies[1]) and len(bodies[0]) <= len(bodies[1]) + 2:
            yield lines[0][0], bodies[0]
            continue
        if label:
            yield offset, f"{label}: {bodies[0]}" if len(lines) == 1 and is_shouted(bodies[0]) else label
        opens = CHAPTER.fullmatch(bodies[0]) and bodies[0][0].isupper() and not any(map(TABLE_ROW.search, bodies))
        offset, label = lines[0][0], bodies[0] if opens else ""
        if label and len(bodies) > 1 and is_shouted(bodies[1]):
            yield offset, f"{label}: {bodies[1]}"
            label = ""
    if label:
        yield offset, label
