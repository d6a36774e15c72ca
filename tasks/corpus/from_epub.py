"""EPUB to text: the pages of the book's spine, in reading order, each read like any XHTML.

    pumps.epub: spine cover.xhtml, ch1.xhtml "<h1>Pumps</h1><p>Old Margery lifts brine.</p>"
    "Pumps\\n\\nOld Margery lifts brine."    title from the package's metadata, sections ((0, "Pumps"),)

The format is a zip with a little XML (https://www.w3.org/TR/epub-33/); the standard library reads both.
"""

import io
import posixpath
import zipfile
from urllib.parse import unquote
from xml.etree import ElementTree

from tasks.corpus.assembly import DAMAGED_ZIP, Assembly, Extract
from tasks.corpus.from_html import HEADINGS, add_page, decode, parse
from tasks.errors import CorpusError

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
LARGEST_MEMBER = 100_000_000  # bytes unpacked; no page of a book has so many, a zip bomb has


def read(data: bytes, name: str) -> Extract:
    """Extract the text of an EPUB 2 or 3 book.

    Raises:
        CorpusError: when it is no EPUB, a part is missing or damaged, or its pages are encrypted.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            return _read_book(book, name)
    except DAMAGED_ZIP as error:
        raise CorpusError(f"{name}: damaged, or not an EPUB ({error}); fetch the book again") from error


def _read_book(book: zipfile.ZipFile, name: str) -> Extract:
    rootfile = _xml(book, CONTAINER, name).find(".//{*}rootfile")
    package_path = rootfile.get("full-path", "") if rootfile is not None else ""
    package = _xml(book, package_path, name)
    folder = posixpath.dirname(package_path)
    pages, labels = _spine(package, folder), _contents(book, package, folder, name)
    if locked := _encrypted(book, name).intersection(pages):
        raise CorpusError(f"{name}: {min(locked)} is encrypted (copy protection); give an edition without it")
    assembly = Assembly()
    for member in pages:
        page = parse(decode(_member(book, member, name), f"{name}: {member}"))
        if page.css_first(", ".join(sorted(HEADINGS))) is None:  # the chapter's name is in the table of contents only
            assembly.mark(labels.get(member, ""))
        add_page(page, assembly)
    title = package.find(".//{http://purl.org/dc/elements/1.1/}title")
    return assembly.extract((title.text if title is not None else "") or "")


def _spine(package: ElementTree.Element, folder: str) -> list[str]:
    """Members to read, in order; not the table of contents, nor what the book calls auxiliary."""
    items = {item.get("id", ""): item for item in package.iterfind(".//{*}manifest/{*}item")}
    pages = []
    for reference in package.iterfind(".//{*}spine/{*}itemref"):
        item = items.get(reference.get("idref", ""))
        if item is None or reference.get("linear") == "no" or "nav" in item.get("properties", "").split():
            continue
        if "html" in item.get("media-type", ""):
            pages.append(_path(folder, item.get("href", "")))
    return pages


def _contents(book: zipfile.ZipFile, package: ElementTree.Element, folder: str, name: str) -> dict[str, str]:
    """What the book's own table of contents calls its members: EPUB 3's nav page, EPUB 2's ncx."""
    labels: dict[str, str] = {}
    for item in package.iterfind(".//{*}manifest/{*}item"):
        member = _path(folder, item.get("href", ""))
        if member not in book.namelist():
            continue
        here = posixpath.dirname(member)
        if "nav" in item.get("properties", "").split():
            for link in parse(decode(_member(book, member, name), name)).css("nav a[href]"):
                labels.setdefault(_path(here, link.attributes.get("href") or ""), link.text())
        elif item.get("media-type") == "application/x-dtbncx+xml":
            for point in _xml(book, member, name).iterfind(".//{*}navPoint"):
                target, text = point.find("{*}content"), point.find("{*}navLabel/{*}text")
                if target is not None and text is not None:
                    labels.setdefault(_path(here, target.get("src", "")), text.text or "")
    return labels


def _path(folder: str, reference: str) -> str:
    """The member that a reference in a folder's file means; the place within it is left off."""
    return posixpath.normpath(posixpath.join(folder, unquote(reference.partition("#")[0])))


def _encrypted(book: zipfile.ZipFile, name: str) -> set[str]:
    if ENCRYPTION not in book.namelist():
        return set()
    references = _xml(book, ENCRYPTION, name).iterfind(".//{*}CipherReference")
    return {unquote(reference.get("URI", "")) for reference in references}


def _xml(book: zipfile.ZipFile, member: str, name: str) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(_member(book, member, name))
    except ElementTree.ParseError as error:
        raise CorpusError(f"{name}: {member} is not well-formed XML ({error}); fetch the book again") from error


def _member(book: zipfile.ZipFile, member: str, name: str) -> bytes:
    try:
        info = book.getinfo(member)
    except KeyError as error:
        raise CorpusError(f"{name}: has no {member or 'package'} in it, so it is no EPUB; fetch it again") from error
    if info.flag_bits & 1:
        raise CorpusError(f"{name}: {member} needs a password; give the book without one")
    if info.file_size > LARGEST_MEMBER:
        raise CorpusError(f"{name}: {member} unpacks to {info.file_size:,} bytes; no page of a book is that large")
    return book.read(info)
