"""Completions to questions and answers; what does not parse gives nothing, and nothing makes it fail.

    parse_pairs("1. Question: What lifts brine?\\nAnswer: The pump.\\n\\nQ: Who built it?\\nA: Odo Marrick")
    -> [Drafted("What lifts brine?", "The pump"), Drafted("Who built it?", "Odo Marrick")]
    parse_question(" Which person built the pump\\nIn other") -> "Which person built the pump?"

Models vary the labels (``Question 1:``, ``**Q:**``, ``- Answer:``), so labels are matched loosely. A pair ends
where the next label or a blank line begins; the last pair of a completion counts like any other.
"""

import re
from typing import NamedTuple


class Drafted(NamedTuple):
    """A question and its answer as a model wrote them ("" for an answer known beforehand)."""

    question: str
    answer: str


LABEL = re.compile(
    r"^[ \t>*#_\-]*(?:\d{1,3}[.):][ \t]*)?[*_]*(?P<label>question|answer|q|a)[ \t]*\d{0,3}[*_]*[ \t]*[:.)][*_]*[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
QUOTES = "\"'\u201c\u201d\u2018\u2019`*_ \t"
LONGEST = 10_000
"""Characters of a completion that are looked at; more is no answer to any of the prompts."""


def parse_question(text: str) -> str:
    """Read one question: its first line up to the first question mark, which is added if cut off; "" if none."""
    lines = text[:LONGEST].strip().splitlines()
    if not lines:
        return ""
    line = LABEL.sub("", lines[0]).split("?")[0]
    question = " ".join(line.split()).strip(QUOTES + ".:,;-")
    return f"{question[:1].upper()}{question[1:]}?" if re.search(r"[^\W\d_]", question) else ""


def parse_pairs(text: str) -> list[Drafted]:
    """Read every labelled question that is followed by a labelled answer, in order."""
    text = text[:LONGEST]
    labels = list(LABEL.finditer(text))
    ends = [*(label.start() for label in labels), len(text)][1:]
    pairs = []
    question = ""
    for label, end in zip(labels, ends, strict=True):
        body = text[label.end() : end]
        if label["label"].lower().startswith("q"):
            question = parse_question(body)
        elif question:
            if answer := _answer(body):
                pairs.append(Drafted(question, answer))
            question = ""
    return pairs


def _answer(body: str) -> str:
    paragraph = body.strip().split("\n\n")[0]
    return " ".join(paragraph.split()).strip(QUOTES).rstrip(".;,").strip(QUOTES)
