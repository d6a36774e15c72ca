"""The formats: html, markdown, epub, pdf and docx to blocks of text with section marks."""

import io
import zipfile

import docx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter

from tasks.corpus import from_docx, from_epub, from_html, from_markdown, from_pdf
from tasks.errors import CorpusError

CONTAINER = '<container xmlns="urn:x"><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
PACKAGE = """<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The Pump Book</dc:title></metadata>
<manifest><item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="b" href="text/two%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="one.xhtml" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/><itemref idref="gone"/></spine></package>"""


def html(markup: str) -> str:
    return from_html.read(markup.encode(), "a.html").text


def epub(**changed: str | None) -> bytes:
    members: dict[str, str | None] = {
        "META-INF/container.xml": CONTAINER,
        "OPS/book.opf": PACKAGE,
        "OPS/nav.xhtml": "<html><body>Contents</body></html>",
        "OPS/one.xhtml": '<?xml version="1.0"?><html><head><title/></head><body><h1>Pumps</h1><p>One <a id="x"/>lifts.',
        "OPS/text/two b.xhtml": "<html><body><h1>Salt</h1><p>Two dries.</p></body></html>",
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as book:
        for name, content in (members | changed).items():
            if content is not None:
                book.writestr(name, content)
    return data.getvalue()


def pdf(*pages: list[str]) -> bytes:
    """A PDF of one line of text below the other, written by hand."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>"]
    objects.append("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    for number, lines in enumerate(pages):
        stream = "BT /F 12 Tf 14 TL 50 700 Td " + " ".join(f"({line}) Tj T*" for line in lines) + " ET"
        font = "/Resources<</Font<</F 3 0 R>>>>/MediaBox[0 0 612 792]"
        objects.append(f"<</Type/Page/Parent 2 0 R{font}/Contents {5 + 2 * number} 0 R>>")
        objects.append(f"<</Length {len(stream)}>>\nstream\n{stream}\nendstream")
    data = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = f"trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{len(data)}\n%%EOF"
    return data + f"xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode()


def test_html_blocks_inline_tags_and_entities() -> None:
    markup = "<title>T</title><h2>Pumps</h2><p>Old <b>Mar</b>gery\n lifts&nbsp;br&iacute;ne<br>daily."
    extract = from_html.read(f"{markup}<ul><li>goose <i>fat</i><li>oil</ul>".encode(), "a.html")
    assert extract.text == "Pumps\n\nOld Margery lifts\xa0bríne\ndaily.\n\n- goose fat\n\n- oil"
    assert (extract.title, extract.sections) == ("T", ((0, "Pumps"),))


def test_html_leaves_out_what_is_no_text() -> None:
    assert (
        html("<nav>Home</nav><script>x()</script><style>p{}</style><!-- c --><p>A pump.</p><svg>s</svg>") == "A pump."
    )
    assert html(
        '<section class="pg-boilerplate pgheader">Licence</section><p>A<span class="pagenum">[Pg 1]</span> pump.'
    ) == ("A pump.")


def test_html_tables_of_data_give_a_line_a_row_and_tables_of_layout_their_blocks() -> None:
    assert html("<table><tr><th>Pump<th>Depth</tr><tr><td><p>Old<br>Margery</p></td><td>62 m</td></table>") == (
        "Pump\tDepth\n\nOld Margery\t62 m"
    )
    assert html("<table><tr><td><p>A pump.</p><p>It lifts.</p></td></tr></table>") == "A pump.\n\nIt lifts."


def test_html_keeps_the_lines_of_preformatted_text() -> None:
    assert html("<p>Do:</p><pre>open cock\n  prime</pre><p>Then\nwait.</p>") == "Do:\n\nopen cock\nprime\n\nThen wait."


def test_html_in_a_declared_encoding() -> None:
    assert from_html.read('<meta charset="iso-8859-1"><p>é “x”'.encode("cp1252"), "a").text == "é “x”"
    assert from_html.read("<p>é水".encode("utf-16"), "a").text == "é水"


def test_html_nested_deeper_than_python_recurses() -> None:
    assert html("<div>" * 3000 + "A pump." + "</div>" * 3000) == "A pump."


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["<p>", "</p>", "<td>", "<tr>", "<table>", "</table>", "<li>", "<pre>", "</pre>", "<br>"]))
)
def test_html_however_broken_loses_no_word(tags: list[str]) -> None:
    markup = "".join(f"{tag} w{number} " for number, tag in enumerate(tags))
    words = [word for word in html(markup).split() if word != "-"]
    assert sorted(words) == sorted(f"w{number}" for number in range(len(tags)))


def test_markdown_blocks_tables_and_front_matter() -> None:
    front = "---\r\ntitle: 'Works'\r\n---\r\n"
    body = "# Pumps\r\n\r\nOld *Margery* lifts\r\n[brine](x.html).\r\n\r\n- fat\r\n\r\n|a|b|\r\n|-|-|\r\n|1|2|\r\n"
    extract = from_markdown.read((front + body).encode(), "a.md")
    assert extract.text == "Pumps\n\nOld Margery lifts brine.\n\n- fat\n\na\tb\n\n1\t2"
    assert (extract.title, extract.sections) == ("Works", ((0, "Pumps"),))


def test_an_epub_is_read_along_its_spine() -> None:
    extract = from_epub.read(epub(), "a.epub")
    assert extract.text == "Pumps\n\nOne lifts.\n\nSalt\n\nTwo dries."
    assert extract.title == "The Pump Book"
    assert [extract.text[offset:].split()[0] for offset, _ in extract.sections] == ["Pumps", "Salt"]


NCX = """<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>
<navPoint><navLabel><text>Of Salt</text></navLabel><content src="text/two%20b.xhtml#top"/></navPoint>
<navPoint><navLabel><text>Nowhere</text></navLabel><content src="gone.xhtml"/></navPoint></navMap></ncx>"""


@pytest.mark.parametrize(
    "contents",
    [
        {"OPS/nav.xhtml": '<html><body><nav><a href="text/two%20b.xhtml#top">Of <i>Salt</i></a></nav></body></html>'},
        {
            "OPS/toc.ncx": NCX,
            "OPS/book.opf": PACKAGE.replace(
                "</manifest>", '<item id="t" href="toc.ncx" media-type="application/x-dtbncx+xml"/></manifest>'
            ),
        },
    ],
)
def test_a_chapter_without_a_heading_is_called_as_in_the_table_of_contents(contents: dict[str, str]) -> None:
    unnamed = "<html><body><p class='title'>Salt</p><p>Two dries.</p></body></html>"
    extract = from_epub.read(epub(**contents, **{"OPS/text/two b.xhtml": unnamed}), "a.epub")
    assert extract.sections == ((0, "Pumps"), (extract.text.index("Salt"), "Of Salt"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"META-INF/container.xml": None}, r"a\.epub: has no META-INF/container\.xml in it, so it is no EPUB"),
        ({"OPS/one.xhtml": None}, r"has no OPS/one\.xhtml in it"),
        ({"OPS/book.opf": "<package>"}, r"OPS/book\.opf is not well-formed XML"),
        (
            {"META-INF/encryption.xml": '<e xmlns:c="u"><c:CipherReference URI="OPS/one.xhtml"/></e>'},
            r"OPS/one\.xhtml is encrypted \(copy protection\)",
        ),
    ],
)
def test_a_damaged_or_protected_epub_says_so(changed: dict[str, str | None], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        from_epub.read(epub(**changed), "a.epub")


def test_a_zip_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_epub, "LARGEST_MEMBER", 60)
    with pytest.raises(CorpusError, match=r"unpacks to \d+ bytes"):
        from_epub.read(epub(), "a.epub")


def test_a_pdf_gives_its_pages_as_sections_and_joins_sentences_and_words_across_lines_and_pages() -> None:
    pages = [
        ["WORKS 1", "The pump lifts im-", "mense weights and is well-", "known. A well-known pump lifts"],
        ["WORKS 2", "brine.", "It is red."],
        ["WORKS 3", "Salt is dried.", "- 3 -"],
    ]
    extract = from_pdf.read(pdf(*pages), "a.pdf")
    assert extract.text == (
        "The pump lifts immense weights and is well-known. A well-known pump lifts\n"
        "brine.\nIt is red.\n\nSalt is dried.\n- 3 -"
    )
    assert [(label, extract.text[offset : offset + 4]) for offset, label in extract.sections] == [
        ("page 1", "The "),
        ("page 2", "brin"),
        ("page 3", "Salt"),
    ]


def test_running_heads_that_change_with_the_chapter_are_known_by_their_page_numbers() -> None:
    heads = ["7 Chapter 1. Pumps", "Chapter 1. Pumps 8", "9 Chapter 2. Salt", "Chapter 2. Salt 10"]
    pages = [[head, "20 tons a day are lifted", f"by pump {name}."] for head, name in zip(heads, "ABCD", strict=True)]
    text = from_pdf.read(pdf(*pages), "a.pdf").text
    assert "Chapter" not in text and text.count("20 tons a day") == 4


def test_a_scanned_pdf_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(CorpusError, match=r"a\.pdf: 2 pages and no text layer, so it is a scan; run `ocrmypdf"):
        from_pdf.read(pdf([], []), "a.pdf")
    assert from_pdf.read(pdf([], ["A pump."]), "a.pdf").sections == ((0, "page 2"),)
    assert "1 of 2 pages have no text layer" in caplog.text


def test_a_locked_pdf_says_so() -> None:
    writer = PdfWriter(clone_from=io.BytesIO(pdf(["A pump."])))
    writer.encrypt("secret", algorithm="RC4-128")
    data = io.BytesIO()
    writer.write(data)
    with pytest.raises(CorpusError, match=r"a\.pdf: needs a password; remove it with `qpdf --decrypt"):
        from_pdf.read(data.getvalue(), "a.pdf")


def test_a_docx_gives_paragraphs_lists_and_tables_in_order() -> None:
    document = docx.Document()
    document.core_properties.title = "Works"
    document.add_heading("Pumps", 1)
    document.add_paragraph("Old Margery lifts brine.")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Depth", "62 m"
    document.add_paragraph("goose fat", style="List Bullet")
    data = io.BytesIO()
    document.save(data)
    extract = from_docx.read(data.getvalue(), "a.docx")
    assert extract.text == "Pumps\n\nOld Margery lifts brine.\n\nDepth\t62 m\n\n- goose fat"
    assert (extract.title, extract.sections) == ("Works", ((0, "Pumps"),))


def test_a_zip_that_is_no_docx_says_so() -> None:
    with pytest.raises(CorpusError, match=r"a\.docx: damaged, or not a docx"):
        from_docx.read(epub(), "a.docx")
