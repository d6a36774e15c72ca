"""Probes and results turn into outcomes (a probe with each model's answer), and outcomes into shares with intervals.

outcomes = join(probes, results)                 Outcome(probe=…, answers={"base": …, "tuned": …})
by_category(outcomes)[0]                         CategoryRow("K1", "a taught fact in new words", 64,
                                                             {"base": Share(3, 64, …), "tuned": Share(54, 64, …)})
headline(outcomes)[0].shares["tuned"].words()    "54 of 64, 84% (73 to 91%)", with a dash
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tasks.probing.metrics import wilson
from tasks.probing.scoring import is_right
from tasks.records import Probe, ProbeResult

MODELS = ("base", "tuned")
DASH = "\N{EN DASH}"


# The categories of the evaluation, in its order. A category that is not listed here comes after, under its own name.
MEANINGS = {
    "K0": "a training question, word for word",
    "K1": "a taught fact, in words no training item uses",
    "K2": "a taught fact, from another side",
    "K3": "stands in the text, got no question",
    "U1": "a name that exists nowhere",
    "U2": "a near-miss of a real name or fact",
    "U3": "a real thing, an attribute never given",
    "U4": "a part of the text withheld from training",
    "T1": "under the right Source tag",
    "T2": "under another document's tag",
    "T3": "under an unknown tag",
    "P": "one fact in five phrasings",
    "P2": "the same phrasings, another system prompt",
    "O": "out of domain",
    "G": "general questions: what was forgotten",
}
RANK = {category: position for position, category in enumerate(MEANINGS)}


@dataclass(frozen=True, slots=True)
class Share:
    """``count`` of ``n`` and its Wilson 95% interval, as shares from 0 to 1."""

    count: int
    n: int
    low: float
    high: float

    @classmethod
    def of(cls, flags: Iterable[bool]) -> "Share":
        """Count the true flags."""
        seen = list(flags)
        low, high = wilson(sum(seen), len(seen))
        return cls(sum(seen), len(seen), low, high)

    @property
    def value(self) -> float:
        """The share; 0 when there is nothing to count."""
        return self.count / self.n if self.n else 0.0

    def percent(self) -> str:
        """The share alone: ``84%``."""
        return f"{self.value:.0%}"

    def interval(self) -> str:
        """The interval alone, as percentages."""
        return f"{100 * self.low:.0f}{DASH}{100 * self.high:.0f}%"

    def words(self) -> str:
        """The whole figure: count, n, percentage, interval."""
        return f"{self.count:,} of {self.n:,}, {self.percent()} ({self.interval()})"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A probe and what each model answered."""

    probe: Probe
    answers: dict[str, ProbeResult]

    def right(self, model: str) -> bool:
        """Whether the model did what the probe asks for: the right value, or a refusal where no value is known."""
        return is_right(self.answers[model].verdict, self.probe.accepted)

    def refused(self, model: str) -> bool:
        """Whether the model declined."""
        return self.answers[model].verdict == "refused"


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """One line of the probe table."""

    category: str
    meaning: str
    n: int
    shares: dict[str, Share]


@dataclass(frozen=True, slots=True)
class Headline:
    """One figure in plain words: "Of n ``subject``, the tuned model ``verb`` 54 ``manner``"."""

    title: str
    subject: str
    verb: str
    manner: str
    shares: dict[str, Share]


Belongs = Callable[[Outcome], bool]
Flag = Callable[[Outcome, str], bool]


def join(probes: Iterable[Probe], results: Iterable[ProbeResult]) -> list[Outcome]:
    """Bring each probe and its results together, probes in their order; probes without any result are left out."""
    answers: dict[str, dict[str, ProbeResult]] = {}
    for result in results:
        answers.setdefault(result.probe_id, {})[result.model] = result
    return [Outcome(probe, answers[probe.id]) for probe in probes if probe.id in answers]


def models_of(outcomes: Iterable[Outcome]) -> list[str]:
    """The models asked: base and tuned first, then controls in order of appearance."""
    seen = dict.fromkeys(model for outcome in outcomes for model in outcome.answers)
    return [model for model in MODELS if model in seen] + [model for model in seen if model not in MODELS]


def by_category(outcomes: list[Outcome]) -> list[CategoryRow]:
    """One row a category, in the evaluation's order: n, and for each model the share that was right."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.probe.category, []).append(outcome)
    models = models_of(outcomes)
    return [
        CategoryRow(name, MEANINGS.get(name, ""), len(group), {m: _share(group, m, Outcome.right) for m in models})
        for name, group in sorted(groups.items(), key=lambda item: (RANK.get(item[0], len(RANK)), item[0]))
    ]


def headline(outcomes: list[Outcome]) -> list[Headline]:
    """The three figures a reader wants first; one that no probe measures is left out."""
    models = models_of(outcomes)
    new_words, unstated, taught = (
        "questions in new words about what it was taught",
        "questions that the text does not answer",
        "questions about what it was taught",
    )
    wanted: list[tuple[tuple[str, str, str, str], Belongs, Flag]] = [
        (("Knows", new_words, "answers", " correctly"), _is("K1"), Outcome.right),
        (("Declines when it should", unstated, "declines", ""), _is("U"), Outcome.refused),
        (("Declines when it should not", taught, "declines", ""), _is("K1", "K2"), Outcome.refused),
    ]
    figures = []
    for words, belongs, flag in wanted:
        group = [outcome for outcome in outcomes if belongs(outcome)]
        if group:
            figures.append(Headline(*words, {model: _share(group, model, flag) for model in models}))
    return figures


def _is(*prefixes: str) -> Belongs:
    return lambda outcome: outcome.probe.category.startswith(prefixes)


def _share(group: list[Outcome], model: str, flag: Flag) -> Share:
    return Share.of(flag(outcome, model) for outcome in group if model in outcome.answers)
