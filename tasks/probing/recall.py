"""Several recitals to one answer: a model recalls, then checks what it recalled against the question.

    "Which wood is the cistern of?" -> "Old Margery has a frame of oak."              -3.1        4.0
                                       "The cistern, a cedar tank, holds 36,000 ..."  -4.0       15.2   <- the answer
                                        what the tuned model recalls              log P(r|q)  gain of log P(q|r)

A small model that has learned a book can recite it better than it can find the right place in it by a question in new
words. Telling whether a sentence that is there answers a question is the easier task, and the untuned model is good
at it. So the first tokens are searched with a beam (each hypothesis goes on greedily), and the recitals are ranked by
both directions: what the tuned model finds likely, and how likely the base finds the question behind each recital.
(Recitation before answering: RECITE, arXiv:2210.01296. Ranking by question likelihood: UPR, arXiv:2204.07496; both
directions: noisy channel, arXiv:1908.05731.) The book stays closed: every recital comes out of the weights.

Measured on the demo manual, SmolLM2-135M, one adapter: held-out paraphrases 28% greedily, 50% so
(bench/results/recipes.md).
"""

import math
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from tasks.generation.sampling import normaliser
from tasks.generation.wordlists import asks_for
from tasks.probing.decoding import (
    DROP_AT,
    Answer,
    Decoding,
    Row,
    State,
    advance,
    device_of,
    end_tokens,
    evaluating,
    fork,
    margin_of,
    prefill,
    score_openings,
    select,
    token_gains,
)
from tasks.probing.kinds import may_answer
from tasks.probing.normalising import words

if TYPE_CHECKING:
    from collections.abc import Callable

    Base = Callable[[], AbstractContextManager[nn.Module]]

CUE = "\nQuestion:"
"""What stands between a recital and the question when the base is asked how likely the question is."""
FROM = "From the book {}. "
"""What stands before each: what the whole book is about should speak for no recital of it."""
NOTHING = "The book."
"""A recital that says nothing: the question's likelihood behind it is what others are measured against."""
SEARCHED = 6
"""Tokens searched with the beam. Two sentences of one book rarely share more."""
MOST_GAIN = 3.0
"""Nats that one token of the question may add: a rare name that recurs is evidence once, not ten times over."""
HEAD_WEIGHT = 0.5
"""What the tuned model's own log-probability of the searched tokens counts beside the gain of the question."""
TAIL_WEIGHT = 10.0
"""What the mean log-probability of the tokens after them counts: a sentence that was learnt runs on near 0."""
LEAST_TAIL = -1.0
OTHER_KIND = 4.0
"""Nats that a recital loses which holds nothing of the kind that is asked for: no number for "How many …?"."""
UNRECALLED = 3.0
"""Nats added to the refusal margin where the question names something, or gives a number, that no recital does."""
NAME = re.compile(r"(?<=[\s(\"'])[A-Z][\w-]+")
"""A capitalised word that does not open the question."""
NUMBER = re.compile(r"\d[\d,.]*")
"""A number in digits; a number word is often a manner of speaking: "on one filling", "the two of them"."""
ALTERNATIVE = re.compile(r"\bor\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recital:
    """One thing that a model recalled: its tokens and text, and the log-probability of each token (the end's too)."""

    tokens: list[int]
    text: str
    gains: list[float]

    @property
    def head(self) -> float:
        """log P of the searched tokens."""
        return sum(self.gains[:SEARCHED])

    @property
    def tail(self) -> float:
        """Mean log P of the tokens after them; 0 where there are none."""
        rest = self.gains[SEARCHED:]
        return max(sum(rest) / len(rest), LEAST_TAIL) if rest else 0.0


@dataclass(slots=True)
class _Hypothesis:
    row: int
    tokens: list[int]
    gains: list[float]
    ended: bool = False


def answer_by_recital(
    tuned: nn.Module, base: "Base", tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], decoding: Decoding
) -> list[Answer]:
    """Answer one batch of rows, each with its question, by the best of ``decoding.recitals`` recitals.

    The margin is the log odds of the opening against all else, plus ``UNRECALLED`` for a name or number that nothing
    recalled bears; above the threshold the answer is the opening. How likely the likeliest recital is has no part in
    it: where several sentences of the book come to mind, none of them is likely, and the answer is known all the same.
    Recitals are weighed only where one of them will be the answer.

    Args:
        tuned: the model that recalls.
        base: gives the untuned model, which checks.
    """
    limit = decoding.threshold or 0.0
    refusals, found = recite(
        tuned, tokenizer, rows, candidates=decoding.recitals, limit=decoding.max_new_tokens, threshold=limit
    )
    margins = [
        margin_of(refusal, 0.0, refused=True)
        + UNRECALLED * unrecalled(row.question, [recital.text for recital in recitals])
        for row, refusal, recitals in zip(rows, refusals, found, strict=True)
    ]
    answers = [Answer(row.refusal, margin) for row, margin in zip(rows, margins, strict=True)]
    answered = [place for place, row in enumerate(rows) if not _declined(row, margins[place], limit)]
    if answered:
        questions, recalled = [rows[place].question for place in answered], [found[place] for place in answered]
        with base() as model:
            gains = relevance(model, tokenizer, questions, recalled, size=2 * decoding.batch_size, book=decoding.book)
        for place, gained in zip(answered, gains, strict=True):
            answers[place] = Answer(_best(rows[place].question, found[place], gained).text, margins[place])
    return answers


