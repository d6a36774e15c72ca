"""Facts to passages, requests to batches: what is generated together, and anew when its text changes.

    facts of two files, the 5th and 12th marked by their own text  ->  passages 1-5, 6-12, 13-20 | 21-33
    requests about facts 6-12, 40 of them, at most 32 a batch      ->  batches of 32 and 8

A passage ends where the text itself says so (content-defined chunking, as in LBFS, Muthitacharoen et al. 2001), and
never crosses two documents. A changed paragraph changes the passage that holds it, and a new file adds passages:
every other batch stays what it was, and its kept result is found again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.records import Fact, derive_id

if TYPE_CHECKING:
    from tasks.generation.drafting import Request

FACTS_A_PASSAGE = 128
"""On average: what ten windows of 160 words state. With 40, batches reached half of the engine's speed (bench/)."""
LONGEST_PASSAGE = 512
"""Four times the average: a text that never marks an end is cut here."""


def passages(facts: Sequence[Fact]) -> dict[str, int]:
    """Number the passages of a ledger: fact id to passage, in text order."""
    numbers: dict[str, int] = {}
    number = length = 0
    for before, fact in zip([None, *facts], facts, strict=False):
        full = before is not None and (_ends_passage(before) or length >= LONGEST_PASSAGE)
        if before is not None and (full or before.document_id != fact.document_id):
            number, length = number + 1, 0
        numbers[fact.id] = number
        length += 1
    return numbers


def _ends_passage(fact: Fact) -> bool:
    return int(derive_id("passage", fact.text), 16) % FACTS_A_PASSAGE == 0


def cut_batches(requests: Sequence["Request"], passage: Mapping[str, int], size: int) -> list[list["Request"]]:
    """Cut requests into batches: those of one passage together, those of a kind side by side, ``size`` at most.

    A kind's requests run at once, behind its own head: a batch of one kind fills the engine best. Batches come in the
    order of their first requests, so that where the neediest facts are asked first, the neediest passages are.
    """
    grouped: dict[int, list[Request]] = {}
    for request in requests:
        grouped.setdefault(passage[request.fact_id], []).append(request)
    kinds = [sorted(group, key=lambda request: request.kind) for group in grouped.values()]
    return [group[start : start + size] for group in kinds for start in range(0, len(group), size)]


def unplaced(request: "Request") -> "Request":
    """A request as the model sees it, without its place in the document: text added above changes nothing in it."""
    return replace(request, chunk_id="", evidence_start=-1, evidence_end=-1)
