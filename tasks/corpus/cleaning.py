"""What a text holds besides its subject: text to the spans that no question should be asked about.

``strip_gutenberg`` cuts Project Gutenberg's header and footer off before a document is made. ``boilerplate`` names the
sentences of contents, indexes, licences, captions, page headers and headings, for the ledger to skip and report::

    "CONTENTS\\n\\nRepair      1\\n\\nREPAIR\\n\\nTissue heals."
    Boilerplate(0, 8, "contents"), Boilerplate(10, 23, "contents"), Boilerplate(25, 31, "heading")

It would rather keep a heading than lose a sentence: whatever ends like a sentence and is not in a list of
contents, an index, a caption or a licence stays.
"""

import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from tasks.corpus.layout import (
    BULLET,
    ENUMERATOR,
    MARKDOWN_HEADING,
    SENTENCE_END,
    TABLE_ROW,
    Span,
    flows,
    is_shouted,
    paragraphs,
)


@dataclass(frozen=True, slots=True)
class Boilerplate:
    """A sentence that is not about the text's subject. ``kind`` is one of ``KINDS``."""

    start: int
    end: int
    kind: str


KINDS = ("contents", "index", "licence", "transcriber", "caption", "page header", "heading", "ornament")


class Stripped(NamedTuple):
    """A text without its Project Gutenberg frame; title and note are "" where there was none."""

    text: str
    title: str
    note: str
    start: int  # where the text stood in what was given


# The marks of the frame, and how it names the book: https://www.gutenberg.org/policy/license.html
FRAME_REACH = 40_000  # characters from either end in which a mark is looked for; the longest frame has 21,000
FRAME_START = re.compile(
    r"^(?:\*{3} ?START OF (?:THE|THIS) PROJECT GUTENBERG E(?:BOOK|TEXT)[^*]{0,400}\*{3}"
    r"|\*END\*? ?THE SMALL PRINT![^\r\n]{0,200})\s*",  # until 2003
    re.M | re.I,
)
FRAME_END = re.compile(
    r"^(?:\*{3} ?END OF (?:THE|THIS) PROJECT GUTENBERG E(?:BOOK|TEXT)|End of (?:the |this )?Project Gutenberg)",
    re.M | re.I,
)
CREDIT = re.compile(r"(?:(?:Produced|Transcribed) by|E-?text prepared by)\b(?:[^\r\n]+\r?\n?){1,12}", re.I)
HEADER_FIELD = re.compile(r"^(Title|Author): *(\S.*?)\s*$", re.M)
EBOOK_NUMBER = re.compile(r"\[E(?:Book|text) #(\d+)\]", re.I)

CONTENTS = re.compile(
    r"(?:TABLE OF )?CONTENTS|(?:LIST OF )?(?:ILLUSTRATIONS|FIGURES|PLATES|TABLES|MAPS)|CHAPTER (?:LIST|HEADINGS)", re.I
)
INDEX = re.compile(r"(?:(?:GENERAL|SUBJECT|ALPHABETICAL) )?INDEX(?: OF [A-Z ]{3,30})?", re.I)
FULL_LICENCE = re.compile(r"\W*(?:START: FULL LICENSE|THE FULL PROJECT GUTENBERG LICENSE)", re.I)
LICENCE = re.compile(
    r"All rights reserved|Copyright (?:©|\(c\)|by|\d{4})|©\s*\d{4}|\bISBN\b|Project Gutenberg|gutenberg\.org"
    r"|Permission is hereby granted|licensed under (?:a|the) |PRINTED (?:AND BOUND )?(?:IN|BY) ",
    re.I,
)
LICENCE_REACH = 0.05  # share of the text, at either end, in which a licence or an imprint is looked for
LICENCE_WORDS = 120
TRANSCRIBER = re.compile(
    r"\W*(?:Transcriber.?s.? notes?\b|Produced by |E-?text prepared by |\[Note: this e-?text)", re.I
)
BRACKETED_CAPTION = re.compile(r"\[(?:Illustrations?|Plate|Figure|Fig\.|Image|Photo|Map)\b", re.I)
BARE_CAPTION = re.compile(r"(?:FIG|FIGURE|PLATE|TABLE)S?\.?\s*\d+[a-z]?\s*[.:—–]", re.I)  # noqa: RUF001
CAPTION_WORDS = 60
CAPTION_PARAGRAPHS = 6  # a bracket that has not closed by then is no caption
PAGE_MARK = re.compile(r"[\W_]*(?:(?:pg|page|p)\b\.?\s*)?(?:\d{1,4}|[ivxl]{1,7})[\W_]*", re.I)
RUNNING_HEAD = re.compile(r"(?:\d{1,4}\s+(\D{3,60}?)|(\D{3,60}?)\s+\d{1,4})")
RUNNING_HEADS = 4  # so many pages at least carry the same words beside their number
DIVISION = re.compile(r"\W*(?:CHAPTER|PART|BOOK|SECTION|VOLUME|APPENDIX|LESSON|UNIT|ARTICLE|RULE|STEP)\b", re.I)
PAGE_AT_END = re.compile(r"(?:\s{2,}|\.{2,}\s*|[,;]\s*|\s)(?:\d{1,4}|[ivxl]{1,6})(?:[-–,\s]+\d{1,4})*\.?$")  # noqa: RUF001
DASHES = re.compile(r"--+|—")
SYNOPSIS_PARTS = 4  # a chapter's synopsis has so many short parts between dashes
SYNOPSIS_WORDS = 9
PROSE_WORDS = 12  # a paragraph so long that ends like a sentence is prose, and ends a list of contents
HEADING_WORDS = 12
BRIEF_HEADING_WORDS = 6  # longer ones must be written like titles, most words with capitals
TITLE_SHARE = 0.6
MARKED_TITLE = re.compile(r"(?:\(?\w{1,2}[.)]\s+)?[#_*]\S")
RUN_IN_WORDS = 2  # an unmarked run-in heading as short as this needs no capitals: longer ones may state something


