"""Checks by the model's own likelihoods: which drafted questions hold, and why the others do not.

A draft goes through a cascade, cheapest first, and is dropped by the first check it fails::

    fluency      log P(question | its sentence) a word                      "wording too unlikely"
    margin       … minus the same under the other sentences of the passage  "fits another sentence as well"
    round trip   log P(answer | sentence, question)                         "answer not given back"
    drop         … minus the same for the rule's own question               "answer not given back"
    lead         … minus the best other span of the sentence                "another answer fits better"
    gain         … minus log P(answer | question alone)                     "answer guessed without the sentence"

Every figure is in nats, every threshold stands in ``GenerationConfig``. Scored by the generator that drafted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tasks.config import GenerationConfig
from tasks.generation.generators import Generator, Sampling
from tasks.generation.guards import fits
from tasks.generation.prompts import asking, closed_book, one_line, open_book
from tasks.generation.wordlists import content, stems, words

UNLIKELY = "wording too unlikely"
ELSEWHERE = "fits another sentence as well"
NOT_BACK = "answer not given back"
OTHER_SPAN = "another answer fits better"
GUESSED = "answer guessed without the sentence"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A drafted question with what it is weighed against.

    ``rivals`` are other answers that the sentence could give, ``others`` sentences of the same passage,
    ``rule`` is the rule's question ("" if none).
    """

    question: str
    answer: str
    statement: str
    rule: str = ""
    rivals: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def settle(generator: Generator, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Give each candidate the likeliest answer of its own and its rivals', of those that fit the question's kind.

    A weak model that writes a good question often writes a wrong answer beside it; it picks better than it writes.
    """
    options = [
        [a for a in dict.fromkeys((c.answer, *c.rivals)) if a and fits(c.question, a, c.statement)] for c in candidates
    ]
    trials = [(i, answer) for i, answers in enumerate(options) for answer in answers]
    scores = generator.score(
        [open_book(candidates[i].statement, candidates[i].question) for i, _ in trials],
        [f" {one_line(answer)}\n" for _, answer in trials],
    )
    best: dict[int, tuple[float, str]] = {}
    for (i, answer), likelihood in zip(trials, scores, strict=True):
        best[i] = max(best.get(i, (likelihood, answer)), (likelihood, answer))
    settled = []
    for i, candidate in enumerate(candidates):
        answer = best[i][1] if i in best else ""
        rest = tuple(rival for rival in (candidate.answer, *candidate.rivals) if rival and rival != answer)
        settled.append(replace(candidate, answer=answer, rivals=tuple(dict.fromkeys(rest))))
    return settled


Check = Callable[[Generator, list[Candidate], GenerationConfig], list[str | None]]


def rank(generator: Generator, candidates: Sequence[Candidate], config: GenerationConfig) -> list[str | None]:
    """Return for each candidate why it is dropped, or None if it holds."""
    verdicts: list[str | None] = [None] * len(candidates)
    checks: tuple[Check, ...] = (_weigh_wording, _weigh_answer) if generator.scores else (_ask_back,)
    for check in checks:
        standing = [i for i, verdict in enumerate(verdicts) if verdict is None]
        for i, verdict in zip(standing, check(generator, [candidates[i] for i in standing], config), strict=True):
            verdicts[i] = verdict
    return verdicts


def _weigh_wording(generator: Generator, candidates: list[Candidate], config: GenerationConfig) -> list[str | None]:
    """Fluency, then margin: log P(question | sentence), under its own sentence and under others."""
    own = generator.score(
        [asking(candidate.statement) for candidate in candidates], [f" {c.question}\n" for c in candidates]
    )
    verdicts: list[str | None] = [
        UNLIKELY if likelihood < config.least_fluency * len(words(candidate.question)) else None
        for candidate, likelihood in zip(candidates, own, strict=True)
    ]
    trials = [(i, other) for i, c in enumerate(candidates) if verdicts[i] is None for other in c.others]
    scores = generator.score(
        [asking(other) for _, other in trials], [f" {candidates[i].question}\n" for i, _ in trials]
    )
    for (i, _), likelihood in zip(trials, scores, strict=True):
        if own[i] - likelihood < config.least_margin:
            verdicts[i] = ELSEWHERE
    return verdicts


def _weigh_answer(generator: Generator, candidates: list[Candidate], config: GenerationConfig) -> list[str | None]:
    """The round trip: log P(answer | sentence, question), against the rule's question, other spans and no sentence."""
    trials: list[tuple[int, str, str]] = []
    for i, candidate in enumerate(candidates):
        book = open_book(candidate.statement, candidate.question)
        trials.append((i, book, candidate.answer))
        trials += [(i, book, rival) for rival in candidate.rivals if not _overlap(rival, candidate.answer)]
    scores = generator.score([prompt for _, prompt, _ in trials], [f" {one_line(a)}\n" for _, _, a in trials])
    back: dict[int, float] = {}
    best: dict[int, float] = {}
    for (i, _, _), likelihood in zip(trials, scores, strict=True):
        if i not in back:
            back[i] = likelihood
        else:
            best[i] = max(best.get(i, likelihood), likelihood)
    ruled = [i for i, candidate in enumerate(candidates) if candidate.rule]
    by_rule = generator.score(
        [open_book(candidates[i].statement, candidates[i].rule) for i in ruled],
        [f" {one_line(candidates[i].answer)}\n" for i in ruled],
    )
    rules = dict(zip(ruled, by_rule, strict=True))
    alone = generator.score([closed_book(c.question) for c in candidates], [f" {c.answer}\n" for c in candidates])
    verdicts: list[str | None] = []
    for i, closed in enumerate(alone):
        if back[i] < config.least_answer or back[i] - rules.get(i, back[i]) < -config.most_drop:
            verdicts.append(NOT_BACK)
        elif i in best and back[i] - best[i] < config.least_lead:
            verdicts.append(OTHER_SPAN)
        else:
            verdicts.append(GUESSED if back[i] - closed < config.least_gain else None)
    return verdicts


def _ask_back(generator: Generator, candidates: list[Candidate], config: GenerationConfig) -> list[str | None]:
    """The round trip for engines that give no likelihoods: ask greedily, compare content words."""
    sampling = Sampling(temperature=0.0, max_tokens=config.max_tokens, stop=("\n",))
    drafts = generator.generate([open_book(c.statement, c.question) for c in candidates], sampling)
    return [
        None if _same(draft.text, candidate.answer) else NOT_BACK
        for draft, candidate in zip(drafts, candidates, strict=True)
    ]


def _same(given: str, answer: str) -> bool:
    mine, wanted = stems(content(given)), stems(content(answer))
    return bool(wanted) and len(mine & wanted) >= 0.8 * max(len(mine), len(wanted))


def _overlap(one: str, other: str) -> bool:
    """Whether one answer is part of the other, and so no rival: 'Tuesdays' and 'on Tuesdays'."""
    mine, rival = stems(content(one)), stems(content(other))
    return mine <= rival or rival <= mine