def _declined(row: Row, margin: float, threshold: float) -> bool:
    return bool(row.opening) and margin > threshold


def _best(question: str, recitals: Sequence[Recital], gains: Sequence[float]) -> Recital:
    scores = [
        gain
        + HEAD_WEIGHT * recital.head
        + TAIL_WEIGHT * recital.tail
        - OTHER_KIND * (not may_answer(question, recital.text))
        for gain, recital in zip(gains, recitals, strict=True)
    ]
    return recitals[max(range(len(recitals)), key=lambda place: scores[place])]


def unrecalled(question: str, recitals: Sequence[str]) -> bool:
    """Whether the question names something, or gives a number, that none of the recitals does.

    A number that is itself in question ("Was it 40?", "Was it 30 or 40?") may well be the wrong one.
    """
    return _unnamed(question, recitals) or _uncounted(question, recitals)


def _unnamed(question: str, recitals: Sequence[str]) -> bool:
    text = " ".join(recitals).lower()
    return any(name.lower() not in text for name in NAME.findall(question))


def _uncounted(question: str, recitals: Sequence[str]) -> bool:
    given = words(" ; ".join(NUMBER.findall(question)))
    if not given or not asks_for(question) or ALTERNATIVE.search(question):
        return False
    said = {word for recital in recitals for word in words(recital)}
    return any(number not in said for number in given)


def _settled(question: str, begun: Sequence[str]) -> bool:
    """Whether nothing that recitals which have begun so may still say makes the question ``unrecalled``.

    A name that was said stays said; a number may have more digits to come.
    """
    return not _unnamed(question, begun) and not _uncounted(question, [])


def recite(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Row],
    *,
    candidates: int,
    limit: int,
    threshold: float = math.inf,
) -> tuple[list[float], list[list[Recital]]]:
    """(log P(opening), recitals) of each row: a beam over the first tokens, each hypothesis then finished greedily.

    The refusal opening's first token is left out at the start, so that every recital asserts something. A row whose
    margin is above ``threshold`` will be declined; it is recited no further than it takes to know its margin, which is
    not at all where it names nothing.
    """
    ends = end_tokens(model, tokenizer)
    found: list[list[Recital]] = [[] for _ in rows]
    with evaluating(model):
        state = prefill(model, [row.prompt for row in rows])
        refusals = score_openings(model, state, [row.opening for row in rows])
        declined = [
            _declined(row, margin_of(refusal, 0.0, refused=True), threshold)
            for row, refusal in zip(rows, refusals, strict=True)
        ]
        recited = [place for place, row in enumerate(rows) if not (declined[place] and _settled(row.question, []))]
        if not recited:
            return refusals, found
        places = torch.tensor(recited, device=state.mask.device)
        select(state, places)
        state.logits = state.logits[places]
        for place, row in enumerate(recited):
            if rows[row].opening:
                state.logits[place, rows[row].opening[0]] = -torch.inf
        beam = _first(model, state, candidates, recited)
        for _ in range(1, min(SEARCHED, limit)):
            _advance(model, state, beam)
            beam = _widen(state, beam, candidates, ends)
        for row in (row for row in recited if declined[row]):
            begun = [one for one in beam if one.row == row]
            if _settled(rows[row].question, [_text(tokenizer, one) for one in begun]):
                for one in begun:
                    one.ended = True
        _finish(model, state, beam, limit, ends)
    for one in beam:
        text = _text(tokenizer, one)
        if all(text != other.text for other in found[one.row]):
            found[one.row].append(Recital(one.tokens, text, one.gains))
    return refusals, found


def _text(tokenizer: PreTrainedTokenizerBase, one: _Hypothesis) -> str:
    return str(tokenizer.decode(one.tokens, skip_special_tokens=True)).strip()


def _first(model: nn.Module, state: State, candidates: int, rows: Sequence[int]) -> list[_Hypothesis]:
    likely, tokens = _likeliest(state.logits, candidates)
    fork(model, state, candidates)
    return [
        _Hypothesis(row, [token], [gain])
        for row, gains, ids in zip(rows, likely, tokens, strict=True)
        for gain, token in zip(gains, ids, strict=True)
    ]


