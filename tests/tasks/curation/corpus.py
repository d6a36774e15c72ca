"""A small text and its pairs, for the curation tests."""

from typing import Any

from tasks.config import CurationConfig
from tasks.records import Document, Pair

TEXT = (
    "The heron pump was built by Odo Marrick in 1829. It lifts 240 litres of brine a minute. "
    "The deputy, Corwin Asplehurst, keeps the keys of the oil store on a green cord. "
    "The kiln-warden commands twenty-two stokers. The wagon is cleaned every nine days."
)
DOCUMENT = Document.create("heron", TEXT)
CONFIG = CurationConfig()


def pair(question: str, answer: str, evidence: str = "built by Odo", **values: Any) -> Pair:
    """A pair whose evidence is the sentence of ``TEXT`` that holds ``evidence``."""
    place = TEXT.index(evidence)
    start = TEXT.rfind(". ", 0, place) + 2 if ". " in TEXT[:place] else 0
    end = TEXT.index(".", place) + 1
    defaults: dict[str, Any] = {
        "chunk_id": "c", "fact_id": f"fact-{start}", "source": "heron", "question": question, "answer": answer,
        "evidence_start": start, "evidence_end": end, "form": "wh", "kind": "answerable",
        "statement": TEXT[start:end],
    }  # fmt: skip
    return Pair.create(**(defaults | values))


def refusal(question: str, **values: Any) -> Pair:
    """A refusal pair."""
    defaults: dict[str, Any] = {
        "form": "refusal-near-miss",
        "kind": "refusal",
        "evidence_start": -1,
        "evidence_end": -1,
        "statement": "",
    }
    return pair(question, "Not able to answer: the book does not say.", **(defaults | values))