def strip_gutenberg(text: str) -> Stripped:
    """Cut Project Gutenberg's header, credit and footer off; any other text comes back as it is."""
    head, tail = text[:FRAME_REACH], max(0, len(text) - FRAME_REACH)
    opening = FRAME_START.search(head)
    closing = FRAME_END.search(text, max(tail, opening.end() if opening else 0))
    if opening is None and closing is None:
        return Stripped(text, "", "", 0)
    start = opening.end() if opening else 0
    if credit := CREDIT.match(text, start):
        start = credit.end()
    fields = dict(HEADER_FIELD.findall(text[:start]))
    number = EBOOK_NUMBER.search(text[:start])
    title = " by ".join(fields[name] for name in ("Title", "Author") if name in fields)
    note = f"Project Gutenberg eBook {number.group(1)}" if number else "Project Gutenberg eBook"
    body = text[start : closing.start() if closing else len(text)]
    return Stripped(body.strip(), title, note, start + len(body) - len(body.lstrip()))


def boilerplate(text: str, sentences: list[Span]) -> list[Boilerplate]:
    """Return the sentences that are boilerplate, in order, each with its kind."""
    marks = _paragraph_marks(text)
    starts = [start for start, _, _ in marks]
    heads = _running_heads(text)
    openings = dict(flows(text))
    found = []
    for start, end in sentences:
        position = bisect_right(starts, start) - 1
        kind = marks[position][2] if position >= 0 and start < marks[position][1] else ""
        kind = kind or _kind_of_line(
            text[start:end], whole=openings.get(start) == end, opens=start in openings, heads=heads
        )
        if kind:
            found.append(Boilerplate(start, end, kind))
    return found


def _paragraph_marks(text: str) -> list[tuple[int, int, str]]:
    """Spans of whole paragraphs with their kind: contents, index, licence, transcriber, caption."""
    blocks = [[text[start:end] for start, end in lines] for lines in paragraphs(text)]
    spans = [(lines[0][0], lines[-1][1]) for lines in paragraphs(text)]
    kinds = _zones(blocks)
    _captions(blocks, kinds)
    margin = max(len(text) * LICENCE_REACH, 2_000)
    for number, (start, end) in enumerate(spans):
        near_an_end = end < margin or start > len(text) - margin
        kinds[number] = kinds[number] or _kind_of_paragraph(blocks[number], near_an_end=near_an_end)
    return [(start, end, kind) for (start, end), kind in zip(spans, kinds, strict=True) if kind]


def _zones(blocks: list[list[str]]) -> list[str]:
    """Mark lists of contents and indexes, from their heading to the last entry before the next prose."""
    kinds = [""] * len(blocks)
    number = 0
    while number < len(blocks):
        kind = _zone_opened_by(blocks[number])
        if not kind:
            number += 1
            continue
        end = last = number + 1
        while end < len(blocks) and (kind == "licence" or not _is_prose(blocks[end])):
            end += 1
            if kind != "contents" or _is_entries(blocks[end - 1]):
                last = end
            elif end < len(blocks) and _zone_opened_by(blocks[end]):
                break
        kinds[number:last] = [kind] * (last - number)
        number = last
    return kinds


