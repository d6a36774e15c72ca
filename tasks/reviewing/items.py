"""A run turns into what its reviewer goes through: pairs kept or left out, in the order of the text, and gold probes.

    load_items(run, gold)  ->  Items(pairs=[Item(pair "Who built it?", "kept"), Item(pair "When?", "left out: …")], …)
    items.shown()          ->  {"documents": [{"source", …}], "pairs": [{"id", "question", "decision", …}], …}

An edited pair is shown under the id of its original, in its new words: a decision is always about the original.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from tasks.curation.decisions import Decision, Decisions, Target, decision_key, read_decisions
from tasks.curation.reviews import GONE, REASON, edited
from tasks.errors import StorageError
from tasks.probing.probes import load_probes
from tasks.records import Document, Pair, Probe, ProbeResult, Rejection
from tasks.reporting.coverage import utf16
from tasks.reporting.payload import evidence_offsets
from tasks.storage import read_records

Record = TypeVar("Record")
KEPT = "kept"


@dataclass(slots=True)
class Item(Generic[Record]):
    """A pair or probe as it was made, what the pipeline did with it, and what the reviewer decided."""

    record: Record
    status: str
    decision: Decision | None = None


@dataclass(slots=True)
class Items:
    """All that a run's reviewer sees. ``answers`` are the models' answers by probe id."""

    documents: list[Document]
    pairs: dict[str, Item[Pair]]
    probes: dict[str, Item[Probe]]
    answers: dict[str, list[ProbeResult]]

    def of(self, target: Target) -> Mapping[str, Item[Pair] | Item[Probe]]:
        """The items of one kind, by the record's id."""
        return self.pairs if target == "pair" else self.probes

    def shown(self) -> dict[str, Any]:
        """What the page draws, as JSON values; offsets are UTF-16, as browsers count."""
        numbers = {document.source: number for number, document in enumerate(self.documents)}
        starts, ends = evidence_offsets([item.record for item in self.pairs.values()], numbers, self.documents)
        places = zip(self.pairs.values(), starts, ends, strict=True)
        return {
            "documents": [_document(document) for document in self.documents],
            "pairs": [
                _pair(item) | {"document": numbers.get(item.record.source, -1), "start": start, "end": end}
                for item, start, end in places
            ],
            "probes": [_probe(item, self.answers) for item in self.probes.values()],
        }


def load_items(run: Path, gold: Path | None) -> Items:
    """Read what a run holds for its reviewer; ``gold`` is the corpus's own file of probes.

    Raises:
        StorageError: when the run has no pairs yet, or a file in it is damaged.
    """
    if not (run / "pairs.jsonl").is_file():
        raise StorageError(f"{run}: no pairs in it to review; run `closedbook run` or `closedbook curate {run}` first")
    decisions = read_decisions(run)
    results = read_records(run / "results.jsonl", ProbeResult) if (run / "results.jsonl").is_file() else []
    answers: dict[str, list[ProbeResult]] = {}
    for result in results:
        answers.setdefault(result.probe_id, []).append(result)
    probes = load_probes(gold) if gold is not None and gold.is_file() else []
    return Items(
        read_records(run / "documents.jsonl", Document),
        {item.record.id: item for item in _pairs(run, decisions)},
        {probe.id: Item(probe, KEPT, decisions.get(decision_key(probe))) for probe in probes},
        answers,
    )


def _pairs(run: Path, decisions: Decisions) -> list[Item[Pair]]:
    """Pairs kept, candidates left out and refusals rejected, once each, as they were before any edit."""
    decided = [(each, Pair(**each.original)) for each in decisions.values() if each.target == "pair"]
    originals = {edited(pair, each.changes).id: pair for each, pair in decided if each.action == "edit"}
    reasons = {each.ref: each.reason for each in read_records(run / "rejected.jsonl", Rejection)}
    items: dict[str, Item[Pair]] = {}
    for kept in read_records(run / "pairs.jsonl", Pair):
        pair = originals.get(kept.id, kept)
        items[pair.id] = Item(pair, KEPT)
    for pair in [*read_records(run / "candidates.jsonl", Pair), *(pair for _, pair in decided)]:
        if pair.id not in items:
            reason = reasons.get(pair.id, GONE)
            items[pair.id] = Item(pair, KEPT if reason == REASON else f"left out: {reason}")
    for item in items.values():
        item.decision = decisions.get(decision_key(item.record))
    return in_order(items)


def in_order(items: Mapping[str, Item[Pair]]) -> list[Item[Pair]]:
    """Sort pairs as a reader meets them: by where the evidence stands, a refusal after the pair it is a twin of."""

    def place(item: Item[Pair]) -> tuple[str, int, str, bool]:
        twin = items[item.record.twin_of].record if item.record.twin_of in items else item.record
        start = twin.evidence_start if twin.evidence_start >= 0 else 1 << 62
        return twin.source, start, twin.id, item.record.kind == "refusal"

    return sorted(items.values(), key=place)


def _document(document: Document) -> dict[str, Any]:
    marks = utf16(document.text, [start for start, _ in document.sections])
    labels = [label for _, label in document.sections]
    sections = [[mark, label] for mark, label in zip(marks, labels, strict=True)]
    return {"source": document.source, "title": document.title, "text": document.text, "sections": sections}


def _decided(decision: Decision | None) -> dict[str, Any]:
    if decision is None:
        return {"decision": "", "changes": {}}
    return {"decision": decision.action, "changes": decision.changes}


def _pair(item: Item[Pair]) -> dict[str, Any]:
    pair = item.record
    return {
        "id": pair.id, "question": pair.question, "answer": pair.answer, "statement": pair.statement,
        "form": pair.form, "kind": pair.kind, "source": pair.source, "generator": pair.generator,
        "twin": pair.twin_of, "status": item.status, **_decided(item.decision),
    }  # fmt: skip


def _probe(item: Item[Probe], answers: Mapping[str, list[ProbeResult]]) -> dict[str, Any]:
    probe = item.record
    return {
        "id": probe.id, "category": probe.category, "question": probe.question, "source": probe.source or "",
        "accepted": None if probe.accepted is None else list(probe.accepted), "status": item.status,
        "answers": [[each.model, each.response, each.verdict] for each in answers.get(probe.id, [])],
        **_decided(item.decision),
    }  # fmt: skip
