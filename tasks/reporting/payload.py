"""A run turns into the data that the page's tables and painted text are drawn from: columns, as one JSON value.

    payload(files, …)  ->  {"documents": [{"source", "text", "sentences": [start, end, questions, askable, …]}],
                            "pairs": {"id": […], "question": […], "form": [0, 3, …], …, "names": {"form": ["wh", …]}},
                            "probes": {…, "models": ["base", "tuned"]}}
    script_json({"a": "</script>"})  ->  {"a":"\\u003c/script\\u003e"}

Columns, with repeated names kept as numbers, halve the page of 50,000 pairs. Offsets are UTF-16, as browsers count.
"""

import json
from collections.abc import Iterable
from typing import Any

from tasks.records import Document, Pair
from tasks.reporting.coverage import Painted, utf16
from tasks.reporting.loading import RunFiles
from tasks.reporting.outcomes import Outcome, models_of

# A page must open at once: beyond these a run is shown in part, and the page says which part.
PAIR_LIMIT = 100_000
TEXT_LIMIT = 8_000_000


class Codes:
    """Names to small numbers, in order of first use."""

    def __init__(self) -> None:
        """Start with no name."""
        self.names: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        """Return the number of a name."""
        return self.names.setdefault(name, len(self.names))


def script_json(value: Any) -> str:
    """Dump JSON that cannot end or open anything in HTML: ``<``, ``>``, ``&`` and the line separators are escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def payload(files: RunFiles, painted: dict[str, list[Painted]], outcomes: list[Outcome]) -> dict[str, Any]:
    """Gather what the page draws; ``painted`` maps a document's id to its sentences."""
    shown = _within_limit(files.documents or [])
    return {
        "documents": [_document(document, painted[document.id]) for document in shown],
        "pairs": _pairs(files, {document.source: number for number, document in enumerate(shown)}, shown),
        "probes": _probes(outcomes),
    }


def _within_limit(documents: Iterable[Document]) -> list[Document]:
    shown, characters = [], 0
    for document in documents:
        characters += len(document.text)
        if characters > TEXT_LIMIT:
            break
        shown.append(document)
    return shown


def _document(document: Document, sentences: list[Painted]) -> dict[str, Any]:
    starts = utf16(document.text, [sentence.start for sentence in sentences])
    ends = utf16(document.text, [sentence.end for sentence in sentences])
    marks = utf16(document.text, [start for start, _ in document.sections])
    flat = [
        number
        for start, end, sentence in zip(starts, ends, sentences, strict=True)
        for number in (start, end, sentence.questions, int(sentence.askable))
    ]
    return {
        "source": document.source,
        "title": document.title,
        "text": document.text,
        "sections": [[mark, label] for mark, (_, label) in zip(marks, document.sections, strict=True)],
        "sentences": flat,
    }


def _pairs(files: RunFiles, numbers: dict[str, int], documents: list[Document]) -> dict[str, Any]:
    pairs = (files.pairs or [])[:PAIR_LIMIT]
    positions = {pair.id: position for position, pair in enumerate(pairs)}
    splits = _splits(files)
    form, kind, split, generator, source = Codes(), Codes(), Codes(), Codes(), Codes()
    starts, ends = evidence_offsets(pairs, numbers, documents)
    columns: dict[str, Any] = {
        "id": [pair.id for pair in pairs],
        "question": [pair.question for pair in pairs],
        "answer": [pair.answer for pair in pairs],
        "document": [numbers.get(pair.source, -1) for pair in pairs],
        "start": starts,
        "end": ends,
        "twin": [positions.get(pair.twin_of, -1) for pair in pairs],
        "source": [source(pair.source) for pair in pairs],
        "form": [form(pair.form) for pair in pairs],
        "kind": [kind(pair.kind) for pair in pairs],
        "split": [split(splits.get(pair.id, "unused")) for pair in pairs],
        "generator": [generator(pair.generator) for pair in pairs],
    }
    codes = {"source": source, "form": form, "kind": kind, "split": split, "generator": generator}
    return columns | {"names": {column: list(code.names) for column, code in codes.items()}}


def _splits(files: RunFiles) -> dict[str, str]:
    """The split of each pair that became an example; a pair shown with and without its tag is one pair."""
    return {example.pair_id: example.split for example in [*(files.train or []), *(files.valid or [])]}


def evidence_offsets(
    pairs: list[Pair], numbers: dict[str, int], documents: list[Document]
) -> tuple[list[int], list[int]]:
    """Evidence offsets in UTF-16, -1 for a pair without evidence or whose document is not shown."""
    starts, ends = [-1] * len(pairs), [-1] * len(pairs)
    of_document: dict[int, list[int]] = {}
    for position, pair in enumerate(pairs):
        if pair.evidence_start >= 0 and pair.source in numbers:
            of_document.setdefault(numbers[pair.source], []).append(position)
    for number, positions in of_document.items():
        text = documents[number].text
        converted_starts = utf16(text, [pairs[position].evidence_start for position in positions])
        converted_ends = utf16(text, [pairs[position].evidence_end for position in positions])
        for position, start, end in zip(positions, converted_starts, converted_ends, strict=True):
            starts[position], ends[position] = start, end
    return starts, ends


def _probes(outcomes: list[Outcome]) -> dict[str, Any]:
    category = Codes()
    models = models_of(outcomes)
    columns: dict[str, Any] = {
        "id": [outcome.probe.id for outcome in outcomes],
        "question": [outcome.probe.question for outcome in outcomes],
        "accepted": [None if (o.probe.accepted is None) else list(o.probe.accepted) for o in outcomes],
        "source": [outcome.probe.source or "" for outcome in outcomes],
        "category": [category(outcome.probe.category) for outcome in outcomes],
        "models": models,
        "answers": {model: [_answer(outcome, model) for outcome in outcomes] for model in models},
    }
    return columns | {"names": {"category": list(category.names)}}


def _answer(outcome: Outcome, model: str) -> list[Any] | None:
    """[response, verdict, right, margin], or None when the model was not asked."""
    if model not in outcome.answers:
        return None
    result = outcome.answers[model]
    margin = round(result.margin, 3) if abs(result.margin) < float("inf") else None
    return [result.response, result.verdict, int(outcome.right(model)), margin]
