"""Configured imports to the examples that are trained on beside a run's own, and a reason for each row left out.

    ImportConfig(path="alpaca.json", most=200)                       general replay, under the rows' own system prompt
    ImportConfig(path="faq.csv", question="ask", answer="say", closed=True)      more questions about the text itself

An imported row passes the text filters (tasks/curation/imports.py), repeats no other imported row, asks nothing that
the run's own pairs ask, and nothing that stands near a probe: what is measured is not trained on.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tasks.config import CurationConfig, ImportConfig
from tasks.curation.asked import Asked
from tasks.curation.imports import STAGE, Columns, Imported, as_pair, import_examples
from tasks.records import Pair, Rejection

IMPORTED = "imported.jsonl"
"""In a run's folder: ``{"example_id", "ref"}`` a line, ``ref`` being the file's name and the row's number."""
Near = Callable[[Sequence[str]], dict[str, str]]
"""Questions to those of them that stand near a probe, each with what it is near to."""


def take_imports(
    imports: Sequence[ImportConfig], pairs: Sequence[Pair], curation: CurationConfig, *, system: str, near: Near
) -> tuple[list[Imported], list[Rejection]]:
    """Read all configured imports.

    Args:
        imports: which files, in the order in which they are preferred.
        pairs: the run's own pairs, refusals among them.
        curation: limits of the filters, and what counts as a near-duplicate.
        system: the closed-domain system prompt, for imports that are ``closed``.
        near: tells which questions stand near a probe.

    Returns:
        The examples with where they came from, and the rejections: each row read is one or the other.

    Raises:
        UsageError: when a file is missing or its rows have no known shape.
        StorageError: when a file is damaged.
    """
    threshold = curation.duplicate_similarity
    own = Asked([pair for pair in pairs if pair.kind == "answerable"], threshold, apart=False)
    declined = Asked([pair for pair in pairs if pair.kind == "refusal"], threshold, apart=False)
    taken: list[Imported] = []
    rejections: list[Rejection] = []
    for wanted in imports:
        # Under the closed-domain prompt a refusal's question answered is a contradiction; under another it is not.
        others = [own, declined] if wanted.closed else [own]
        found = 0
        for read in _read(wanted, curation, system):
            judged = _unless_taken(read, others, near) if isinstance(read, Imported) else read
            if isinstance(judged, Rejection):
                rejections.append(judged)
                continue
            taken.append(judged)
            others[0].add(as_pair(judged.example))
            found += 1
            if found == wanted.most:
                break
    return taken, rejections


def peek(imports: Sequence[ImportConfig], curation: CurationConfig) -> None:
    """Read the first row of each import, so that one that cannot be read is told before a run is begun.

    Raises:
        UsageError: when a file is missing or its rows have no known shape.
        StorageError: when a file is damaged.
    """
    for wanted in imports:
        next(_read(wanted, curation, ""), None)


def _read(wanted: ImportConfig, curation: CurationConfig, system: str) -> Iterator[Imported | Rejection]:
    columns = Columns(wanted.question, wanted.answer, wanted.system, wanted.source) if wanted.question else None
    for read in import_examples(Path(wanted.path), curation, columns=columns):
        if wanted.closed and isinstance(read, Imported):
            yield Imported(replace(read.example, system=system), read.ref)
        else:
            yield read


def _unless_taken(read: Imported, others: Sequence[Asked], near: Near) -> Imported | Rejection:
    asked = read.example.prompt
    likes = (other.like(asked, read.example.source) for other in others)
    if like := next(filter(None, likes), None):
        reason = "contradicts-another" if like.pair.kind == "refusal" else "duplicate"
        return Rejection(STAGE, reason, read.ref, f"{like.similarity:.2f} like {like.pair.question!r}: {asked}"[:240])
    if probe := near([asked]):
        return Rejection(STAGE, "near-a-probe", read.ref, f"{probe[asked]}: {asked}"[:240])
    return read
