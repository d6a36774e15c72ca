"""A file or a folder to documents: each text read in its format, tagged by its name, its title and sections kept.

    corpora/works/pumps.md, corpora/works/salt.txt, corpora/works/README.md
    [Document(source="pumps", ...), Document(source="salt", ...)]          the README is about the corpus, not of it

The libraries that read html, markdown, epub, pdf and docx are imported when such a file is met, and not before.
"""

import codecs
import importlib
import logging
import os
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

from tasks.corpus import from_text
from tasks.corpus.assembly import Extract, Reader
from tasks.corpus.cleaning import strip_gutenberg
from tasks.errors import CorpusError, UsageError
from tasks.records import Document, derive_id

logger = logging.getLogger(__name__)


class Format(NamedTuple):
    """Which module reads a format, and the library that it needs, as pip calls it."""

    module: str
    package: str


class Advance(NamedTuple):
    """How far reading is with a document: its file's number, how many files there are, and the share of their bytes."""

    file: int
    files: int
    share: float


HTML = Format("tasks.corpus.from_html", "selectolax")
MARKDOWN = Format("tasks.corpus.from_markdown", "markdown-it-py selectolax")
FORMATS = {
    ".txt": Format("tasks.corpus.from_text", ""),
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
    ".epub": Format("tasks.corpus.from_epub", "selectolax"),
    ".pdf": Format("tasks.corpus.from_pdf", "pypdfium2"),
    ".docx": Format("tasks.corpus.from_docx", "python-docx"),
}
SUFFIXES = ", ".join(FORMATS)
LARGEST_TEXT = 16_000_000
"""Bytes of a plain text that is read whole: some 2.7 million words, more than all but a few books have."""
CHECKING = 10.0
"""Seconds: ten thousand plain texts take one (bench/results/large.md), as many PDF files an hour."""
PART_ENDS = (b"\n\n", b"\r\n\r\n", b"\n", b" ")
ABOUT_THE_CORPUS = re.compile(r"(?:readme|licen[cs]e)\b|probes.*\.jsonl$|source\.json$", re.I)


def read_corpus(path: Path) -> list[Document]:
    """Read a file, or every text of a folder, as documents in the order of their paths; raises as ``iter_corpus``."""
    return list(iter_corpus(path))


def iter_corpus(path: Path) -> Iterator[Document]:
    """Read a file, or every text of a folder, document by document: one is held at a time.

    In a folder, READMEs, licences, probes, records of origin, hidden files and formats unknown here are left out. A
    plain text larger than ``LARGEST_TEXT`` is read in parts, each a document with a tag of its own: big-part-1, ...

    Raises:
        UsageError: when there is no such path, or a file of an unknown format is given.
        CorpusError: when a folder holds no text, or a text is empty, binary, damaged or undecodable.
    """
    for document, _ in read_on(path):
        yield document


def check_corpus(path: Path) -> None:
    """Read the texts for ``CHECKING`` seconds, so that most unusable ones are told before anything is started.

    The others of a large corpus are told when their turn to be read comes; raises as ``iter_corpus``.
    """
    ends = time.monotonic() + CHECKING
    for _ in iter_corpus(path):
        if time.monotonic() > ends:
            return


def read_on(path: Path) -> Iterator[tuple[Document, Advance]]:
    """Read as ``iter_corpus`` does, and tell with each document how far it is; raises as that."""
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder; give a text ({SUFFIXES}) or a folder of texts")
    if not path.is_dir() and path.suffix.lower() not in FORMATS:
        raise UsageError(f"{path}: unknown format {path.suffix or '(no suffix)'}; give one of {SUFFIXES}")
    files = find_texts(path) if path.is_dir() else [path]
    if not files:
        raise CorpusError(f"{path}: no text in this folder; put {SUFFIXES} files into it")
    tags = source_tags([file.relative_to(path if path.is_dir() else path.parent) for file in files])
    sizes = [file.stat().st_size if file.is_file() else 0 for file in files]
    done, total = 0, max(1, sum(sizes))
    for number, (file, tag, size) in enumerate(zip(files, tags, sizes, strict=True), 1):
        if file.suffix.lower() == ".txt" and size > LARGEST_TEXT:
            for document, share in _read_parts(file, tag):
                yield document, Advance(number, len(files), (done + share * size) / total)
        else:
            yield read_document(file, tag), Advance(number, len(files), (done + size) / total)
        done += size


