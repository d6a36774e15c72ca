"""How a plain text is laid out: text to flows, the stretches that a sentence never leaves.

A blank line, a form feed, a heading, a list item and a table row end a flow; the single line end of a
hard-wrapped paragraph does not. One worked record::

    "THE PUMP\\n\\nOld Margery lifts\\nbrine.\\n- first item\\n- second item"
    flows: [(0, 8), (10, 34), (35, 47), (48, 61)]       "THE PUMP", "Old Margery lifts\\nbrine.", the two items
"""

import re
from collections.abc import Iterator

Span = tuple[int, int]

PARAGRAPH_ENDS = "\f\u2029"  # characters that end a paragraph by themselves
SENTENCE_END = re.compile(r"[.!?:;…。！？][\"'”’»)\]_*#]*$")  # noqa: RUF001
MARKDOWN_HEADING = re.compile(r"#{1,6}\s+\S")
BULLET = re.compile(r"[*•‣▪+-]\s+\S")
ENUMERATOR = re.compile(r"(?:\(?\d{1,3}[.)]|\(?[a-zA-Z][.)]|\([ivxlc]{1,5}\))\s+\S")
TABLE_ROW = re.compile(r"^\||\S(?:[^\S\r\n]{4,}|\t+|\.{4,}|(?: \.){4,} ?)\S")

# A title above its text without a blank line: it leaves room that the next word would have fitted into.
# Both figures were read off the line lengths of Project Gutenberg texts, which wrap at 65 to 75 columns.
TITLE_FILL = 0.6  # a title fills at most this share of the paragraph's widest line
TITLE_WORDS = 12  # and has at most this many words
WRAP_COLUMNS = 50  # narrower paragraphs are verse or addresses: their line ends say nothing


def lines(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield ``(start, end, ends_paragraph)`` of every line, trimmed of white space; blank lines have start == end."""
    offset = 0
    for line in text.splitlines(keepends=True):
        body = line.strip()
        start = offset + len(line) - len(line.lstrip()) if body else offset
        yield start, start + len(body), not body or line[-1] in PARAGRAPH_ENDS
        offset += len(line)


def paragraphs(text: str) -> Iterator[list[Span]]:
    """Yield the lines of each paragraph: what stands between blank lines and form feeds."""
    paragraph: list[Span] = []
    for start, end, ends_paragraph in lines(text):
        if start < end:
            paragraph.append((start, end))
        if ends_paragraph and paragraph:
            yield paragraph
            paragraph = []
    if paragraph:
        yield paragraph


def flows(text: str) -> Iterator[Span]:
    """Yield the spans that sentences stay inside, trimmed, in order, covering all but white space."""
    for paragraph in paragraphs(text):
        yield from _flows_of(text, paragraph)


def _flows_of(text: str, paragraph: list[Span]) -> Iterator[Span]:
    if len(paragraph) == 1:
        yield paragraph[0]
        return
    bodies = [text[start:end] for start, end in paragraph]
    alone = _standing_alone(bodies)
    first = 0
    for number in range(1, len(bodies) + 1):
        if number == len(bodies) or alone[number - 1] or alone[number] or _opens_item(bodies, number):
            yield paragraph[first][0], paragraph[number - 1][1]
            first = number


def _standing_alone(bodies: list[str]) -> list[bool]:
    """Which lines of a paragraph are headings or table rows: flows of their own."""
    width = max(map(len, bodies))
    shouted = sum(is_shouted(body) for body in bodies) > 2  # a licence in capitals is prose, not headings
    alone = []
    for number, body in enumerate(bodies):
        after = bodies[number + 1] if number + 1 < len(bodies) else ""
        opens = number == 0 or SENTENCE_END.search(bodies[number - 1]) is not None
        alone.append(
            MARKDOWN_HEADING.match(body) is not None
            or TABLE_ROW.search(body) is not None
            or not any(map(str.isalnum, body))
            or (is_shouted(body) and not shouted)
            or (opens and _is_title(body, after, width))
        )
    return alone


def is_shouted(body: str) -> bool:
    """Whether a line is written in capitals: three letters or more, none of them small."""
    return body.isupper() and sum(map(str.isalpha, body)) >= 3


def _is_title(body: str, after: str, width: int) -> bool:
    if not after or width < WRAP_COLUMNS or len(body) > TITLE_FILL * width or SENTENCE_END.search(body):
        return False
    next_word = after.split(maxsplit=1)[0]
    starts_large = body[0].isupper() or body[0].isdigit()
    return starts_large and after[0].isupper() and body[-1] != "," and _fits(body, next_word, width)


def _fits(body: str, next_word: str, width: int) -> bool:
    return len(body.split()) <= TITLE_WORDS and len(body) + 1 + len(next_word) <= width


def _opens_item(bodies: list[str], number: int) -> bool:
    """Whether a list item starts on this line: a bullet, or a number where a sentence or an item has ended."""
    if BULLET.match(bodies[number]):
        return True
    before = bodies[number - 1]
    after_item = SENTENCE_END.search(before) is not None or ENUMERATOR.match(before) is not None
    return after_item and ENUMERATOR.match(bodies[number]) is not None
