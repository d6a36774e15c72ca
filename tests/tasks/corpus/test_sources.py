"""Sources: a book by its number from a real HTTP server, recorded with its checksum, fetched once."""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.config import ChunkConfig
from tasks.corpus import sources
from tasks.corpus.chunking import chunk_document
from tasks.corpus.cleaning import boilerplate
from tasks.corpus.readers import read_corpus
from tasks.corpus.sentences import split_sentences
from tasks.corpus.sources import MIRROR, book_url, fetch_gutenberg
from tasks.embedded import cache_folder
from tasks.errors import CorpusError, UsageError

# The quirks of the real files: byte-order mark, CRLF, credit, contents, page marks, captions, footnotes, underscores.
BOOK = """\
\ufeffThe Project Gutenberg EBook of The Pump-Warden's Manual, by Tamsin Ruddlecote

This eBook is for the use of anyone anywhere at no cost.

Title: The Pump-Warden's Manual

Author: Tamsin Ruddlecote

Release Date: March 4, 2006 [EBook #17]

*** START OF THIS PROJECT GUTENBERG EBOOK THE PUMP-WARDEN'S MANUAL ***




Produced by Wilmot Sandiferry and the Online
Distributed Proofreading Team at http://www.pgdp.net


                     THE PUMP-WARDEN'S MANUAL


CONTENTS

                                                                   PAGE
    CHAPTER I
    PUMPS                                                             1

    INDEX                                                            9


CHAPTER I

PUMPS


Old Margery--Young Margery--Their care--Leathers.

#Old Margery.#--The pump, built by Mr. Odo Marrick in 1829,[1] draws
from 62 metres (see Fig. 1, p. 2), i.e. below the _Tolvash_ marsh. She
lifts 240 litres.

[Illustration: FIG. 1.--Old Margery.
From a print.]

[Pg 2]

Young Margery needs no priming; c.c. of oil are few.

[1] Marrick's own count says 1830.


INDEX

  Margery, Old, 1
    Young, 2


End of the Project Gutenberg EBook of The Pump-Warden's Manual

*** END OF THIS PROJECT GUTENBERG EBOOK THE PUMP-WARDEN'S MANUAL ***

*** START: FULL LICENSE ***
""".replace("\n", "\r\n").encode()


