"""Rule-made pairs to labelled trials of the likelihood checks, and those to precision and recall at the thresholds.

    Request("When was the Badger last relined?", "1909", statement "The Badger was last relined in 1909.")
    -> lead, right answer  : log P("1909") - log P(best other span)            +9.1   a positive
       lead, a rival's     : log P("the Badger") - log P("1909")               -6.0   a negative

Positives are pairs that the rules made of the demo corpora; negatives are the same pairs with one thing put wrong, the
thing that the check is there to see: words in another order, another sentence, another question, another answer, the
answer given away. As many negatives as positives, so that precision is read at even odds.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.config import GenerationConfig
from tasks.generation.drafting import Request
from tasks.generation.generators import Generator
from tasks.generation.prompts import asking, closed_book, one_line, open_book
from tasks.generation.ranking import _overlap
from tasks.generation.wordlists import words

PUT_WRONG = {
    "least_fluency": "its words in another order",
    "least_margin": "laid to the sentence next to its own",
    "least_answer": "another fact's question",
    "most_drop": "the rule's question for another answer of the sentence",
    "least_lead": "another answer of the sentence",
    "least_gain": "the answer said in the question",
}
"""What makes a negative of each threshold's check."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One value of one check, of a pair that is right or was put wrong. Values are in nats, larger is better."""

    check: str
    right: bool
    value: float


@dataclass(frozen=True, slots=True)
class Case:
    """A rule-made pair and what it is put wrong with."""

    request: Request
    other_question: str
    sibling_question: str
    reworded: str
    shuffled: str


def cases(requests: Sequence[Request], count: int, seed: int = 0) -> list[Case]:
    """Draw rule-made pairs that have a neighbour, a rival answer and a second wording, one for a fact and answer."""
    rewrites = list({(r.fact_id, r.answer): r for r in requests if r.kind == "rewrite"}.values())
    siblings = {(r.fact_id, r.answer): r.question for r in rewrites}
    draw = random.Random(seed)
    draw.shuffle(rewrites)
    found = []
    for request, other in zip(rewrites, rewrites[1:] + rewrites[:1], strict=True):
        rivals = [rival for rival in request.rivals if not _overlap(rival, request.answer)]
        sibling = next((siblings[key] for rival in rivals if (key := (request.fact_id, rival)) in siblings), "")
        reworded = next((known for known in request.known if known != request.question), "")
        if request.others and sibling and reworded and other.statement != request.statement:
            parts = request.question.rstrip("?").split()
            draw.shuffle(parts)
            found.append(Case(request, other.question, sibling, reworded, " ".join(parts) + "?"))
    return found[:count]


def trials(generator: Generator, drawn: Sequence[Case]) -> list[Trial]:
    """Score every case, right and put wrong, check by check."""
    return [trial for check in (_fluency, _margin, _answer, _drop, _lead, _gain) for trial in check(generator, drawn)]


def _asked(generator: Generator, pairs: Sequence[tuple[str, str]]) -> list[float]:
    """log P(question | statement)."""
    return generator.score([asking(said) for said, _ in pairs], [f" {question}\n" for _, question in pairs])


def _answered(generator: Generator, triples: Sequence[tuple[str, str, str]]) -> list[float]:
    """log P(answer | statement, question)."""
    books = [open_book(said, question) for said, question, _ in triples]
    return generator.score(books, [f" {one_line(answer)}\n" for _, _, answer in triples])


def _both(check: str, right: Sequence[float], wrong: Sequence[float]) -> Iterator[Trial]:
    yield from (Trial(check, True, value) for value in right)
    yield from (Trial(check, False, value) for value in wrong)


def _fluency(generator: Generator, drawn: Sequence[Case]) -> Iterator[Trial]:
    said = [case.request.statement for case in drawn]
    questions = [case.request.question for case in drawn]
    right = _asked(generator, list(zip(said, questions, strict=True)))
    wrong = _asked(generator, [(case.request.statement, case.shuffled) for case in drawn])
    lengths = [len(words(question)) for question in questions]
    right, wrong = ([v / n for v, n in zip(values, lengths, strict=True)] for values in (right, wrong))
    yield from _both("least_fluency", right, wrong)