def _likeliest(logits: Tensor, count: int) -> tuple[list[list[float]], list[list[int]]]:
    """(log P, tokens) of the likeliest ``count`` tokens of each row."""
    values, tokens = logits.topk(count, dim=-1)
    return (values.float() - normaliser(logits)[:, None]).tolist(), tokens.tolist()


def _widen(state: State, beam: list[_Hypothesis], candidates: int, ends: set[int]) -> list[_Hypothesis]:
    """One step of beam search within each row; an ended hypothesis keeps its place."""
    likely, tokens = _likeliest(state.logits, candidates)
    chosen: list[_Hypothesis] = []
    places: list[int] = []
    for start in range(0, len(beam), candidates):
        options: list[tuple[float, int, float, int]] = []
        for place in range(start, start + candidates):
            score = sum(beam[place].gains)
            if beam[place].ended:
                options.append((score, place, 0.0, -1))
                continue
            pairs = zip(likely[place], tokens[place], strict=True)
            options += [(score + gain, place, gain, token) for gain, token in pairs]
        for _, place, gain, token in sorted(options, key=lambda option: -option[0])[:candidates]:
            places.append(place)
            chosen.append(beam[place] if beam[place].ended else _extended(beam[place], gain, token, ends))
    select(state, torch.tensor(places, device=state.mask.device))
    return chosen


def _finish(model: nn.Module, state: State, beam: list[_Hypothesis], limit: int, ends: set[int]) -> None:
    """Take each hypothesis greedily to its end; those that ended leave the cache."""
    alive = list(range(len(beam)))
    while going := [place for place, index in enumerate(alive) if not _done(beam[index], limit)]:
        if len(going) <= (1 - DROP_AT) * len(alive):
            select(state, torch.tensor(going, device=state.mask.device))
            alive = [alive[place] for place in going]
        _advance(model, state, [beam[index] for index in alive])
        likely, tokens = _likeliest(state.logits, 1)
        for index, (gain,), (token,) in zip(alive, likely, tokens, strict=True):
            if not _done(beam[index], limit):
                beam[index] = _extended(beam[index], gain, token, ends)


def _done(one: _Hypothesis, limit: int) -> bool:
    return one.ended or len(one.tokens) >= limit


def _advance(model: nn.Module, state: State, beam: Sequence[_Hypothesis]) -> None:
    advance(model, state, torch.tensor([one.tokens[-1] for one in beam], device=state.mask.device))


def _extended(old: _Hypothesis, gain: float, token: int, ends: set[int]) -> _Hypothesis:
    ended = token in ends
    return _Hypothesis(old.row, old.tokens if ended else [*old.tokens, token], [*old.gains, gain], ended)


def relevance(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[str],
    recitals: Sequence[Sequence[Recital]],
    *,
    size: int,
    book: str = "",
) -> list[list[float]]:
    """How much each recital helps an untuned model to expect the question, in nats, at most ``MOST_GAIN`` a token."""
    asked = [(question, text.text) for question, row in zip(questions, recitals, strict=True) for text in row]
    lead = FROM.format(book) if book else ""
    alone = question_likelihood(model, tokenizer, [lead + NOTHING] * len(questions), questions, size=size)
    behind = iter(
        question_likelihood(
            model, tokenizer, [lead + text for _, text in asked], [question for question, _ in asked], size=size
        )
    )
    return [
        [float((next(behind) - before).clamp(max=MOST_GAIN).sum()) for _ in row]
        for before, row in zip(alone, recitals, strict=True)
    ]


def question_likelihood(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    contexts: Sequence[str],
    questions: Sequence[str],
    *,
    size: int,
) -> list[Tensor]:
    """log P(token | context, question so far) of each question's tokens, in nats; ``size`` pairs a batch.

    A context that several questions of a batch stand behind is run once.
    """
    heads = [tokenizer(context + CUE)["input_ids"] for context in contexts]
    tails = [tokenizer(f" {question}", add_special_tokens=False)["input_ids"] for question in questions]
    order = sorted(range(len(heads)), key=lambda index: (len(heads[index]), heads[index]))
    found: dict[int, Tensor] = {}
    with evaluating(model):
        for start in range(0, len(order), size):
            part = order[start : start + size]
            distinct = list(dict.fromkeys(tuple(heads[index]) for index in part))
            state = prefill(model, [list(head) for head in distinct])
            places = torch.tensor([distinct.index(tuple(heads[index])) for index in part], device=device_of(model))
            select(state, places)
            state.logits = state.logits[places]
            gains = token_gains(model, state, [tails[index] for index in part])
            found.update(zip(part, gains, strict=True))
    return [found[index] for index in range(len(heads))]
