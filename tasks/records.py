"""The records that flow through a run: documents to chunks to facts to pairs to examples to probe results.

Every record is a frozen, slotted dataclass. Ids are derived from content (``derive_id``), so the same
input gives the same id on every machine. Text offsets count Unicode code points in ``Document.text``.

One worked chain::

    Document(source="heron", text="The pump was built by Odo Marrick in 1829. It lifts brine.")
    Chunk(start=0, end=42)                                    document.text[0:42] == chunk.text
    Fact(start=0, end=42, statement="The pump was built by Odo Marrick in 1829.")
    Pair(question="Who built the pump?", answer="Odo Marrick", evidence_start=0, evidence_end=42,
         form="wh", kind="answerable")
    Example(system="Answer from the book only.", prompt="Source:heron Who built the pump?",
            answer="Odo Marrick")
"""

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["answerable", "refusal"]
Split = Literal["train", "valid", "withheld"]
Verdict = Literal["correct", "wrong", "refused"]


def derive_id(*parts: object) -> str:
    """Return 16 hex digits of the SHA-256 of the parts, joined by a separator no text contains."""
    joined = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Document:
    """One text of a corpus. ``source`` is the tag's name, e.g. ``manual-of-surgery``.

    ``sections`` are ``(start, label)`` marks, sorted, for provenance: a page, a chapter.
    """

    id: str
    source: str
    title: str
    text: str
    sections: tuple[tuple[int, str], ...] = ()

    @classmethod
    def create(
        cls, source: str, text: str, *, title: str = "", sections: tuple[tuple[int, str], ...] = ()
    ) -> "Document":
        """Build a document whose id depends on its tag and text only."""
        return cls(derive_id("document", source, text), source, title or source, text, sections)

    def section_at(self, offset: int) -> str:
        """The label of the section (page, chapter) that an offset lies in, "" when there is none."""
        return next((label for start, label in reversed(self.sections) if start <= offset), "")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A window over whole sentences. Invariant: ``document.text[start:end] == text``."""

    id: str
    document_id: str
    source: str
    start: int
    end: int
    text: str

    @classmethod
    def create(cls, document: Document, start: int, end: int) -> "Chunk":
        """Cut ``document.text[start:end]``; the id follows the text and its source, not its offset.

        A paragraph added above leaves the ids of the windows below unchanged, which is what lets an
        incremental run regenerate only what changed.
        """
        text = document.text[start:end]
        return cls(derive_id("chunk", document.source, text), document.id, document.source, start, end, text)


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence or clause that states something, with the span it stands in.

    ``statement`` is the self-contained wording (pronouns resolved); empty if it could not be resolved.
    """

    id: str
    document_id: str
    source: str
    start: int
    end: int
    text: str
    statement: str

    @classmethod
    def create(cls, document: Document, start: int, end: int, statement: str) -> "Fact":
        """Cut ``document.text[start:end]`` and attach its self-contained wording.

        The id follows the text and how often it stood before in the document, not its offset: a paragraph added
        above leaves it as it is.
        """
        text = document.text[start:end]
        earlier = document.text.count(text, 0, start)
        return cls(
            derive_id("fact", document.source, earlier, text), document.id, document.source, start, end, text, statement
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """What a generator wrote for one prompt. ``fact_ids`` are the facts the prompt was about."""

    id: str
    chunk_id: str
    prompt_id: str
    sample: int
    seed: int
    text: str
    finish_reason: str
    model: str
    fact_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and its answer, with the evidence span in the document.

    ``statement`` is the self-contained sentence that carries the answer (empty for refusals).
    ``twin_of`` names the answerable pair a refusal was made from. ``evidence_*`` are -1 for refusals.
    """

    id: str
    chunk_id: str
    fact_id: str
    source: str
    question: str
    answer: str
    evidence_start: int
    evidence_end: int
    form: str
    kind: Kind
    statement: str = ""
    twin_of: str = ""
    generator: str = "rule"

    @classmethod
    def create(cls, **values: Any) -> "Pair":
        """Build a pair; its id follows source, question, answer, form and fact."""
        pair_id = derive_id(
            "pair", values["source"], values["question"], values["answer"], values["form"], values["fact_id"]
        )
        return cls(id=pair_id, **values)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why something was dropped: nothing is dropped without one. ``ref`` is the id of what it was."""

    stage: str
    reason: str
    ref: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Example:
    """A training row, free of any chat template. ``source`` is the tag shown in the prompt ("" if left out)."""

    id: str
    pair_id: str
    system: str
    prompt: str
    answer: str
    source: str
    split: Split


@dataclass(frozen=True, slots=True)
class Probe:
    """A question put to the models. ``accepted`` None means that the right answer is a refusal.

    ``group`` ties the phrasings of one fact together (category P).
    """

    id: str
    category: str
    question: str
    accepted: tuple[str, ...] | None
    source: str | None
    group: str = ""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One model's answer to one probe. ``margin``: how much likelier it declines, in nats (probing/asking.py)."""

    probe_id: str
    model: str
    response: str
    verdict: Verdict
    margin: float


@dataclass(slots=True)
class Tally:
    """Counts of one stage: parsed = kept + rejected, reason by reason."""

    stage: str
    parsed: int = 0
    kept: int = 0
    rejected: dict[str, int] = field(default_factory=dict)

    def reject(self, reason: str) -> None:
        """Count one rejection."""
        self.rejected[reason] = self.rejected.get(reason, 0) + 1

    def balanced(self) -> bool:
        """Whether the law of conservation holds here."""
        return self.parsed == self.kept + sum(self.rejected.values())


def to_json(record: Any) -> dict[str, Any]:
    """Turn a record into a JSON-ready dict, field order kept (tuples become lists in the file)."""
    return asdict(record)
