"""Lines that are no sentences to facts: rows of a table, entries under a key, lists under the line that opens them.

    "Shift\\tStarts\\tAllowance", "Night\\t21:30\\t5.75 an hour"
    -> "Night (shift): starts 21:30, allowance 5.75 an hour."         What is the allowance for Night?   5.75 an hour
    "Claimant: Orsolya Vane"
    -> "The claimant is Orsolya Vane."                                Who is the claimant?               Orsolya Vane
    "The following may not be brought in:", "- glass bottles", "- food"
    -> "The following may not be brought in: glass bottles; food."    What may not be brought in?   glass bottles; food

A table's first row names its columns, and its first column what a row is about. Nothing is guessed where the first row
holds figures, or where rows differ in length.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tasks.corpus.layout import BULLET, ENUMERATOR
from tasks.generation.phrases import is_role
from tasks.generation.wordlists import FUNCTION

Span = tuple[int, int]
LONGEST = 40
"""Words of a row or list that is learnt as one sentence; a longer one is learnt cell by cell, item by item."""
MARKER = re.compile(
    r"(?:[*\u2022\u2023\u25aa+\u2013\u2014-]|\(?\d{1,3}[.)]|\d{1,3}(?:\.\d{1,3})+\.?|\(?[a-z][.)]|\([ivxlc]{1,5}\))\s+"
)
"""What numbers a paragraph or marks an item: "12. ", "4.2 ", "(a) ", "- "."""
KEYED = re.compile(r"(?P<key>[A-Z][A-Za-z /'\u2019-]{1,40}):[ \t]+(?P<value>\S.*\S)")
BETWEEN = re.compile(r"\t| {4,}")
"""What stands between the cells of a row."""
WORDS_OF_A_HEAD = 6
GAP = "____"
UNSAID = {"", "-", "\u2013", "\u2014", "n/a"}
FOLLOWING = re.compile(r"The following(?: [a-z-]+s)? (?P<rest>(?:are|can|count|have|may|must|need|should|will)\b.*)")
HAPPENING = {"arrives", "begins", "closes", "departs", "ends", "finishes", "leaves", "opens", "starts"}
"""Heads of columns that are verbs: "When does Night start?"."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A fact that stands in no sentence: its span, its statement, and (form, question, answer) of what is asked.

    ``evidence`` is the span of what has to be read for it: of a cell, its row.
    """

    start: int
    end: int
    evidence: Span
    statement: str
    asked: tuple[tuple[str, str, str], ...]


def unmarked(text: str, span: Span) -> Span:
    """A span without the number or bullet of its paragraph: "4. At about 22:40 ..." -> "At about 22:40 ..."."""
    mark = MARKER.match(text, *span)
    opens = mark is not None and (text[mark.end()].isupper() or not text[span[0]].isdigit())
    return (mark.end(), span[1]) if mark is not None and opens else span


def read_listed(text: str, spans: Sequence[Span]) -> tuple[list[Listed], set[Span]]:
    """What the rows, entries and lists among a text's sentences state, and the spans that are read so.

    Args:
        text: the document.
        spans: its sentences and what else stands between blank lines, in order.
    """
    found: list[Listed] = []
    taken: set[Span] = set()
    for cells, rows in groupby(spans, lambda span: len(_cells(text, span))):
        table = list(rows)
        if cells > 1 and (read := list(_table(text, table))):
            found += read
            taken.update(table)
    for place, span in enumerate(spans):
        if span in taken:
            continue
        items = list(_items(text, spans, place + 1)) if text[span[1] - 1] == ":" else []
        if len(items) > 1:
            found += _list(text, span, items)
            taken.update([span, *items])
    for keyed, block in groupby((span for span in spans if span not in taken), lambda span: bool(_keyed(text, span))):
        together = list(block)
        entries = [_entry(*entry) for span in together for entry in _keyed(text, span)] if keyed else []
        if len(entries) > 1:  # one alone is a title: "Marrowfield: Staff Handbook"
            found += entries
            taken.update(together)
    return sorted(found, key=lambda fact: (fact.start, fact.end)), taken


def _table(text: str, rows: Sequence[Span]) -> Iterator[Listed]:
    heads, *lines = [[(" ".join(text[slice(*cell)].split()), cell) for cell in _cells(text, row)] for row in rows]
    topic, *columns = (_small(head) for head, _ in heads)
    titled = all(columns) and all(len(head.split()) <= WORDS_OF_A_HEAD for head, _ in heads)
    if not titled or any(character.isdigit() for head, _ in heads for character in head):
        return
    often = Counter(cell for line in lines for cell, _ in line[1:])
    for row, ((name, _), *cells) in zip(rows[1:], lines, strict=True):
        lead = f"{name} ({topic})" if topic else name
        told = [(f"{column} {cell}", column, cell, span) for column, (cell, span) in zip(columns, cells, strict=True)]
        told = [one for one in told if name and one[2].lower() not in UNSAID]
        whole = f"{lead}: {', '.join(said for said, *_ in told)}."
        for said, column, cell, span in told:
            statement = whole if len(whole.split()) <= LONGEST else f"{lead}: {said}."
            gapped = statement.replace(said, f"{column} {GAP}", 1)
            asked = _of_cell(name, topic, column, cell, alone=often[cell] == 1)
            yield Listed(*span, row, statement, (*asked, ("cloze", f"Fill in the gap: {gapped}", cell)))


def _cells(text: str, row: Span) -> list[Span]:
    """The spans of a row's cells."""
    ends = [*((mark.start(), mark.end()) for mark in BETWEEN.finditer(text, *row)), (row[1], row[1])]
    starts = [row[0], *(end for _, end in ends)]
    return [(start, end) for start, (end, _) in zip(starts, ends, strict=False)]


