"""A ledger of facts to rule-made pairs: every answer of every fact, in as many wordings as the budget allows.

    Fact "The Badger was last relined in 1909."
    -> wh        When was the Badger last relined?                      1909
       stem      Can you say when the Badger was last relined?          1909
       synonym   ... with an everyday synonym for the verb
       cloze     Fill in the gap: The Badger was last relined in ____.  1909
       polar-no  Was the Badger last relined in 1911?                   No   (and other exercises)

Wordings are interleaved: first every answer once, then every answer again in another form, so that a small
budget still asks for everything. The choice among equals is by content hash: same text, same seed, same pairs.
"""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from tasks.generation.clauses import Clause
from tasks.generation.exercises import Wording, checks, gaps, said_aloud, sentence_gaps
from tasks.generation.facts import Reading, aliases
from tasks.generation.forms import BE, Asked, inverted, questions, readable, sentence
from tasks.generation.lexicon import SYNONYMS, UNLIKE_PAST
from tasks.generation.phrases import is_person, tidy
from tasks.generation.rivals import distractors, pick, related, time_kind, usable
from tasks.records import Chunk, Fact, Pair

OPENINGS: dict[str, tuple[str, ...]] = {
    "in what year": ("in which year",),
    "how often": ("how frequently", "at what intervals"),
    "how long": ("for what length of time",),
    "who": ("which person", "what is the name of the person who"),
    "why": ("for what reason", "what is the reason"),
    "where": ("in what place", "at which spot"),
    "what": ("what exactly", "which thing"),
}
LEADS = (
    "Tell me {}.", "Can you tell me {}?", "Do you know {}?", "I would like to know {}.", "Please say {}.",
    "Could you remind me {}?", "Somebody asked me {}; what is the answer?",
)  # fmt: skip
TIMES = {"clock": "at what time", "date": "on what date", "year": "in which year", "weekday": "on which day"}
"""What a plain "when" can be put as, by the kind of time that answers it."""
OF_THINGS = {"contain", "have a weight of", "have a price of"}
"""Synonyms for what things do: a warden who holds a door does not contain it."""
LONGEST_RECITAL = 40
YOU = re.compile(r"\byou", re.IGNORECASE)
MINE = [
    (re.compile(pattern, re.IGNORECASE), mine)
    for pattern, mine in (
        (r"\bare you\b", "am I"),
        (r"\byou are\b", "I am"),
        (r"\bwere you\b", "was I"),
        (r"\byou were\b", "I was"),
        (r"\b(can|could|did|do|had|have|may|might|must|need|shall|should|will|would) you\b", r"\1 I"),
        (r"\b(after|because|before|if|once|that|until|what|when|where|while|who) you\b", r"\1 I"),
        (r"\byour\b", "my"),
        (r"\byourself\b", "myself"),
    )
]
"""How "you" is said by whom it means."""


def rule_pairs(
    readings: Sequence[Reading],
    chunks: Sequence[Chunk],
    *,
    limit: int,
    seed: int,
    report: Callable[[float], None] | None = None,
) -> Iterator[Pair]:
    """Make the rule forms of a document's ledger.

    Args:
        readings: the ledger, from ``build_ledger``.
        chunks: the document's windows; each pair names the first one that holds its fact.
        limit: wordings kept for one fact at most.
        seed: varies which wordings are chosen where there are more than ``limit``.
        report: called with the share that is done, as it grows.
    """
    askable = readable(readings)
    roles = aliases(readings)
    pool = distractors(askable)
    objects = _objects(askable)
    for number, reading in enumerate(askable, 1):
        chosen = _interleave(list(_wordings(reading, roles, pool, objects, seed)), limit)
        yield from (_pair(reading, wording, chunks) for wording in chosen)
        if report is not None:
            report(number / len(askable))
    for reading in readings:
        if reading.clause is None and reading.fact.statement:
            statement = reading.fact.statement
            listed = [Wording(*one) for one in reading.asked]
            wordings = (listed or [*said_aloud(statement), *sentence_gaps(statement)])[:limit]
            yield from (_pair(reading, wording, chunks) for wording in wordings)


def _pair(reading: Reading, wording: Wording, chunks: Sequence[Chunk]) -> Pair:
    fact = reading.fact
    return Pair.create(
        chunk_id=_home(fact, chunks), fact_id=fact.id, source=fact.source, question=wording.question,
        answer=wording.answer, evidence_start=reading.evidence[0], evidence_end=reading.evidence[1],
        form=wording.form, kind="answerable", statement=recital(reading),
    )  # fmt: skip


