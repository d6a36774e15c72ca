"""Exercises that a schoolbook sets beside its open questions, made of one fact.

    "The Badger was last relined in 1909."
    -> polar-yes    Was the Badger last relined in 1909?                      Yes
       polar-no     Was the Badger last relined in 1911?                      No
       true-false   True or false: The Badger was last relined in 1911.       False
       choice       When was the Badger last relined? 1909, or 1911?          1909
       cloze        Fill in the gap: ____ was last relined in 1909.           The Badger
       completion   Complete the sentence: The Badger was last relined in ...   1909

Those of a clause come with a rank: lower ones are kept first (``variants``).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.generation.clauses import DENYING
from tasks.generation.facts import Reading
from tasks.generation.forms import Asked, polar, sentence
from tasks.generation.rivals import other_answer, pick
from tasks.records import derive_id

GAP = "____"
SAID = re.compile(r'(?P<who>[^"]{2,60}) said, "(?P<said>[^"]+)"')


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to put a question: its form, the question and the answer."""

    form: str
    question: str
    answer: str


def checks(
    reading: Reading, asked: Sequence[Asked], pool: dict[str, list[tuple[str, str]]], seed: int
) -> Iterator[tuple[int, Wording]]:
    """(rank, wording) of yes/no both ways, true/false and a choice of two: a rival answer in the right one's place."""
    clause = reading.clause
    assert clause is not None
    question, statement = polar(clause, clause.subject.text), reading.fact.statement
    if DENYING & set(clause.subject.text.lower().split()):
        return  # "May nobody enter alone?"
    denials = list(_denials(reading, asked, question, pool, seed))
    yes_first = not denials or pick(("yes", "no"), statement, seed) == "yes"
    if not (clause.negated or DENYING & set(statement.lower().split())):  # "Was Pim not asked?": yes says either
        yield 2 if yes_first else 4, Wording("polar-yes", question, "Yes")
    yield 4, Wording("true-false", f"True or false: {statement}", "True")
    for denied, (item, rival, pattern) in enumerate(denials):
        wrong = pattern.sub(lambda _, text=rival: text, question)  # type: ignore[misc]
        rank = (4 if yes_first else 2) + 5 * denied
        yield rank, Wording("polar-no", sentence(wrong.rstrip("?"), "?"), "No")
        false = pattern.sub(lambda _, text=rival: text, statement)  # type: ignore[misc]
        yield 4 + 4 * denied, Wording("true-false", f"True or false: {sentence(false.rstrip('.'), '.')}", "False")
        first, second = sorted((item.answer, rival), key=lambda text: derive_id(text, statement, seed))
        yield 3, Wording("choice", f"{item.question} {first[:1].upper() + first[1:]}, or {second}?", item.answer)


def _denials(
    reading: Reading, asked: Sequence[Asked], question: str, pool: dict[str, list[tuple[str, str]]], seed: int
) -> Iterator[tuple[Asked, str, re.Pattern[str]]]:
    """(what is asked, a rival answer, where it goes): each turns the statement and its polar question false."""
    clause = reading.clause
    assert clause is not None
    statement = reading.fact.statement
    if clause.negated or DENYING & set(statement.lower().split()):
        return  # "nobody may enter the cistern alone": said of another, it would grant what the text does not
    for item in asked:
        owner = clause.subject.text if item.role != "subject" else statement
        rival = other_answer(item, owner, pool, statement, item.answer, seed)
        pattern = re.compile(re.escape(item.answer), re.IGNORECASE)
        if not rival or rival.lower() in statement.lower() or len(pattern.findall(question)) != 1:
            continue
        yield item, rival, pattern


def gaps(statement: str, asked: Sequence[Asked]) -> Iterator[tuple[int, Wording]]:
    """(rank, wording) of the statement with an answer left out: in the middle (cloze), or at the end (completion)."""
    for index, answer in enumerate(dict.fromkeys(item.answer for item in asked)):
        at = statement.lower().rfind(answer.lower())
        if at < 0:
            continue
        before, after = statement[:at], statement[at + len(answer) :]
        if after == "." and len(before.split()) >= 2:
            yield 1 + index, Wording("completion", f"Complete the sentence: {before.rstrip()} ...", answer)
        else:
            yield 2 + index, Wording("cloze", f"Fill in the gap: {before}{GAP}{after}", answer)


def said_aloud(statement: str) -> Iterator[Wording]:
    """'Pim said, "I lent him my own scarf."' -> 'Who said, "I lent him my own scarf."?'"""
    if match := SAID.fullmatch(statement):
        yield Wording("wh", f'Who said, "{match["said"]}"?', match["who"])
        yield Wording("stem", f'Which person said: "{match["said"]}"?', match["who"])


def sentence_gaps(statement: str) -> Iterator[Wording]:
    """Cloze items of a sentence that no clause could be read from: its numbers and names, one gap each."""
    for match in re.finditer(r"(?<=\s)(?:\d[\d,.:/]*\d|\d|[A-Z][\w'-]+(?: [A-Z][\w'-]+)*)", statement):
        gapped = f"{statement[: match.start()]}{GAP}{statement[match.end() :]}"
        yield Wording("cloze", f"Fill in the gap: {gapped}", match.group())
    words = statement.split()
    if len(words) >= 6:
        cut = max(3, len(words) // 2)
        rest = " ".join(words[cut:]).rstrip(".")
        yield Wording("completion", f"Complete the sentence: {' '.join(words[:cut])} ...", rest)
