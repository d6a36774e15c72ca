"""HTML to text: headings, paragraphs, list items and table rows become blocks; scripts and navigation go.

    <h2>Pumps</h2><p>Old <b>Margery</b>\\n lifts brine.<ul><li>goose fat</ul>
    "Pumps\\n\\nOld Margery lifts brine.\\n\\n- goose fat"          sections ((0, "Pumps"),)

selectolax (MIT) parses as browsers do, by the HTML standard, so that tags left open break nothing.
"""

import codecs
import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from tasks.corpus.assembly import Assembly, Extract
from tasks.errors import CorpusError

SKIPPED = {
    "script",
    "style",
    "head",
    "nav",
    "template",
    "noscript",
    "svg",
    "math",
    "object",
    "iframe",
    "form",
    "button",
}
SKIPPED_CLASSES = {"pg-boilerplate", "pagenum", "pageno", "toc"}
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
BLOCKS = HEADINGS.union(
    ("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt"),
    ("fieldset", "figcaption", "figure", "footer", "header", "hr", "html", "li", "main", "ol", "p", "pre", "section"),
    ("summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
)
LAYOUT = ", ".join(["table", "ul", "ol", "p + p", "div + div", *sorted(HEADINGS)])
BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
DECLARED = re.compile(rb"""<(?:\?xml\b[^>]*?\bencoding|meta\b[^>]*?\bcharset)\s*=\s*["']?\s*([\w.:-]+)""", re.I)
DECLARED_WITHIN = 1024  # bytes: https://html.spec.whatwg.org/#determining-the-character-encoding
# What a page calls latin-1 or ascii is read as windows-1252: https://encoding.spec.whatwg.org/#names-and-labels
SUPERSET = dict.fromkeys(("iso-8859-1", "latin-1", "us-ascii", "ascii"), "windows-1252")
# XHTML may close these at once; to an HTML parser all that follows would be their content.
SELF_CLOSED = re.compile(r"<(script|style|title|textarea|iframe|noscript)\b([^<>]*)/>", re.I)
SPACES = re.compile(r"[ \t\r\n\f]+")


def read(data: bytes, name: str) -> Extract:
    """Extract the text of an HTML or XHTML page.

    Raises:
        CorpusError: when the bytes are not in the encoding that the page declares (UTF-8 if it declares none).
    """
    page = parse(decode(data, name))
    assembly = Assembly()
    add_page(page, assembly)
    title = page.css_first("head title")
    return assembly.extract(title.text() if title else "")


def decode(data: bytes, name: str) -> str:
    """Decode a page by its byte-order mark or its declaration.

    Raises:
        CorpusError: naming the encoding that is unknown, or the first byte that does not fit it.
    """
    declared = DECLARED.search(data[:DECLARED_WITHIN])
    encoding = declared.group(1).decode("ascii", "replace").lower() if declared else "utf-8"
    encoding = next((codec for mark, codec in BYTE_ORDER_MARKS if data.startswith(mark)), encoding)
    try:
        return data.decode(SUPERSET.get(encoding, encoding))
    except LookupError as error:
        raise CorpusError(f"{name}: declares the unknown encoding {encoding!r}; save the page as UTF-8") from error
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{name}: byte 0x{data[error.start]:02x} at offset {error.start} is not {encoding}; save the page as UTF-8"
        ) from error


def parse(markup: str) -> LexborHTMLParser:
    """Parse a page of HTML or XHTML."""
    return LexborHTMLParser(SELF_CLOSED.sub(r"<\1\2></\1>", markup))


def add_page(page: LexborHTMLParser, assembly: Assembly) -> None:
    """Append the blocks of a page to an assembly, and mark its headings."""
    gathering = _Gathering(assembly)
    for node, opens in _events(page.root):
        if node.is_text_node:
            gathering.add_string(node.text_content or "")
        elif node.is_element_node and opens:
            gathering.open(node)
        elif node.is_element_node:
            gathering.close(node)


class _Gathering:
    """Gathers the strings between two block tags into one block, or those of a row into its cells."""

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly
        self.lines = [""]
        self.preformatted = 0
        self.cells: list[str] | None = None

    def add_string(self, string: str) -> None:
        first, *others = string.split("\n") if self.preformatted else [string]
        self.lines[-1] += first
        self.lines += others

    def open(self, node: LexborNode) -> None:
        if node.tag == "br":
            self.lines.append("")
        elif node.tag in BLOCKS:
            self.end_block("")
        if node.tag == "tr" and node.css_first(LAYOUT) is None:
            self.cells = []
        self.preformatted += node.tag == "pre"

    def close(self, node: LexborNode) -> None:
        if node.tag == "tr" and self.cells is not None:
            row, self.cells = self.cells, None
            self.assembly.add("\t".join(cell for cell in row if cell))
        elif self.cells is not None and node.tag in ("td", "th"):
            self.cells.append(self.taken(" "))
        elif node.tag in BLOCKS:
            self.end_block(node.tag or "")
        self.preformatted -= node.tag == "pre"

    def end_block(self, own: str) -> None:
        """Append what has gathered; ``own`` is the tag that held it, if that closes here."""
        if self.cells is not None:
            self.lines.append("")
            return
        text = self.taken("\n")
        if own in HEADINGS:
            self.assembly.mark(text)
        self.assembly.add(f"- {text}" if own == "li" and text else text)

    def taken(self, glue: str) -> str:
        lines, self.lines = self.lines, [""]
        return glue.join(SPACES.sub(" ", line).strip() for line in lines).strip()


def _events(root: LexborNode | None) -> Iterator[tuple[LexborNode, bool]]:
    """Yield nodes in order, elements as they open and as they close, without recursion: pages nest at will."""
    node = root
    while node is not None:
        skipped = node.is_element_node and _is_skipped(node)
        if not skipped:
            yield node, True
        child = None if skipped else node.child
        while child is None and node is not None:
            if not skipped and node.is_element_node:
                yield node, False
            skipped = False
            child, node = node.next, node.parent
        node = child


def _is_skipped(node: LexborNode) -> bool:
    return node.tag in SKIPPED or not SKIPPED_CLASSES.isdisjoint((node.attributes.get("class") or "").split())
