"""Where a corpus comes from: a Project Gutenberg number to a folder with its text, origin and checksum.

    fetch_gutenberg(17921, Path("corpora/surgery"))
    corpora/surgery/manual-of-surgery.txt    the text without its frame; its stem is the source tag
    corpora/surgery/source.json              {"number": 17921, "url": ..., "sha256": ..., "text_sha256": ...}
    corpora/surgery/README.md                title, author, address, licence

A folder that holds the book, unchanged since, is used as it is; a file that was downloaded before lies in the user's
cache under its address, checked against its hash: nothing is fetched twice.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx

from tasks.corpus.cleaning import Stripped, strip_gutenberg
from tasks.corpus.from_text import decode
from tasks.corpus.readers import file_tag
from tasks.embedded import cache_folder
from tasks.errors import CorpusError, UsageError
from tasks.records import derive_id
from tasks.storage import atomic, file_hash, write_json, write_text

# Single books may be fetched from the main site; for many, its robot policy asks for a mirror, whose layout is
# https://gutenberg.pglaf.org/{folder}/{number}/{number}-0.txt (https://www.gutenberg.org/policy/robot_access.html).
MIRROR = "https://www.gutenberg.org/cache/epub/{number}/pg{number}.txt"
AGENT = {"User-Agent": "closedbook (one book, by number)"}
TIMEOUT = 30.0  # seconds without a byte
LARGEST_BOOK = 100_000_000  # bytes; the largest text of Project Gutenberg has some 40 million
SOURCE = "source.json"
README = """\
# {title}

Project Gutenberg eBook {number}, fetched from <{url}> as published (sha256 `{sha256}`).

- Text: `{file}`, without Project Gutenberg's header and licence (sha256 `{text_sha256}`).
- Licence: not protected by copyright in the United States, where Project Gutenberg publishes it under the terms at
  <https://www.gutenberg.org/license>. Elsewhere, check the law of the country before sharing it.
"""


def fetch_gutenberg(number: int, out: Path, *, mirror: str = MIRROR, sha256: str | None = None) -> Path:
    """Fetch a book's plain text into the folder ``out`` and return the text file.

    Args:
        mirror: an address with ``{number}`` (17921) and, if the mirror sorts by digits, ``{folder}`` (1/7/9/2).
        sha256: what the file as published must have; None takes it as it comes and records its hash.

    Raises:
        UsageError: for a number below 1, an address without its place for it, or a folder with another book.
        CorpusError: when the address cannot be reached or gives no Project Gutenberg text or one of another hash,
            or the text in the folder was changed since it was fetched.
    """
    url = book_url(number, mirror)
    if (there := _kept(number, out)) is not None:
        return there
    kept = cache_folder() / "gutenberg" / f"pg{number}-{derive_id('address', url)}.txt"
    cached = _cached(kept)
    data = cached or _download(url, number)
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise CorpusError(f"{url}: sha256 is {found}, not {sha256}; check --sha256, or take another --mirror")
    book = strip_gutenberg(decode(data, url))
    if not book.note or not any(map(str.isalnum, book.text)):
        raise CorpusError(f"{url}: no Project Gutenberg text; give --mirror the address of a plain text edition")
    if cached is None:
        _keep(kept, data, found)
    return _write(book, out, number=number, url=url, sha256=found)


def book_url(number: int, mirror: str) -> str:
    """Put a book's number into a mirror's address.

    >>> book_url(17921, "https://mirror.example/{folder}/{number}/{number}-0.txt")
    'https://mirror.example/1/7/9/2/17921/17921-0.txt'
    """
    if number < 1:
        raise UsageError(f"gutenberg {number}: not the number of a book; take it from https://www.gutenberg.org")
    if "{number}" not in mirror:
        raise UsageError(f"--mirror {mirror}: has no {{number}} in it; give an address like {MIRROR}")
    folder = "/".join(str(number)[:-1]) or "0"
    return mirror.replace("{folder}", folder).replace("{number}", str(number))


def _kept(number: int, out: Path) -> Path | None:
    """The text that an earlier fetch left in the folder, if it is this book's and as it was."""
    path = out / SOURCE
    if not path.is_file():
        return None
    try:
        source: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        text, known, digest = out / str(source["file"]), source["number"], source["text_sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{path}: damaged; remove it to fetch the book again") from error
    if known != number:
        raise UsageError(f"{out}: holds Project Gutenberg eBook {known}; choose another --out for {number}")
    if not text.is_file():
        return None
    if file_hash(text) != digest:
        raise CorpusError(f"{text}: changed since it was fetched; use it as it is, or remove it to fetch it again")
    return text


def _cached(kept: Path) -> bytes | None:
    """A file that an earlier fetch kept in the cache, if it is whole."""
    record = kept.with_suffix(".sha256")
    whole = kept.is_file() and record.is_file() and file_hash(kept) == record.read_text(encoding="ascii").strip()
    return kept.read_bytes() if whole else None


def _keep(kept: Path, data: bytes, sha256: str) -> None:
    with atomic(kept) as partial:
        partial.write_bytes(data)
    write_text(kept.with_suffix(".sha256"), sha256 + "\n")


def _download(url: str, number: int) -> bytes:
    data = bytearray()
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=TIMEOUT, headers=AGENT) as response:
            response.raise_for_status()
            for block in response.iter_bytes():
                data += block
                if len(data) > LARGEST_BOOK:
                    raise CorpusError(f"{url}: more than {LARGEST_BOOK:,} bytes, so no book; check --mirror")
    except httpx.HTTPStatusError as error:
        raise CorpusError(
            f"{url}: the server answers {error.response.status_code}; check the number {number}, "
            f"or give another --mirror"
        ) from error
    except (httpx.RequestError, httpx.InvalidURL) as error:
        raise CorpusError(
            f"{url}: cannot be reached ({error}); check the network, give another --mirror, "
            f"or download the text by hand and pass the file instead"
        ) from error
    return bytes(data)


def _write(book: Stripped, out: Path, *, number: int, url: str, sha256: str) -> Path:
    """Write text and README, and the record of both last: a folder with the record is complete."""
    title = book.title or f"Project Gutenberg eBook {number}"
    text = out / f"{file_tag(title.rpartition(' by ')[0] or title)}.txt"
    write_text(text, book.text)
    source = {
        "number": number,
        "title": title,
        "url": url,
        "sha256": sha256,
        "file": text.name,
        "text_sha256": file_hash(text),
        "licence": "https://www.gutenberg.org/license",
    }
    write_text(out / "README.md", README.format(**source))
    write_json(out / SOURCE, source)
    return text
