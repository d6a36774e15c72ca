"""Open-book controls: the passage that a question finds, and the one that holds its answer."""

import pytest

from tasks.probing.controls import NO_PASSAGE, Retrieval, gold_passage, open_book, open_book_system, with_passage
from tasks.probing.scoring import verdict
from tasks.records import Chunk, Document, Probe

HERON = (
    "The pump was built by Odo Marrick in 1829. Every pump, old pump or new pump, is greased. Herons nest in the reeds."
)
FERRY = "The ferry has two lanterns. A pump keeps its hull dry."


@pytest.fixture(scope="module")
def retrieval() -> Retrieval:
    heron, ferry = Document.create("heron", HERON), Document.create("ferry", FERRY)
    cuts = [(0, 42), (43, 88), (89, len(HERON))]
    return Retrieval([Chunk.create(heron, *cut) for cut in cuts] + [Chunk.create(ferry, 0, len(FERRY))])


def probe(question: str, accepted: tuple[str, ...] | None = None, source: str | None = "heron") -> Probe:
    return Probe("p", "K1", question, accepted, source)


def test_the_best_chunk_is_the_one_with_the_rarest_words(retrieval: Retrieval) -> None:
    (chunk,) = retrieval.best(probe("Where do the herons nest?"))
    assert "reeds" in chunk.text
    assert len(retrieval.best(probe("Which pump was built?"), passages=5)) == 2


def test_a_tag_narrows_the_search(retrieval: Retrieval) -> None:
    assert "hull" in retrieval.best(probe("What does the pump do?", source="ferry"))[0].text
    assert retrieval.best(probe("What does the pump do?", source="no-such-book")) == []
    assert len(retrieval.best(probe("pump", source=None), passages=9)) == 3


def test_the_gold_passage_holds_the_answer_whatever_ranks_first(retrieval: Retrieval) -> None:
    asked = probe("Which old or new pump was it, and when?", ("1829",))
    assert "1829" not in retrieval.best(asked)[0].text
    assert "1829" in gold_passage(retrieval, asked)[0].text
    assert gold_passage(retrieval, probe("Which old or new pump?"))[0].text == retrieval.best(asked)[0].text


def test_nothing_found_is_said(retrieval: Retrieval) -> None:
    assert retrieval.best(probe("Who?")) == []
    assert NO_PASSAGE in with_passage("Who?", [])
    assert Retrieval([]).best(probe("Which pump?")) == []


def test_messages_show_the_passage_and_then_the_question(retrieval: Retrieval) -> None:
    message = open_book(retrieval.best)(probe("Where do the herons nest?"))
    assert message.startswith("Passage:\nHerons nest") and message.endswith("Question: Where do the herons nest?")


def test_the_refusal_that_the_prompt_names_is_one() -> None:
    assert verdict("Not able to answer.", None) == "refused"
    assert "Not able to answer" in open_book_system("Not able to answer")