def _read_parts(file: Path, tag: str) -> Iterator[tuple[Document, float]]:
    """The parts of a large text, each with the share of it that is read by then."""
    done = 0
    for number, data in enumerate(cut_text(file, LARGEST_TEXT), 1):
        done += len(data)
        if data.strip():
            yield _document(data, file, f"{tag}-part-{number}"), done / file.stat().st_size


def cut_text(file: Path, size: int) -> Iterator[bytes]:
    """Cut a text of an encoding without byte-order mark after blank lines, into parts of at most ``size`` bytes.

    Where no blank line is within reach a part ends after a line, or else a word, or else as it comes. A file with the
    mark of UTF-16 or UTF-32 comes as one part.
    """
    with file.open("rb") as stream:
        if stream.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE[:2]):
            size = file.stat().st_size
        stream.seek(0)
        held = b""
        while block := stream.read(size + 1 - len(held)):
            held += block
            if len(held) <= size:
                continue
            ends = (held.rfind(mark, 0, size) + len(mark) for mark in PART_ENDS if held.rfind(mark, 0, size) > 0)
            end = next(ends, size)
            while end < len(held) and held[end] & 0xC0 == 0x80:  # within a character of UTF-8
                end -= 1
            yield held[:end]
            held = held[end:]
        if held:
            yield held


def find_texts(folder: Path) -> list[Path]:
    """The texts in a folder and the folders in it, sorted by path."""
    found: list[Path] = []
    skipped: list[Path] = []
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.startswith(".") or ABOUT_THE_CORPUS.match(name):
                continue
            file = Path(where, name)
            (found if file.suffix.lower() in FORMATS else skipped).append(file)
    if skipped:
        logger.warning("left out %d files of other formats, e.g. %s", len(skipped), min(skipped))
    return sorted(found, key=lambda file: file.relative_to(folder).parts)


def source_tags(files: list[Path]) -> list[str]:
    """Name each file by its stem; those that collide by their whole path, then by their format too.

    >>> source_tags([Path("Salt & Brine.txt"), Path("a/intro.txt"), Path("b/intro.md"), Path("b/intro.txt")])
    ['salt-brine', 'a-intro', 'b-intro-md', 'b-intro-txt']
    """
    tags = [file_tag(file.stem) for file in files]
    for wording in (lambda file: str(file.with_suffix("")), str, lambda file: f"{file} {derive_id(file)}"):
        counts = Counter(tags)
        tags = [tag if counts[tag] == 1 else file_tag(wording(file)) for tag, file in zip(tags, files, strict=True)]
    return tags


def file_tag(name: str) -> str:
    """Turn a name into a tag of small letters, digits and dashes."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", letters).strip("-") or f"text-{derive_id(name)[:8]}"


def read_document(file: Path, source: str) -> Document:
    """Read one file into a document; the frame that Project Gutenberg puts round a text is cut off.

    Raises:
        CorpusError: when the text is empty, binary, damaged or undecodable.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CorpusError(f"{file}: cannot be read ({error.strerror}); mend or remove it") from error
    return _document(data, file, source)


def _document(data: bytes, file: Path, source: str) -> Document:
    if not data.strip():
        raise CorpusError(f"{file}: is empty; remove it, or put text into it")
    extract = _reader(file)(data, str(file))
    stripped = strip_gutenberg(extract.text)
    if not any(map(str.isalnum, stripped.text)):
        raise CorpusError(f"{file}: holds no sentence; give a text with words in it")
    title = extract.title or stripped.title
    if stripped.note:
        title = f"{title or file.stem} ({stripped.note})"
    return Document.create(source, stripped.text, title=title, sections=_moved(extract, stripped.start, stripped.text))


def _reader(file: Path) -> Reader:
    fmt = FORMATS[file.suffix.lower()]
    if not fmt.package:
        return from_text.read
    try:
        return cast(Reader, importlib.import_module(fmt.module).read)
    except ModuleNotFoundError as error:
        raise CorpusError(
            f"{file}: reading {file.suffix} needs {error.name}; install it with `pip install {fmt.package}`"
        ) from error


def _moved(extract: Extract, start: int, text: str) -> tuple[tuple[int, str], ...]:
    """The section marks of an extract, moved to where its text begins after a frame was cut off."""
    return tuple((offset - start, label) for offset, label in extract.sections if 0 <= offset - start < len(text))