class Server(http.server.ThreadingHTTPServer):
    """Serves what stands in ``pages`` and remembers what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, bytes] = {}
        self.asked: list[str] = []

    @property
    def mirror(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{{folder}}/{{number}}.txt"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body = self.server.pages.get(self.path)
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/1/17.txt")
            self.send_header("Content-Length", "0")
        else:
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("CLOSEDBOOK_CACHE", str(tmp_path_factory.mktemp("cache")))
    with Server() as running:
        running.pages["/1/17.txt"] = BOOK
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_a_book_is_fetched_cut_recorded_and_readable_as_a_corpus(server: Server, tmp_path: Path) -> None:
    text = fetch_gutenberg(17, tmp_path / "pumps", mirror=server.mirror)
    assert text == tmp_path / "pumps" / "the-pump-warden-s-manual.txt"
    record = json.loads((tmp_path / "pumps" / "source.json").read_text())
    assert record["sha256"] == hashlib.sha256(BOOK).hexdigest()
    assert record["text_sha256"] == hashlib.sha256(text.read_bytes()).hexdigest()
    assert record["url"] == server.mirror.format(folder=1, number=17)
    readme = (tmp_path / "pumps" / "README.md").read_text()
    assert "eBook 17" in readme and record["sha256"] in readme and "https://www.gutenberg.org/license" in readme
    [document] = read_corpus(tmp_path / "pumps")
    assert document.source == "the-pump-warden-s-manual"
    assert document.text.startswith("THE PUMP-WARDEN'S MANUAL\r\n") and document.text.endswith("Young, 2")


def test_the_fetched_book_gives_its_sentences_and_chunks(server: Server, tmp_path: Path) -> None:
    [document] = read_corpus(fetch_gutenberg(17, tmp_path, mirror=server.mirror))
    sentences = split_sentences(document.text)
    taken = {(mark.start, mark.end) for mark in boilerplate(document.text, sentences)}
    assert [document.text[start:end] for start, end in sentences if (start, end) not in taken] == [
        "The pump, built by Mr. Odo Marrick in 1829,[1] draws\r\n"
        "from 62 metres (see Fig. 1, p. 2), i.e. below the _Tolvash_ marsh.",
        "She\r\nlifts 240 litres.",
        "Young Margery needs no priming; c.c. of oil are few.",
        "[1] Marrick's own count says 1830.",
    ]
    chunks = chunk_document(document, ChunkConfig(window=20, stride=15))
    assert all(document.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)


def test_a_book_that_is_there_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    first = fetch_gutenberg(17, tmp_path, mirror=server.mirror)
    assert fetch_gutenberg(17, tmp_path, mirror=server.mirror) == first
    assert server.asked == ["/1/17.txt"]
    first.unlink()
    assert fetch_gutenberg(17, tmp_path, mirror=server.mirror).exists()
    assert fetch_gutenberg(17, tmp_path / "elsewhere", mirror=server.mirror).read_bytes() == first.read_bytes()
    assert server.asked == ["/1/17.txt"]


def test_a_damaged_file_in_the_cache_is_fetched_again(server: Server, tmp_path: Path) -> None:
    fetch_gutenberg(17, tmp_path / "one", mirror=server.mirror)
    [cached] = (cache_folder() / "gutenberg").glob("*.txt")
    cached.write_bytes(BOOK[:500])
    assert fetch_gutenberg(17, tmp_path / "two", mirror=server.mirror).exists()
    assert len(server.asked) == 2 and cached.read_bytes() == BOOK


def test_a_book_with_another_checksum_than_the_one_given_is_refused(server: Server, tmp_path: Path) -> None:
    right = hashlib.sha256(BOOK).hexdigest()
    with pytest.raises(CorpusError, match=rf"17\.txt: sha256 is {right}, not {'0' * 64}; check --sha256"):
        fetch_gutenberg(17, tmp_path, mirror=server.mirror, sha256="0" * 64)
    assert not any(tmp_path.iterdir())
    assert fetch_gutenberg(17, tmp_path, mirror=server.mirror, sha256=right.upper()).exists()


def test_a_redirect_is_followed(server: Server, tmp_path: Path) -> None:
    mirror = server.mirror.replace("{folder}/{number}.txt", "moved/{number}")
    assert fetch_gutenberg(17, tmp_path, mirror=mirror).exists()


def test_a_text_changed_by_hand_is_not_overwritten(server: Server, tmp_path: Path) -> None:
    fetch_gutenberg(17, tmp_path, mirror=server.mirror).write_text("Mine.")
    with pytest.raises(CorpusError, match="changed since it was fetched; use it as it is, or remove it"):
        fetch_gutenberg(17, tmp_path, mirror=server.mirror)


def test_a_folder_with_another_book_is_refused(server: Server, tmp_path: Path) -> None:
    fetch_gutenberg(17, tmp_path, mirror=server.mirror)
    with pytest.raises(UsageError, match="holds Project Gutenberg eBook 17; choose another --out for 18"):
        fetch_gutenberg(18, tmp_path, mirror=server.mirror)


@pytest.mark.parametrize("record", ["{", "[]", "{}", '{"number": 17}'])
def test_a_damaged_record_says_so(tmp_path: Path, record: str) -> None:
    (tmp_path / "source.json").write_text(record)
    with pytest.raises(CorpusError, match=r"source\.json: damaged; remove it"):
        fetch_gutenberg(17, tmp_path)


def test_a_number_the_server_does_not_know_names_the_address(server: Server, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"/1/8/189\.txt: the server answers 404; check the number 189"):
        fetch_gutenberg(189, tmp_path, mirror=server.mirror)
    assert not any(tmp_path.iterdir())


def test_an_address_that_cannot_be_reached_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"http://127\.0\.0\.1:9/17: cannot be reached .* download the text by hand"):
        fetch_gutenberg(17, tmp_path, mirror="http://127.0.0.1:9/{number}")
    with pytest.raises(CorpusError, match=r"gopher://x/17: cannot be reached"):
        fetch_gutenberg(17, tmp_path, mirror="gopher://x/{number}")


def test_what_is_no_gutenberg_text_is_refused(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.pages["/1/17.txt"] = b"<html>Are you a robot?</html>"
    with pytest.raises(CorpusError, match=r"17\.txt: no Project Gutenberg text; give --mirror"):
        fetch_gutenberg(17, tmp_path, mirror=server.mirror)
    monkeypatch.setattr(sources, "LARGEST_BOOK", 10)
    with pytest.raises(CorpusError, match="more than 10 bytes"):
        fetch_gutenberg(17, tmp_path, mirror=server.mirror)
    assert not any(tmp_path.iterdir())


def test_addresses() -> None:
    assert book_url(17921, MIRROR) == "https://www.gutenberg.org/cache/epub/17921/pg17921.txt"
    assert book_url(7, "m/{folder}/{number}") == "m/0/7"
    with pytest.raises(UsageError, match="gutenberg 0: not the number of a book"):
        book_url(0, MIRROR)
    with pytest.raises(UsageError, match=r"--mirror https://x: has no \{number\} in it"):
        book_url(1, "https://x")
