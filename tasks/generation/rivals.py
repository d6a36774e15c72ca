"""Wrong answers that could be right: what another fact answers to the same kind of question.

    "Old Margery lifts 240 litres a minute.", "The Drake throws 410 litres a minute."
    -> 410 litres: a rival of 240 litres, for "Does Old Margery lift 410 litres a minute?"    No

A rival must be false of what it is put to: nothing that the text says of the owner, of a whole that the owner is part
of or of a part of it; no fuller or shorter name of the right answer; no time that may coincide with the right one.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

from tasks.generation.facts import Reading
from tasks.generation.forms import Asked, questions
from tasks.generation.lexicon import MONTHS, WEEKDAYS
from tasks.generation.pronouns import PRONOUNS
from tasks.generation.wordlists import words
from tasks.records import derive_id

VAGUE = set(
    """
        this these that those such other others each no any same it them him her us you one some both all more
        most many several few something anything nothing somebody anybody nobody everyone everything here there once
        own it's itself themselves himself herself its their our your my
    """.split()
)
NOBODY_ELSE = set("neither no only half some part his her its their".split())
"""First words of answers that are put in no other's place: "Was neither woman the elder?"."""
EMPTY = set("day time way place end same other others rest former latter following one ones".split())
CLOCK = re.compile(r"\bo'clock\b|\b\d{1,2}(?:[:.]\d\d)? ?[ap]\.?m\b|\b\d{1,2}:\d\d\b|^(?:at )?(?:noon|midnight)$")
YEAR = re.compile(r"(?:in )?[12]\d{3}")
ARTICLES = {"the", "a", "an", "both", "each", "every"}


def pick(options: Sequence[str], *key: object) -> str:
    """Choose one option by content hash: deterministic, and even over many keys."""
    return options[int(derive_id(*key), 16) % len(options)]


def usable(asked: Asked) -> bool:
    """Whether an answer says something by itself, and the question does not say it."""
    words = asked.answer.lower().split()
    pointing = not words or words[0] in VAGUE or words[-1] in PRONOUNS  # "under her"
    pointing = pointing or (len(words) == 2 and words[0] == "the" and words[1] in EMPTY)
    given = re.search(rf"(?<!\w){re.escape(asked.answer.lower())}(?!\w)", asked.direct.lower())
    return not pointing and len(words) <= 16 and given is None


def time_kind(answer: str) -> str:
    """'clock', 'date', 'year' or 'weekday' for a time that excludes any other of its kind; '' for "after a storm"."""
    said = answer.lower()
    told = set(words(said))
    months = {word.lower() for word in words(answer) if word[:1].isupper()} & MONTHS  # "may" is none
    if CLOCK.search(said):
        return "clock"
    if YEAR.fullmatch(said):
        return "year"
    if months and any(word.isdigit() and len(word) < 3 for word in told):
        return "date"
    days = {word.removesuffix("s") for word in told} & WEEKDAYS
    return "weekday" if days and len(told - {"on", "every", "each"}) == 1 else ""


def related(first: str, second: str) -> bool:
    """Whether one name holds the other: 'the grade 4 lamp' and 'the grade 3 lamp and the grade 4 lamp'."""
    short, long = sorted((_bare(first), _bare(second)), key=len)
    return any(long[at : at + len(short)] == short for at in range(len(long) - len(short) + 1))


@lru_cache(maxsize=1 << 14)
def _bare(name: str) -> tuple[str, ...]:
    return tuple(word for word in words(name.lower()) if word not in ARTICLES)


def distractors(readings: Sequence[Reading]) -> dict[str, list[tuple[str, str]]]:
    """Answers by the question phrase that asks for them: {'how many litres': [(subject, '240 litres'), ...]}."""
    pool: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for reading in readings:
        assert reading.clause is not None
        subject = reading.clause.subject.text
        for item in questions(reading.clause, subject):
            if usable(item) and item.answer.lower().split()[0] not in NOBODY_ELSE:
                owner = subject if item.role != "subject" else reading.fact.statement
                pool[_kind(item)].append((owner.lower(), item.answer))
    return {kind: sorted(set(found)) for kind, found in pool.items()}


def _kind(item: Asked) -> str:
    if item.opening.endswith("when"):
        return f"{item.opening}/{time_kind(item.answer)}"
    form = "attribute" if item.form == "attribute" else "plain"
    return f"{item.opening}/{item.role}/{form}/{item.plural}" if item.opening in ("what", "who") else item.opening


def _shape(answer: str) -> tuple[bool, bool, str]:
    """What a rival must share with the answer: a number or none, a plural or none, the same article."""
    first, last = answer.lower().split()[0], answer.lower().split()[-1]
    return bool(re.search(r"\d", answer)), last.endswith("s"), first if first in ("a", "an", "the", "every") else ""


def other_answer(item: Asked, owner: str, pool: dict[str, list[tuple[str, str]]], *key: object) -> str:
    """An answer of the same kind that belongs to something else; a changed number where there is none; or ''."""
    kind = _kind(item)
    if kind.endswith("when/"):
        return ""
    named = owner if item.role != "subject" else ""
    mine = [answer for who, answer in pool.get(kind, []) if who == owner.lower() or (named and related(who, named))]
    alike = [answer for _, answer in pool.get(kind, []) if _shape(answer) == _shape(item.answer)]
    rivals = sorted({answer for answer in alike if not any(related(answer, own) for own in [*mine, item.answer])})
    if rivals and len(item.answer.split()) <= 8:
        return pick(rivals, "rival", *key)
    match = re.search(r"\d[\d,]*", item.answer)
    if match is None:
        return ""
    number = int(match.group().replace(",", ""))
    year = len(match.group()) == 4 and 1000 <= number <= 2100
    step = 3 if year else max(1, number // 10)
    changed = number + int(pick(["1", "2", "3", "5", "7"], "shift", *key)) * step
    written = f"{changed:,}" if "," in match.group() else str(changed)
    return item.answer[: match.start()] + written + item.answer[match.end() :]
