"""A document to its ledger of facts: every sentence accounted for, every clause with its span.

    "Old Margery, built in 1873, lifts 240 litres a minute."
    -> Fact(statement="Old Margery was built in 1873.")
       Fact(statement="Old Margery lifts 240 litres a minute.")

A sentence, or its part up to a semicolon, of which no clause stands alone is a fact as a whole: nothing is left out.
Its statement is empty where it leans on another sentence, and then nothing is asked about it.

What stands in a table, under a key or in a list is read by ``listed``. Headings, captions and other boilerplate are
passed over and counted by ``build_ledger``'s caller.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge

from tasks.generation.clauses import Clause, Segment
from tasks.generation.listed import Listed, read_listed, unmarked
from tasks.generation.phrases import POINTING, Phrase, is_person
from tasks.generation.pronouns import PRONOUNS
from tasks.generation.syntax import ClauseReader
from tasks.generation.wordlists import FUNCTION, words
from tasks.records import Document, Fact

LONGEST = 2000
"""Characters of a sentence at most: a parse takes time and memory that grow with the square of its length."""
FEWEST_SMALL = 0.15
"""Share of function words that English prose has at least; it is near 0.45, and under 0.1 for German or French."""
LEANING = PRONOUNS | POINTING | set("i you we me us my your our mine yours ours both former latter".split())
"""Words that lean on another sentence, or on who speaks."""
TERMINAL = (".", "!", "?", "\u201d", '"', "\u2019", ")", ":", ";")


@dataclass(frozen=True, slots=True)
class Reading:
    """A fact and what the parser saw in it.

    ``clause`` is None where no clause could be read; ``topic`` is the heading above; ``asked`` are (form, question,
    answer) of what stands in no sentence: a row of a table, an entry, a list.
    """

    fact: Fact
    clause: Clause | None
    evidence: tuple[int, int]
    topic: str
    asked: tuple[tuple[str, str, str], ...] = ()


def is_prose(text: str) -> bool:
    """Whether a span reads as an English sentence, not a heading, a label, a line of a table or another language."""
    parts = text.split()
    letters = [character for character in text if character.isalpha()]
    if len(parts) < 3 or len(text) > LONGEST or not letters or not text.rstrip().endswith(TERMINAL):
        return False
    small = sum(word.lower().strip(",.;:") in FUNCTION for word in parts)
    if len(parts) >= 8 and small < FEWEST_SMALL * len(parts):
        return False
    return sum(character.isupper() for character in letters) < 0.6 * len(letters)


def build_ledger(
    document: Document, spans: Sequence[tuple[int, int]], report: Callable[[float], None] | None = None
) -> list[Reading]:
    """Read the facts of a document.

    Args:
        document: the text.
        spans: its sentences, boilerplate left out.
        report: called with the share that is parsed, as it grows.

    Returns:
        Facts in text order: the clauses of each segment; the segment itself where no clause of it stands alone.
    """
    listed, taken = read_listed(document.text, spans)
    spans = [unmarked(document.text, span) for span in spans if span not in taken]
    prose = [span for span in spans if is_prose(document.text[slice(*span)])]
    topics = _topics(document.text, spans)
    readings: list[Reading] = []
    for segment in ClauseReader(document.text, prose, report):
        topic = topics.get(segment.sentence, "")
        readings.extend(_clauses(document, segment, topic))
        if not any(clause.resolved for clause in segment.clauses):
            readings.append(_whole(document, segment, topic))
    others = [_listed(document, found) for found in listed]
    return _unique(list(merge(readings, others, key=lambda reading: reading.fact.start)))


def _listed(document: Document, found: Listed) -> Reading:
    fact = Fact.create(document, found.start, found.end, found.statement)
    return Reading(fact, None, found.evidence, "", found.asked)


def _clauses(document: Document, segment: Segment, topic: str) -> Iterator[Reading]:
    for clause in segment.clauses:
        statement = clause.statement if clause.resolved else ""
        yield Reading(Fact.create(document, clause.start, clause.end, statement), clause, clause.evidence, topic)


def _whole(document: Document, segment: Segment, topic: str) -> Reading:
    """A segment as one fact, in its resolved wording, or as its sentence stands if that needs no other sentence."""
    plain = " ".join(document.text[slice(*segment.sentence)].split())
    leaning = segment.spoken or {word.lower() for word in words(plain)} & LEANING
    fact = Fact.create(document, segment.start, segment.end, segment.recital or ("" if leaning else plain))
    return Reading(fact, None, segment.evidence if segment.recital else segment.sentence, topic)


def _topics(text: str, spans: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """The latest heading above each sentence (a short span without final punctuation)."""
    topics, latest = {}, ""
    for span in spans:
        line = " ".join(text[slice(*span)].split())
        if is_prose(line):
            topics[span] = latest
        elif 0 < len(line.split()) <= 12:
            latest = line
    return topics


def _unique(readings: list[Reading]) -> list[Reading]:
    """Drop clauses that state word for word what an earlier one of the same span stated."""
    seen: set[str] = set()
    kept = []
    for reading in readings:
        if reading.fact.id not in seen:
            seen.add(reading.fact.id)
            kept.append(reading)
    return kept


def aliases(readings: Sequence[Reading]) -> dict[str, tuple[str, ...]]:
    """What else a subject is called: {'Osric Fennimarle': ('the lamp-warden', 'Fennimarle')}, and the other way round.

    Roles come from appositions and from "was", where one has the role and the role is one's own ("a widow" names
    nobody); shorter and fuller names from the text, where a short one belongs to one full name only.
    """
    couples: dict[str, set[str]] = {}
    for reading in readings:
        clause = reading.clause
        if clause is None or not clause.resolved or clause.negated or len(clause.arguments) != 1:
            continue
        name, role = clause.subject, clause.arguments[0]
        said = clause.verb.dep_ == "appos" or (clause.verb.lemma_ == "be" and role.role == "attribute")
        own = role.text.lower().startswith("the ") or re.match(r"[A-Z][\w-]+(?: [A-Z][\w-]+)?'s? ", role.text)
        if said and _names(name) and own and len(role.text.split()) <= 5:
            couples.setdefault(name.text, set()).add(role.text)
    found = {name: next(iter(roles)) for name, roles in couples.items() if len(roles) == 1}
    shared = Counter(role.lower() for role in found.values())
    called: dict[str, list[str]] = defaultdict(list)
    pairs = [(name, role) for name, role in found.items() if shared[role.lower()] == 1]
    short = dict(_short_names(readings))
    pairs += [(short[name], role) for name, role in pairs if name in short]
    pairs += [(name, role) for name, other in short.items() for one, role in pairs if one == other]
    for one, other in [*pairs, *short.items()]:
        called[one].append(other)
        called[other].append(one)
    return {name: tuple(dict.fromkeys(others)) for name, others in called.items()}


def _short_names(readings: Sequence[Reading]) -> list[tuple[str, str]]:
    """(full name, short one) of people: "Wenna Tulk" and "Wenna", where no other full name has a Wenna in it."""
    people = {
        phrase.text
        for reading in readings
        if reading.clause is not None and reading.clause.resolved
        for phrase in (reading.clause.subject, *reading.clause.arguments)
        if _names(phrase) and is_person(phrase.head) and all(word[:1].isupper() for word in phrase.text.split())
    }
    full = [name for name in people if len(name.split()) == 2]
    holders = {short: [name for name in full if short in name.split()] for short in people if " " not in short}
    return sorted((names[0], short) for short, names in holders.items() if len(names) == 1)


def _names(phrase: Phrase) -> bool:
    return (phrase.head.pos_ == "PROPN" or phrase.replaced) and phrase.text[:1].isupper() and phrase.named


def entities(readings: Sequence[Reading]) -> list[tuple[str, bool, bool]]:
    """Names and definite noun phrases of the ledger: (text, is a name, is a person), no repeats, in text order."""
    found: dict[str, tuple[str, bool, bool]] = {}
    for reading in readings:
        clause = reading.clause
        if clause is None or not clause.resolved:
            continue
        for phrase in (clause.subject, *clause.arguments):
            text = phrase.bare
            proper = phrase.head.pos_ == "PROPN" and any(word[:1].isupper() for word in text.split())
            definite = text.lower().startswith(("the ", "a ", "an "))
            dated = phrase.head.ent_type_ in ("DATE", "TIME")
            nominal = phrase.role in ("subject", "object", "attribute", "adjunct")
            if (proper or definite) and 1 <= len(text.split()) <= 5 and nominal and not dated:
                found.setdefault(text.lower(), (text, proper, is_person(phrase.head)))
    return list(found.values())
