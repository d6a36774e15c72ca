"""Adjuncts to the questions that ask for them: where, when, how often, for how long, with what.

"for two hours in the draught box"  ->  ("how long", "two hours", "in the draught box"), ("for how long", …)
"""

import re

from spacy.tokens import Token

from tasks.generation.lexicon import FIXED, MONTHS, PLACES, TEMPERATURE, TIME_UNITS, UNITS, WEEKDAYS
from tasks.generation.phrases import Phrase, is_person, tidy

CLOCK = re.compile(r"(?:about |around )?\d{1,2}[:.]\d\d(?: ?[ap]\.?m\.?)?")
"""A time of day in digits; 4.30 is none without a preposition of time before it."""
AMOUNTS = {"half", "third", "quarter", "fifth", "tenth", "percent", "cent"} | UNITS
SET_ADJUNCTS = (["other", "hand"], ["one", "hand"], ["first", "time"], ["last", "time"])
TIME_PREPOSITIONS = {"in", "on", "at", "since", "until", "before", "after", "during", "by", "from", "till"}


def adjunct_questions(phrase: Phrase) -> list[tuple[str, str, str]]:
    """Ways to ask for an adjunct: (question phrase, answer, what stays behind the verb)."""
    preposition, head, text = phrase.preposition, phrase.head, phrase.bare
    lemma = head.lemma_.lower()
    told = [word for word in text.lower().split() if word not in ("the", "a", "an")]
    if (
        head.lower_ in FIXED
        or (told[-2:] in SET_ADJUNCTS or told[:2] in SET_ADJUNCTS)
        or phrase.text.lower().startswith("at first ")
    ):
        return []
    if not preposition:
        return _bare_adjunct(phrase)
    if CLOCK.fullmatch(text) and preposition in TIME_PREPOSITIONS:
        return [("when", text, "")] if preposition == "at" else [(f"{preposition} what time", text, "")]
    if preposition == "by" and text == head.text and head.pos_ == "NOUN" and lemma not in AMOUNTS:
        return [("how", phrase.text, "")]  # "by water", "by hand", "by day"
    dated = head.ent_type_ == "DATE" and (head.tag_ != "CD" or bool(re.match(r"\d{4}", head.text)))  # "fifteen": an age
    dated = dated or _weekday(head) or lemma in MONTHS or _year(text)
    dated = dated and not (lemma == "spring" and any(c.dep_ == "prep" and c.lower_ != "of" for c in head.rights))
    if dated and preposition in TIME_PREPOSITIONS:
        return _dates(phrase)
    if lemma in TEMPERATURE and any(token.tag_ == "CD" for token in phrase.tokens):
        return [(f"{preposition} what temperature", text, "")]
    if lemma in TIME_UNITS and preposition == "for":
        lasting, rest = _measured(phrase)
        return [("how long", lasting, rest), ("for how long", lasting, rest)]
    if lemma in TIME_UNITS and preposition in ("after", "within"):
        lasting, rest = _measured(phrase)
        return [(f"{preposition} how long", lasting, rest), ("when", phrase.text, "")]
    if lemma == "minute" and any(child.lower_ in ("to", "past") for child in head.rights):
        return [("when", phrase.text, "")]  # "at ten minutes to eleven"
    if lemma in UNITS and any(child.tag_ == "CD" for child in head.lefts):
        return [(f"{preposition} how many {head.text}", text, "")]
    who = "whom" if is_person(head) else "what"
    ways = [(f"{preposition} {who}", text, "")]
    ways.append(("who" if who == "whom" else "what", text, preposition))
    if preposition in ("in", "at", "on", "under", "beneath", "below", "behind", "near", "above", "inside", "beside"):
        spatial = preposition not in ("in", "at", "on") or head.ent_type_ in ("GPE", "LOC", "FAC") or lemma in PLACES
        if who == "what" and spatial and lemma not in UNITS and not any(t.tag_ == "CD" for t in phrase.tokens):
            ways.append(("where", phrase.text, ""))
    elif preposition in ("to", "into", "from") and head.ent_type_ in ("GPE", "LOC", "FAC"):
        ways.append(("where" if preposition != "from" else "from where", phrase.bare, ""))
    elif preposition in ("because of", "due to"):
        ways = [("why", phrase.text, "")]
    return ways


def _measured(phrase: Phrase) -> tuple[str, str]:
    """'two hours in the draught box' -> ('two hours', 'in the draught box'): what is measured, and what is not."""
    placed = any(child.dep_ == "prep" and child.lower_ != "of" for child in phrase.head.rights)
    rest = phrase.bare.rpartition(phrase.head.text)[2] if placed else ""
    return tidy(phrase.bare.removesuffix(rest)), tidy(rest)


def _dates(phrase: Phrase) -> list[tuple[str, str, str]]:
    """'in 1871': when, in what year; 'since 1903': since when; 'on Tuesdays': when, on which day."""
    preposition, text = phrase.preposition, phrase.bare
    plain = preposition in ("in", "on", "at", "during")
    opening = "until when" if preposition == "till" else f"{preposition} when"
    ways = [("when" if plain else opening, text if plain else phrase.text, "")]
    if _year(text):
        ways.append((f"{preposition} what year", text, ""))
    if _weekday(phrase.head):
        ways.append((f"{preposition} which day", text, ""))
    return ways


def _bare_adjunct(phrase: Phrase) -> list[tuple[str, str, str]]:
    first = phrase.text.split()[0].lower()
    if first in ("every", "each", "twice", "once") or phrase.text.lower().endswith((" a day", " a week", " a month")):
        return [("how often", phrase.text, "")]
    if phrase.head.ent_type_ in ("DATE", "TIME") or (_weekday(phrase.head) or phrase.head.lemma_.lower() in TIME_UNITS):
        unit = phrase.head.lemma_.lower() in TIME_UNITS  # "two hours", not "17 September"
        lasting = unit and any(child.tag_ == "CD" for child in phrase.head.lefts)
        return [("how long" if lasting else "when", phrase.text, "")]
    return []


def _weekday(noun: Token) -> bool:
    return noun.lower_.removesuffix("s") in WEEKDAYS  # the parser leaves "Fridays" as a lemma


def _year(text: str) -> bool:
    return len(text) == 4 and text.isdigit()
