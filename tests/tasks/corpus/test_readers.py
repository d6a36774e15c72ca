"""Reading: every format to its text, every unusable file to one clear line."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.corpus import readers
from tasks.corpus.readers import check_corpus, cut_text, iter_corpus, read_corpus, read_on, source_tags
from tasks.errors import CorpusError, UsageError

GUTENBERG = (
    "Title: Pumps\r\nAuthor: A. Clerk\r\nRelease Date: 2006 [EBook #17921]\r\n\r\n"
    "*** START OF THIS PROJECT GUTENBERG EBOOK PUMPS ***\r\n\r\n\r\n"
    "CHAPTER I\r\n\r\nBRINE\r\n\r\nOld Margery lifts\r\nbrine.\r\n\r\n"
    "*** END OF THIS PROJECT GUTENBERG EBOOK PUMPS ***\r\n\r\nLicence.\r\n"
)


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_text_keeps_every_character_but_its_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    text = "Pump\u200b re\u0301d\r\n\x0cnaïve 水\U0001f600"
    [document] = read_corpus(written(tmp_path / "Odd Name (1).txt", text.encode(encoding)))
    assert (document.source, document.title, document.text) == ("odd-name-1", "odd-name-1", text)


def test_a_folder_is_read_in_the_order_of_its_paths_without_what_is_about_it(tmp_path: Path) -> None:
    for name in (
        "b.txt",
        "a/z.md",
        "a/b.txt",
        "README.md",
        "LICENSE",
        "licence.txt",
        "probes.jsonl",
        ".x.txt",
        ".git/y.txt",
    ):
        written(tmp_path / name, f"This is {name}.")
    assert [document.source for document in read_corpus(tmp_path)] == ["a-b", "z", "b"]
    assert read_corpus(tmp_path) == read_corpus(tmp_path)


def test_formats_that_nothing_reads_are_named_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    written(tmp_path / "a.txt", "A pump.")
    written(tmp_path / "b.png", b"\x89PNG")
    with caplog.at_level(logging.WARNING):
        assert len(read_corpus(tmp_path)) == 1
    assert "left out 1 files of other formats" in caplog.text and "b.png" in caplog.text


@pytest.mark.parametrize(
    ("files", "tags"),
    [
        (["Pumps & Brine.txt", "Élan.md"], ["pumps-brine", "elan"]),
        (["a/intro.txt", "b/intro.txt", "c.txt"], ["a-intro", "b-intro", "c"]),
        (["a.md", "a.txt"], ["a-md", "a-txt"]),
    ],
)
def test_tags_are_names_made_unique_by_path(files: list[str], tags: list[str]) -> None:
    assert source_tags([Path(file) for file in files]) == tags


def test_tags_that_no_letter_tells_apart_still_differ() -> None:
    tags = source_tags([Path("水.txt"), Path("塩.txt"), Path("a b.txt"), Path("a-b.txt")])
    assert len(set(tags)) == 4 and all(tag and set(tag) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for tag in tags)


def test_chapters_of_a_text_become_sections_but_not_those_of_its_contents(tmp_path: Path) -> None:
    chapters = "CHAPTER I\n\nPUMPS\n\nThey lift.\n\nChapter 2. Salt\n\nIt is dried.\n\nPart of it is sold."
    text = f"CONTENTS\n\nCHAPTER I\nPUMPS       1\n\n{chapters}"
    [document] = read_corpus(written(tmp_path / "a.txt", text))
    assert document.sections == (
        (text.rindex("CHAPTER I"), "CHAPTER I: PUMPS"),
        (text.index("Chapter 2"), "Chapter 2. Salt"),
    )


def test_underlined_headings_of_a_text_become_sections_and_rules_do_not(tmp_path: Path) -> None:
    text = "1.1. Pumps\n==========\n\nThey lift.\n\nSalt\n----\nIt is dried.\n\nA line, and a rule below it.\n---\n"
    [document] = read_corpus(written(tmp_path / "a.txt", text))
    assert document.sections == ((0, "1.1. Pumps"), (text.index("Salt"), "Salt"))


def test_a_gutenberg_frame_is_cut_off_and_its_licence_note_kept(tmp_path: Path) -> None:
    [document] = read_corpus(written(tmp_path / "pg17921.txt", "\ufeff" + GUTENBERG))
    assert document.text == "CHAPTER I\r\n\r\nBRINE\r\n\r\nOld Margery lifts\r\nbrine."
    assert document.title == "Pumps by A. Clerk (Project Gutenberg eBook 17921)"
    assert document.sections == ((0, "CHAPTER I: BRINE"),)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", r"a\.txt: is empty; remove it"),
        ("a.txt", b" \r\n", r"a\.txt: is empty"),
        ("a.txt", b"\xef\xbb\xbf", r"a\.txt: holds no sentence"),
        ("a.txt", b"* * *\n--", r"a\.txt: holds no sentence"),
        ("a.txt", b"caf\xe9 au lait", r"a\.txt: byte 0xe9 at offset 3 is not utf-8; convert .*iconv"),
        ("a.txt", b"\xff\xfea\x00b", r"a\.txt: byte 0x62 at offset \d is not utf-16"),
        ("a.txt", b"PK\x03\x04\x00\x00", r"a\.txt: NUL at character 4, so this is a binary file"),
        ("a.md", b"\x80", r"a\.md: byte 0x80 at offset 0"),
        ("a.html", b"<p>caf\xe9", r"a\.html: byte 0xe9 at offset 6 is not utf-8; save the page as UTF-8"),
        ("a.html", b'<meta charset="klingon"><p>x', r"unknown encoding 'klingon'"),
        ("a.epub", b"no zip", r"a\.epub: damaged, or not an EPUB"),
        ("a.pdf", b"no pdf", r"a\.pdf: damaged, or not a PDF"),
        ("a.docx", b"no docx", r"a\.docx: damaged, or not a docx"),
    ],
)
def test_a_text_that_cannot_be_used_says_why_and_what_to_do(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read_corpus(written(tmp_path / name, content))
    assert "\n" not in str(caught.value)


def test_wrong_paths_are_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.txt: no such file or folder; give"):
        read_corpus(tmp_path / "nothing.txt")
    with pytest.raises(UsageError, match=r"book\.mobi: unknown format \.mobi; give one of \.txt"):
        read_corpus(written(tmp_path / "book.mobi", b"x"))
    with pytest.raises(CorpusError, match="no text in this folder; put"):
        read_corpus(tmp_path)


def test_an_unreadable_member_of_a_folder_is_named(tmp_path: Path) -> None:
    written(tmp_path / "a.txt", "A pump.")
    (tmp_path / "b.txt").symlink_to(tmp_path / "gone.txt")
    with pytest.raises(CorpusError, match=r"b\.txt: cannot be read \(No such file or directory\); mend or remove it"):
        read_corpus(tmp_path)


def test_a_missing_library_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    monkeypatch.delitem(sys.modules, "tasks.corpus.from_pdf", raising=False)
    with pytest.raises(
        CorpusError, match=r"a\.pdf: reading \.pdf needs pypdfium2; install it with `pip install pypdfium2`"
    ):
        read_corpus(written(tmp_path / "a.pdf", b"%PDF-1.4"))


def test_importing_the_readers_imports_no_format_library() -> None:
    libraries = {"selectolax", "pypdfium2", "docx", "lxml", "markdown_it", "nltk"}
    script = f"import sys, {readers.__name__}; print(sorted({libraries!r} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_a_text_that_is_too_large_to_hold_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "LARGEST_TEXT", 40)
    text = "\n\n".join(f"Pump {number} lifts na\u00efve brine." for number in range(9))
    documents = list(iter_corpus(written(tmp_path / "big.txt", text)))
    assert [document.source for document in documents] == [f"big-part-{number}" for number in range(1, 10)]
    assert "".join(document.text for document in documents) == text
    assert len({document.id for document in documents}) == len(documents)


@pytest.mark.parametrize(
    "data",
    [b"a\n\nb c\nd e f g", "\u6c34".encode() * 9, b"no-break-at-all", b"\r\n\r\n" * 5, b"", b"\xff\xfea\0b\0c\0d\0e\0"],
)
def test_parts_are_the_text_whole_characters_each_and_no_larger_than_said(tmp_path: Path, data: bytes) -> None:
    parts = list(cut_text(written(tmp_path / "x.txt", data), 7))
    assert b"".join(parts) == data and b"" not in parts
    if not data.startswith(b"\xff\xfe"):
        assert all(len(part) <= 7 and part.decode() for part in parts)
    else:
        assert len(parts) == 1


def test_how_far_reading_is_goes_by_bytes_files_and_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "LARGEST_TEXT", 40)
    written(tmp_path / "a.txt", "One lamp is lit.")
    written(tmp_path / "b.txt", "The pump lifts brine.\n\nThe kiln is hot.\n\nThe bell is rung.")
    places = [place for _, place in read_on(tmp_path)]
    assert [(place.file, place.files) for place in places] == [(1, 2), (2, 2), (2, 2)]
    assert [round(place.share, 2) for place in places] == [0.22, 0.53, 1.0]


def test_a_large_corpus_is_checked_as_far_as_the_time_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in (("a.txt", "One lamp is lit."), ("b.txt", "Two lamps are."), ("c.txt", b"\x00\x01")):
        written(tmp_path / name, content)
    with pytest.raises(CorpusError, match=r"c\.txt"):
        check_corpus(tmp_path)
    monkeypatch.setattr(readers, "CHECKING", 0.0)
    check_corpus(tmp_path)
    written(tmp_path / "a.txt", b"\x00\x01")
    with pytest.raises(CorpusError, match=r"a\.txt"):
        check_corpus(tmp_path)