def _home(fact: Fact, chunks: Sequence[Chunk]) -> str:
    """The first window that holds a fact; of a sentence larger than a window, the first that holds its start."""
    place = bisect_left(chunks, fact.end, key=lambda chunk: chunk.end)
    if place == len(chunks) or chunks[place].start > fact.start:
        place = bisect_right(chunks, fact.start, key=lambda chunk: chunk.end)
    return chunks[place].id if place < len(chunks) else ""


def recital(reading: Reading) -> str:
    """What an answer recites: the sentence round the fact if it is short enough to be learnt whole, else the fact."""
    clause = reading.clause
    if clause is None or len(clause.recital.split()) > LONGEST_RECITAL:
        return reading.fact.statement
    return clause.recital


def _wordings(
    reading: Reading,
    roles: dict[str, tuple[str, ...]],
    pool: dict[str, list[tuple[str, str]]],
    objects: dict[str, set[tuple[str, str]]],
    seed: int,
) -> Iterator[tuple[int, Wording]]:
    """(rank, wording): lower ranks are kept first."""
    clause = reading.clause
    assert clause is not None
    subject = clause.subject.text
    several = _several(clause, objects)
    asked = [item for item in questions(clause, subject) if usable(item) and not (several and _open(item, clause))]
    if _again(clause, objects):
        asked = [item for item in asked if item.form != "wh-core" and not _bare(item, clause)]
    firsts: set[tuple[str, str]] = set()
    for item in asked:
        rank = {"wh": 0, "active": 0, "attribute": 0, "wh-core": 1}[item.form]
        rank += 2 if (item.form, item.answer) in firsts else 0
        firsts.add((item.form, item.answer))
        yield rank, Wording(item.form, item.question, item.answer)
        if subject == "you" and (mine := of_oneself(item.question)):
            yield rank + 1, Wording("alias", mine, item.answer)
        yield from _reworded(item, clause, seed)
    for name in roles.get(subject, roles.get(subject[:1].upper() + subject[1:], ())):
        for item in questions(clause, name):
            if (
                usable(item)
                and item.form == "wh"
                and item.role != "subject"
                and name.lower() not in item.answer.lower()
            ):
                yield 1, Wording("alias", item.question, item.answer)
    yield from checks(reading, asked, pool, seed)
    yield from gaps(reading.fact.statement, [item for item in asked if not (several and item.role == "object")])


def of_oneself(question: str) -> str:
    """A question about "you" as the reader asks it: "What should I do if I am ill?"; '' where it is not plain how."""
    for pattern, mine in MINE:
        question = pattern.sub(mine, question)
    return "" if YOU.search(question) else question