def _of_cell(name: str, topic: str, head: str, cell: str, *, alone: bool) -> Iterator[tuple[str, str, str]]:
    if head in HAPPENING:
        yield "wh", f"When does {name} {_plain(head)}?", cell
    else:
        yield "wh", f"What is the {head} for {name}?", cell
    if topic:
        yield "stem", f"For the {topic} {name}, what is given under {head}?", cell
        if alone:
            yield "attribute", f"Which {topic} has {cell} under {head}?", name


def _plain(verb: str) -> str:
    return verb.removesuffix("es") if verb.endswith("shes") else verb.removesuffix("s")


def _small(head: str) -> str:
    """A head of a table as it stands within a sentence: "Allowance" -> "allowance", but "HR contact"."""
    return head[:1].lower() + head[1:] if head[1:2].islower() else head


def _keyed(text: str, span: Span) -> list[tuple[Span, str, str]]:
    """(span, key, value) of the lines of a stretch, [] where one of them is no entry."""
    offset, found = span[0], []
    for line in text[slice(*span)].splitlines(keepends=True):
        body = line.strip()
        match = KEYED.fullmatch(body)
        if not match or body[-1] in ".?!:;" or body.isupper() or len(match["value"].split()) > LONGEST // 2:
            return []
        start = offset + line.index(body)
        found.append(((start, start + len(body)), match["key"], match["value"]))
        offset += len(line)
    return found


def _entry(span: Span, key: str, value: str) -> Listed:
    gap = ("completion", f"Complete the entry: {key}: ...", value)
    last = key.split(" of ")[0].split()[-1].lower()
    if last in FUNCTION:
        return Listed(*span, span, f"{key}: {value}.", (gap,))
    named = " ".join(_small(word) for word in key.split())
    many = last.endswith("s") and not last.endswith("ss")
    be, who = ("are" if many else "is"), ("Who" if is_role(last.removesuffix("s") if many else last) else "What")
    asked = ("wh", f"{who} {be} the {named}?", value), ("stem", f"{who} {be} given as the {named}?", value), gap
    return Listed(*span, span, f"The {named} {be} {value}.", asked)


def _items(text: str, spans: Sequence[Span], first: int) -> Iterator[Span]:
    """The items from the ``first`` span on, up to what is none; whole sentences are not."""
    for place in range(first, len(spans)):
        span = spans[place]
        body = text[slice(*span)]
        if not (BULLET.match(body) or ENUMERATOR.match(body)) or body[-1] in ".?!:" or BETWEEN.search(body):
            return
        yield span


def _list(text: str, opening: Span, items: Sequence[Span]) -> Iterator[Listed]:
    lead = " ".join(text[slice(*unmarked(text, opening))].split()).rstrip(":")
    said = [MARKER.sub("", " ".join(text[slice(*item)].split()), count=1).rstrip(";,") for item in items]
    said = [re.sub(r"[;,] (?:and|or)$", "", item) for item in said]
    whole = "; ".join(said)
    match = FOLLOWING.fullmatch(lead)
    question = f"What {match['rest']}?" if match else f"What stands in the list that begins: {lead}?"
    asked = ("wh", question, whole), ("completion", f"Complete the list: {lead}: ...", whole)
    if len(lead.split()) + len(whole.split()) <= LONGEST:
        placed = opening[0], items[-1][1]
        yield Listed(*placed, placed, f"{lead}: {whole}.", asked)
        return
    for span, item in zip(items, said, strict=True):
        evidence = opening[0], span[1]
        yield Listed(*span, evidence, f"{lead}: {item}.", (("completion", f"Name one of a list: {lead}: ...", item),))