def _margin(generator: Generator, drawn: Sequence[Case]) -> Iterator[Trial]:
    said = [(case.request.statement, *case.request.others) for case in drawn]
    pairs = [(one, case.request.question) for case, all_said in zip(drawn, said, strict=True) for one in all_said]
    yield from _against_rest("least_margin", _asked(generator, pairs), [len(one) for one in said])


def _against_rest(check: str, scores: Sequence[float], sizes: Sequence[int]) -> Iterator[Trial]:
    """Runs of scores, the right one first, each against the best of the rest; put wrong: the second in its place."""
    right, wrong, start = [], [], 0
    for size in sizes:
        own, other, *more = scores[start : start + size]
        right.append(own - max([other, *more]))
        wrong.append(other - max([own, *more]))
        start += size
    yield from _both(check, right, wrong)


def _answer(generator: Generator, drawn: Sequence[Case]) -> Iterator[Trial]:
    right = _answered(generator, [(c.request.statement, c.request.question, c.request.answer) for c in drawn])
    wrong = _answered(generator, [(c.request.statement, c.other_question, c.request.answer) for c in drawn])
    yield from _both("least_answer", right, wrong)


def _drop(generator: Generator, drawn: Sequence[Case]) -> Iterator[Trial]:
    by_rule, right, wrong = (
        _answered(generator, [(c.request.statement, question, c.request.answer) for c, question in asked])
        for asked in (
            [(c, c.request.question) for c in drawn],
            [(c, c.reworded) for c in drawn],
            [(c, c.sibling_question) for c in drawn],
        )
    )
    yield from _both(
        "most_drop",
        [one - rule for one, rule in zip(right, by_rule, strict=True)],
        [one - rule for one, rule in zip(wrong, by_rule, strict=True)],
    )


def _lead(generator: Generator, drawn: Sequence[Case]) -> Iterator[Trial]:
    spans = [
        (c.request.answer, *(rival for rival in c.request.rivals if not _overlap(rival, c.request.answer)))
        for c in drawn
    ]
    triples = [
        (c.request.statement, c.request.question, span) for c, given in zip(drawn, spans, strict=True) for span in given
    ]
    yield from _against_rest("least_lead", _answered(generator, triples), [len(given) for given in spans])


def _gain(generator: Generator, drawn: Sequence[Case]) -> Iterator[Trial]:
    def gains(asked: Sequence[tuple[Case, str]]) -> list[float]:
        opened = _answered(generator, [(c.request.statement, question, c.request.answer) for c, question in asked])
        shut = generator.score(
            [closed_book(question) for _, question in asked], [f" {c.request.answer}\n" for c, _ in asked]
        )
        return [one - other for one, other in zip(opened, shut, strict=True)]

    right = gains([(case, case.request.question) for case in drawn])
    wrong = gains([(case, f"{case.request.question.rstrip('?')}, {case.request.answer}?") for case in drawn])
    yield from _both("least_gain", right, wrong)


def threshold(check: str, config: GenerationConfig) -> float:
    """The value that a trial must reach; ``most_drop`` is kept as a distance, and is turned round here."""
    value: float = getattr(config, check)
    return -value if check == "most_drop" else value


def table(found: Sequence[Trial], config: GenerationConfig) -> str:
    """A row a threshold: what it keeps and drops, and where other thresholds would lie."""
    lines = [
        "| threshold | value | n right / wrong | right kept (recall) | wrong dropped | precision | AUROC | "
        "95% of the right kept at | best of both at |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for check in PUT_WRONG:
        right = sorted(trial.value for trial in found if trial.check == check and trial.right)
        wrong = sorted(trial.value for trial in found if trial.check == check and not trial.right)
        least = threshold(check, config)
        kept, passed = sum(v >= least for v in right), sum(v >= least for v in wrong)
        above = sum((r > w) + (r == w) / 2 for r in right for w in wrong) / (len(right) * len(wrong))
        sign = -1 if check == "most_drop" else 1
        best = max([*right, *wrong], key=lambda at: sum(v >= at for v in right) - sum(v >= at for v in wrong))
        lines.append(
            f"| `{check}` | {sign * least:g} | {len(right)} / {len(wrong)} | {kept / len(right):.0%} "
            f"| {1 - passed / len(wrong):.0%} | {kept / max(kept + passed, 1):.0%} | {above:.3f} "
            f"| {sign * right[len(right) // 20]:.1f} | {sign * best:.1f} |"
        )
    return "\n".join(lines)
