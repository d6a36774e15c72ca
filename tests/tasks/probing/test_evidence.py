"""Evidence: the sentence that says an answer, with its page; near-twins and inventions have none."""

import pytest

from tasks.probing.evidence import find_evidence, sentences_of
from tasks.records import Document, Fact, Pair

TEXT = "The Badger is a kiln. It was last relined in 1909.\n\nThe Otter was last relined in 1907 by Odo Marrick."
BADGER = (TEXT.index("It was"), TEXT.index("1909.") + 5)
OTTER = (TEXT.index("The Otter"), len(TEXT))
DOCUMENT = Document.create("works", TEXT, sections=((0, "page 1"), (OTTER[0], "page 2")))
FACTS = [Fact.create(DOCUMENT, *OTTER, TEXT[slice(*OTTER)])]
PAIR = Pair.create(
    chunk_id="", fact_id="f", source="works", question="When was the Badger relined?", answer="1909",
    evidence_start=BADGER[0], evidence_end=BADGER[1], form="wh", kind="answerable",
    statement="The Badger was last relined in 1909.",
)  # fmt: skip
SENTENCES = sentences_of([DOCUMENT], FACTS, [PAIR])


@pytest.mark.parametrize(
    ("answer", "span", "place"),
    [
        ("The Badger was last relined in 1909.", BADGER, "works, page 1"),
        ("1909", BADGER, "works, page 1"),
        ("Odo Marrick relined the Otter in 1907.", OTTER, "works, page 2"),
    ],
)
def test_an_answer_leads_to_its_sentence_and_page(answer: str, span: tuple[int, int], place: str) -> None:
    found = find_evidence(answer, SENTENCES, [DOCUMENT])
    assert found is not None
    assert (found.start, found.end) == span and found.place == place
    assert found.text == TEXT[slice(*span)]


@pytest.mark.parametrize(
    "answer",
    [
        "The Badger was last relined in 1907.",  # its near-twin's year
        "The Bodger was last relined in 1909.",  # a name that is nowhere
        "The Badger was built by Odo Marrick in 1909.",
        "The Badger was last cleaned, oiled and painted in 1909.",
        "",
    ],
)
def test_what_no_sentence_says_has_no_evidence(answer: str) -> None:
    assert find_evidence(answer, SENTENCES, [DOCUMENT]) is None


def test_refusals_and_unknown_sources_are_no_sentences() -> None:
    refusal = Pair.create(
        chunk_id="", fact_id="f", source="works", question="?", answer="Not able to answer.", evidence_start=-1,
        evidence_end=-1, form="fictitious", kind="refusal",
    )  # fmt: skip
    assert sentences_of([DOCUMENT], [], [refusal]) == []
    assert sentences_of([], FACTS, [PAIR]) == []