def _zone_opened_by(lines: list[str]) -> str:
    title = lines[0].strip("#*_=:. ")
    if FULL_LICENCE.match(lines[0]):
        return "licence"
    if CONTENTS.fullmatch(title):
        return "contents"
    return "index" if INDEX.fullmatch(title) else ""


def _is_entries(lines: list[str]) -> bool:
    return 2 * sum(PAGE_AT_END.search(line) is not None for line in lines) >= len(lines)


def _is_prose(lines: list[str]) -> bool:
    words = sum(len(line.split()) for line in lines)
    return words >= PROSE_WORDS and SENTENCE_END.search(lines[-1]) is not None and not _is_entries(lines)


def _captions(blocks: list[list[str]], kinds: list[str]) -> None:
    for number, lines in enumerate(blocks):
        if kinds[number]:
            continue
        if BRACKETED_CAPTION.match(lines[0]):
            for last in range(number, min(number + CAPTION_PARAGRAPHS, len(blocks))):
                if blocks[last][-1].endswith("]"):
                    kinds[number : last + 1] = ["caption"] * (last + 1 - number)
                    break
        elif BARE_CAPTION.match(lines[0]) and sum(len(line.split()) for line in lines) <= CAPTION_WORDS:
            kinds[number] = "caption"


def _kind_of_paragraph(lines: list[str], *, near_an_end: bool) -> str:
    body = " ".join(lines)
    if TRANSCRIBER.match(body):
        return "transcriber"
    if near_an_end and LICENCE.search(body) and len(body.split()) <= LICENCE_WORDS:
        return "licence"
    parts = DASHES.split(body)
    brief = all(len(part.split()) <= SYNOPSIS_WORDS and part[:1].isupper() for part in map(str.strip, parts))
    return "contents" if len(parts) >= SYNOPSIS_PARTS and brief else ""


def _kind_of_line(body: str, *, whole: bool, opens: bool, heads: set[str]) -> str:
    """The kind of a sentence by itself. ``whole``: it is a flow; ``opens``: other sentences follow it there."""
    if not any(map(str.isalnum, body)):
        return "ornament"
    if not whole:
        return "heading" if _is_run_in_heading(body, opens=opens) else ""
    if PAGE_MARK.fullmatch(body) or _words_of_head(body) in heads:
        return "page header"
    return "heading" if _is_heading(body) else ""


def _is_run_in_heading(body: str, *, opens: bool) -> bool:
    """A heading that its paragraph follows on the same line: "_Treatment._--", "Fat Embolism.--"."""
    title = body.rstrip("-—")
    if title == body or len(body.split()) > HEADING_WORDS:
        return False
    short = len(body.split()) <= RUN_IN_WORDS
    named = opens and (is_shouted(title) or short or _title_share(title) >= TITLE_SHARE)
    return named or MARKED_TITLE.match(body) is not None


def _words_of_head(body: str) -> str:
    match = RUNNING_HEAD.fullmatch(body)
    return next((words.casefold() for words in match.groups() if words), "") if match else ""


def _running_heads(text: str) -> set[str]:
    """The words that stand beside a page number on their own line at least ``RUNNING_HEADS`` times."""
    counts = Counter(_words_of_head(text[start:end]) for start, end in flows(text) if end - start < 80)
    return {words for words, count in counts.items() if words and count >= RUNNING_HEADS and not DIVISION.match(words)}


def _is_heading(body: str) -> bool:
    if MARKDOWN_HEADING.match(body) or (DIVISION.match(body) and len(body.split()) <= 3):
        return True
    words = body.split()
    if len(words) > HEADING_WORDS or BULLET.match(body) or ENUMERATOR.match(body) or TABLE_ROW.search(body):
        return False
    if is_shouted(body):
        return True
    if SENTENCE_END.search(body) or body.endswith(",") or ": " in body or not body.lstrip("#*_( ")[:1].isupper():
        return False
    return len(words) <= BRIEF_HEADING_WORDS or _title_share(body) >= TITLE_SHARE


def _title_share(body: str) -> float:
    words = body.split()
    return sum(word.lstrip("#*_(\"'")[:1].isupper() for word in words) / len(words)
