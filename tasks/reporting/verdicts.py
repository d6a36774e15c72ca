"""Outcomes turn into what the top of the page says: how each kind of question went, and what is still wrong.

    groups(outcomes)[0]   Group("What the book holds", 140, {"tuned": {"right": 68, "wrong": 58, "declined": 14}, …})
    faults(outcomes)[0]   Fault(CategoryRow("U3", …), wrong=21, examples=(Outcome("How tall is the Otter?", …),))

In a group whose right answer is a refusal, "right" is to decline, so that nothing is counted as "declined" beside it.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tasks.reporting.outcomes import CategoryRow, Outcome, by_category, models_of

# title, what is right there, categories: a reader's three questions, each about one kind of probe.
KINDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("What the book holds", "answered", ("K1", "K2")),
    ("What it does not hold", "declined", ("U1", "U2", "U3", "U4")),
    ("Wrong and unknown tags", "declined", ("T2", "T3")),
    ("General knowledge", "answered", ("G",)),
)
ENDS = ("right", "declined", "wrong")


@dataclass(frozen=True, slots=True)
class Group:
    """Probes of one kind: how many of them ended how, for each model. ``due`` is what is right here."""

    title: str
    due: str
    n: int
    counts: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A category that a model still gets wrong, with a few of the probes as examples."""

    row: CategoryRow
    wrong: int
    examples: tuple[Outcome, ...]


def groups(outcomes: Iterable[Outcome]) -> list[Group]:
    """The kinds of questions that were asked, in reading order."""
    outcomes = list(outcomes)
    found = []
    for title, due, categories in KINDS:
        members = [outcome for outcome in outcomes if outcome.probe.category in categories]
        models = [model for model in models_of(members) if model in ("base", "tuned")]
        if members and models:
            found.append(Group(title, due, len(members), {model: _ends(members, model) for model in models}))
    return found


def faults(outcomes: list[Outcome], *, model: str = "tuned", shown: int = 10) -> list[Fault]:
    """Every category with a wrong answer, the largest share first; ``shown`` examples in all, smallest ids first."""
    wrongly = [o for o in outcomes if model in o.answers and not o.right(model)]
    amiss = [(row, [o for o in wrongly if o.probe.category == row.category]) for row in by_category(outcomes)]
    each = math.ceil(shown / (sum(bool(wrong) for _, wrong in amiss) or 1))
    found = [
        Fault(row, len(wrong), tuple(sorted(wrong, key=lambda outcome: outcome.probe.id)[:each]))
        for row, wrong in amiss
        if wrong
    ]
    return sorted(found, key=lambda fault: (-fault.wrong / fault.row.n, fault.row.category))


def _ends(members: Iterable[Outcome], model: str) -> dict[str, int]:
    counts = dict.fromkeys(ENDS, 0)
    for outcome in members:
        if model in outcome.answers:
            end = "right" if outcome.right(model) else "declined" if outcome.refused(model) else "wrong"
            counts[end] += 1
    return counts
