"""Cleaning: Gutenberg's frame goes, boilerplate is named by kind, and prose is never taken for it."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.corpus.cleaning import KINDS, boilerplate, strip_gutenberg
from tasks.corpus.sentences import split_sentences

MANUAL = Path(os.environ.get("CLOSEDBOOK_MANUAL", "corpora/surgery/manual-of-surgery.txt"))

BOOK = """\
THE PUMP BOOK

Copyright 1914 by the Heronsmere Press

CONTENTS

CHAPTER I
   PUMPS                                1
   Their care ......................... 17

LIST OF ILLUSTRATIONS

  1. Old Margery, seen from the
     river                              3

CHAPTER I

PUMPS

Kinds of pump--Their care--Leathers--Goose fat.

Old Margery was built by Odo Marrick in 1829, and she lifts brine.

[Illustration: FIG. 1.--Old Margery.

(From a print.)]

_Leathers._--They are dressed with goose fat. He wrote "Never oil."--and
left.

Fig. 2 shows the clutch, which goes in at 5 bars.

Fig. 2.--The clutch.

[Pg 12]

* * *

The works lie at Quenlow

INDEX

Margery, Old, 1
    built, 2, 3

Pumps, 1
    _See also_ Margery
"""


def kinds(text: str) -> list[tuple[str, str]]:
    found = boilerplate(text, split_sentences(text))
    return [(text[mark.start : mark.end], mark.kind) for mark in found]


def prose(text: str) -> list[str]:
    found = {(mark.start, mark.end) for mark in boilerplate(text, split_sentences(text))}
    return [text[start:end] for start, end in split_sentences(text) if (start, end) not in found]


def test_a_book_leaves_its_prose_and_nothing_else() -> None:
    assert prose(BOOK) == [
        "Old Margery was built by Odo Marrick in 1829, and she lifts brine.",
        "They are dressed with goose fat.",
        'He wrote "Never oil."--and\nleft.',
        "Fig. 2 shows the clutch, which goes in at 5 bars.",
    ]


def test_every_kind_is_named() -> None:
    found = dict(kinds("[Transcriber's Note: spelling kept.]\n\n" + BOOK))
    assert set(found.values()) == set(KINDS)
    assert found["Kinds of pump--Their care--Leathers--Goose fat."] == "contents"
    assert found["Their care ......................... 17"] == "contents"
    assert found["_Leathers._--"] == "heading"
    assert found["(From a print.)]"] == "caption"
    assert found["[Pg 12]"] == "page header"
    assert found["Copyright 1914 by the Heronsmere Press"] == "licence"
    assert found["Margery, Old, 1\n    built, 2, 3"] == "index"


def test_running_heads_are_found_by_their_number() -> None:
    pages = [f"WORKS HANDBOOK {page}\n\nThe pump of page {page} lifts brine.\n\n" for page in range(10, 16)]
    assert [kind for _, kind in kinds("".join(pages))] == ["page header"] * 6
    assert {kind for _, kind in kinds("".join(f"Chapter {n}\n\nIt lifts brine.\n\n" for n in range(6)))} == {"heading"}


@pytest.mark.parametrize(
    "text",
    [
        "Old Margery: 62 metres",
        "- Old Margery lifts 240 litres",
        "Old Margery\t62 m",
        "Odo died in 1829.--He was old.",
        "He copied it. Copyright law was new.",
        '"No," he said.',
        "old margery",
        "The contents of the well rise by night.",
        "Margery, the pump, was built in 1829.",
    ],
)
def test_what_may_state_something_stays(text: str) -> None:
    assert kinds(text) == []


def test_an_index_or_contents_list_ends_at_the_next_prose() -> None:
    body = "Salt is dried in the loft for nine days, and then it is sold in town.\n\nIt is white."
    text = f"CONTENTS\n\nPumps  1\n\nSALT\n\n{body}"
    assert kinds(text) == [("CONTENTS", "contents"), ("Pumps  1", "contents"), ("SALT", "heading")]


def test_an_illustration_bracket_that_never_closes_swallows_nothing() -> None:
    text = "[Illustration: a pump\n\n" + "It lifts brine.\n\n" * 20
    assert "caption" not in dict(kinds(text)).values()


# What stands between the two ends of a caption's bracket is caption: halves of one are not shuffled.
PARAGRAPHS = [part for part in BOOK.split("\n\n") if part.count("[") == part.count("]")]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(PARAGRAPHS), max_size=20).map("\n\n".join))
def test_marks_are_sentences_in_order_and_long_prose_outside_lists_is_never_one(text: str) -> None:
    sentences = split_sentences(text)
    found = boilerplate(text, sentences)
    spans = [(mark.start, mark.end) for mark in found]
    assert spans == sorted(set(spans)) and set(spans) <= set(sentences)
    assert not any("Odo Marrick" in text[start:end] for start, end in spans)


def test_a_text_without_a_gutenberg_frame_comes_back_as_it_is() -> None:
    text = " The pump.\n*** START OF THE SHIFT ***\n"
    assert strip_gutenberg(text) == (text, "", "", 0)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("*** START OF THE PROJECT GUTENBERG EBOOK PUMPS ***", "*** END OF THE PROJECT GUTENBERG EBOOK PUMPS ***"),
        ("***START OF THIS PROJECT GUTENBERG EBOOK\nPUMPS***", "End of Project Gutenberg's Pumps, by A. Clerk\n\n***"),
        ("*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*", "End of The Project Gutenberg Etext"),
    ],
)
def test_a_gutenberg_frame_of_any_age_is_cut_off(newline: str, opening: str, closing: str) -> None:
    head = (
        f"Title: Pumps\nRelease Date: 2006 [Etext #7]\n\n{opening}\n\n\nProduced by J. and the\nProofreading Team\n\n"
    )
    text = f"{head}  BRINE\n\nIt is lifted.\n\n{closing}\n\nLicence.\n".replace("\n", newline)
    stripped = strip_gutenberg(text)
    assert stripped.text == "BRINE\n\nIt is lifted.".replace("\n", newline)
    assert text[stripped.start :].startswith(stripped.text)
    assert (stripped.title, stripped.note) == ("Pumps", "Project Gutenberg eBook 7")


@pytest.mark.skipif(
    not MANUAL.exists(), reason="needs CLOSEDBOOK_MANUAL, the Manual of Surgery: closedbook fetch gutenberg 17921"
)
def test_the_manual_of_surgery_keeps_the_passage_on_thiersch_and_its_prose() -> None:
    stripped = strip_gutenberg(MANUAL.read_text(encoding="utf-8-sig"))
    sentences = split_sentences(stripped.text)
    found = boilerplate(stripped.text, sentences)
    taken = {(mark.start, mark.end) for mark in found}
    kept = " ".join(stripped.text[start:end] for start, end in sentences if (start, end) not in taken)
    assert "late\nProfessor Thiersch of Leipsic is that almost universally practised." in kept
    assert "the razor passing through the tips of the papillæ" in kept
    assert "Project Gutenberg" not in stripped.text
    share = sum(mark.end - mark.start for mark in found) / len(stripped.text)
    assert 0.07 < share < 0.10  # its contents, index, captions and 780 headings, read through one by one