def _objects(readings: Sequence[Reading]) -> dict[str, set[tuple[str, str]]]:
    """Verb -> (subject, what it is told with) of every clause: 'have' -> {('the grade 3 lamp', 'amber glass'), …}."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for reading in readings:
        clause = reading.clause
        assert clause is not None
        told = [argument.text for argument in clause.arguments if argument.role in ("object", "adjunct")]
        found[clause.verb.lemma_.lower()].update((clause.subject.text, text) for text in told)
    return found


def _several(clause: Clause, objects: dict[str, set[tuple[str, str]]]) -> bool:
    """Whether the text gives this subject, or one that it is part of, another object of the same verb."""
    mine = {argument.text for argument in clause.arguments}
    others = objects[clause.verb.lemma_.lower()]
    return any(text not in mine and related(subject, clause.subject.text) for subject, text in others)


def _again(clause: Clause, told: dict[str, set[tuple[str, str]]]) -> bool:
    """Whether the text says the same of this subject with something else: Pim ran to the stair, and to the steps."""
    mine = {argument.text for argument in clause.arguments}
    return any(
        subject == clause.subject.text and text not in mine for subject, text in told[clause.verb.lemma_.lower()]
    )


def _open(item: Asked, clause: Clause) -> bool:
    """Whether a question asks for the object with nothing beside the verb to tell which: 'What does the lamp have?'"""
    return item.role == "object" and item.opening in ("what", "who") and _bare(item, clause)


def _bare(item: Asked, clause: Clause) -> bool:
    """Whether a question holds nothing behind the verb."""
    return item.role != "subject" and item.indirect.rstrip().endswith(f" {tidy(' '.join(clause.verb_group()))}")


def _reworded(item: Asked, clause: Clause, seed: int) -> Iterator[tuple[int, Wording]]:
    """Other wordings of one question: synonyms for the opening and the verb, indirect, in place, telegraphic."""
    subject_like = item.role in ("subject", "agent")
    for number, opening in enumerate(_openings(item)):
        rest = item.indirect if opening == "what is the reason" else item.direct
        if opening.endswith("who") and not subject_like:
            continue
        if opening.startswith("what is the name") and not re.search(r"\b[A-Z]", item.answer):
            continue
        if "person" in opening and item.role == "subject" and clause.subject.number == "plural":
            continue
        yield 2 + number, Wording("stem", sentence(f"{opening} {rest}", "?"), item.answer)
    lead = pick(LEADS, item.question, seed)
    yield 2, Wording("indirect", _closed(lead.format(tidy(f"{item.opening} {item.indirect}"))), item.answer)
    lead = pick(LEADS, item.question, seed, "second")
    yield 4, Wording("indirect", _closed(lead.format(tidy(f"{item.opening} {item.indirect}"))), item.answer)
    if item.form != "attribute" and (swapped := _synonym(item, clause)):
        yield 1, Wording("synonym", swapped, item.answer)
        yield 4, Wording("synonym", _closed(f"Say this, please: {swapped}"), item.answer)
    if subject_like:
        yield 3, Wording("keyword", sentence(f"{item.direct} - {item.opening}", "?"), item.answer)
    else:
        yield 3, Wording("keyword", sentence(f"{item.indirect} - {item.opening}", "?"), item.answer)


def _openings(item: Asked) -> tuple[str, ...]:
    if item.opening != "when":
        return OPENINGS.get(item.opening, ())
    kind = time_kind(item.answer)
    return (TIMES[kind],) if kind in TIMES else ()


def _closed(text: str) -> str:
    return text[:1].upper() + text[1:]


def _synonym(item: Asked, clause: Clause) -> str:
    """The question with the verb replaced by an everyday synonym, or '' where none fits."""
    words = SYNONYMS.get(clause.verb.lemma_.lower())
    if words is None or clause.particle or (words[0] in OF_THINGS and is_person(clause.subject.head)):
        return ""
    base, past, present = words
    fronted = inverted(clause)[0]
    objects = any(argument.role == "object" for argument in clause.arguments)
    if not objects and (not clause.auxiliaries or clause.auxiliaries[-1] not in BE or clause.verb.tag_ == "VBG"):
        return ""  # "the pump runs on peat" is not "manages on peat", nor is a lamp that is burning "run on"
    if not clause.auxiliaries and clause.verb.tag_ == "VBD" and past.partition(" ")[0] in UNLIKE_PAST:
        return ""
    if item.role in ("subject", "agent") and not clause.auxiliaries and clause.verb.tag_ == "VBZ":
        old, new = clause.verb_text, present
    elif item.role in ("subject", "agent") or clause.auxiliaries:
        old, new = clause.verb_text, past if clause.verb.tag_ in ("VBN", "VBD") else base
    elif fronted in ("do", "does", "did"):
        old, new = clause.verb.lemma_.lower(), base
    else:
        return ""
    pattern = re.compile(rf"\b{re.escape(old)}\b")
    if not new or not pattern.search(item.direct):
        return ""
    return sentence(f"{item.opening} {pattern.sub(new, item.direct, count=1)}", "?")


def _interleave(ranked: list[tuple[int, Wording]], limit: int) -> list[Wording]:
    """Keep ``limit`` wordings by rank; among equals, those whose answer has been asked for least."""
    taken: list[Wording] = []
    asked: dict[str, int] = defaultdict(int)
    seen: set[str] = set()
    waiting = list(enumerate(ranked))
    while waiting and len(taken) < limit:
        best = min(waiting, key=lambda entry: (entry[1][0] + asked[entry[1][1].answer], entry[1][0], entry[0]))
        waiting.remove(best)
        wording = best[1][1]
        if wording.question.lower() in seen:
            continue
        seen.add(wording.question.lower())
        asked[wording.answer] += 1
        taken.append(wording)
    return taken
