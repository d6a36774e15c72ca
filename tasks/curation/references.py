"""A question to the word in it that points outside it: what makes a question unanswerable with the book closed.

    "When did he buy it?"                                  ->  "he"
    "What do these kingdoms have in common?"               ->  "these kingdoms"
    "Which captain lost his lantern?"                      ->  ""       "his" is the captain's
    "How long does it take to boil brine?"                 ->  ""       "it" points at nothing

No parser: a pronoun is resolved when a name, a noun phrase or a question word that it can stand for comes before it.
Doubtful cases pass, so that a good question is rarely lost.
"""

import re

from tasks.curation.wording import AUXILIARIES, FUNCTION_WORDS, PRONOUNS, WH_WORDS

PEOPLE = frozenset("he him his she her hers himself herself".split())
THINGS = frozenset("it its itself they them their theirs themselves".split())
GROUP = frozenset("we us our ours my mine".split())
DETERMINERS = frozenset("the a an each every any another no some all most".split())
_BINDERS = frozenset({"who", "whose", "which", "whoever"})
_OPENERS = WH_WORDS | {"which", "according"}

# What comes before the question itself: "Tell me", "True or false:", "I would like to know".
_LEAD = re.compile(
    r"^(?:(?:[^\s:?.!]+\s+){0,3}[^\s:?.!]+:\s*|(?:please\s+)?(?:(?:can|could|would|will)\s+you\s+(?:please\s+)?)?"
    r"(?:tell|remind|ask|asked|say|name|state)(?:\s+me)?\b|do\s+you\s+know\b|i\s+(?:would|want)\s+(?:like\s+)?to\s+know\b|"
    r"somebody\s+asked\s+me\b)\s*",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*|_{2,}|[,;.]")
# "it" of weather, time and cleft sentences: "does it take … to", "is it true that", "was it Odo who".
_EXPLETIVE = re.compile(
    r"\b(?:does|did|do|will|would|can|could|should|may|might|must|has|had)\s+it\s+(?:have\s+|has\s+)?(?:to\s+)?"
    r"(?:take|taken|took|cost|mean|matter|rain|snow|happen|follow|help)\b"
    r"|\b(?:takes?|took|costs?|makes?|made|finds?|found)\s+it\b|\bit\s+(?:takes?|took|costs?|rains?|snows?|happens?)\b"
    r"|\b(?:is|was|be)\s+it\s+(?:\S+\s+){0,5}?(?:to|that|who|which|for|when)\b"
    r"|\bit\s+(?:is|was)\s+\S+(?:\s+\S+){0,3}?\s+(?:to|that|who|which)\b|\b(?:what\s+(?:time|day|date)|how\s+(?:far|long|late|cold|hot)(?:\s+\w+)?)\s+(?:is|was)\s+it\b",
    re.IGNORECASE,
)
_POINTER = re.compile(
    r"\b(?:these|those|this)\s+(?!years?\b|days?\b|times?\b|way\b|handbook\b|manual\b|guide\b)\w+(?:\s+\w+)?|\bthe\s+(?:latter|former|aforementioned|said)\b(?:\s+\w+)?",
    re.IGNORECASE,
)
# A counted or compared group as the subject, with nothing in the question that says which.
_GROUP_SUBJECT = re.compile(
    r"^(?:\w+\s+){0,3}?(?:is|are|was|were|do|does|did|have|has|had|can|will|would|could)\s+"
    r"((?:both|the\s+(?:two|three|four|five|six|other|others)(?=\s+\w+\s+\w)|the\s+others?)(?:\s+\w+)?)",
    re.IGNORECASE,
)


def without_lead(question: str) -> str:
    """The question itself, without "Tell me", "Complete the sentence:" and their like."""
    return _LEAD.sub("", question.strip(), count=1)


def unresolved(question: str) -> str:
    """The pronoun or demonstrative that has no antecedent in the question, or ''."""
    text = without_lead(question)
    tokens: list[str] = _TOKEN.findall(text)
    has_name = any(_is_name(tokens, index) for index in range(len(tokens)))
    if (pointer := _POINTER.search(text)) and not has_name:
        return str(pointer.group())
    if (subject := _GROUP_SUBJECT.search(text)) and not has_name and not re.search(r"\b(?:of|in|on|at|from)\b", text):
        return str(subject.group(1))
    if _EXPLETIVE.search(text):
        tokens = [token for token in tokens if token.lower() != "it"]
    speakers = GROUP if "I" not in tokens else frozenset()
    for index, token in enumerate(tokens):
        word = token.lower()
        if (word in speakers and token not in ("US", "Mine")) or _dangles(tokens, index, word):
            return token
    return ""


def _dangles(tokens: list[str], index: int, word: str) -> bool:
    if word not in PEOPLE and word not in THINGS:
        return False
    if _has_antecedent(tokens, index, thing=word in THINGS):
        return False
    # "Before he left Starrowick, what did Orrowick sell?": the name follows the comma.
    later = next((place for place in range(index, len(tokens)) if tokens[place] in ",;"), len(tokens))
    return not any(_is_name(tokens, place) for place in range(later, len(tokens)))


def _has_antecedent(tokens: list[str], index: int, *, thing: bool) -> bool:
    lower = [token.lower() for token in tokens[:index]]
    if any(_is_name(tokens, place) for place in range(index)):
        return True
    if tokens[-1].lower() in WH_WORDS:  # "Had broken his collarbone - who?"
        return True
    fronted = not lower or lower[-1] in AUXILIARIES or lower[-1] in _OPENERS
    if not fronted and any(word in (_BINDERS | {"what"} if thing else _BINDERS) for word in lower):
        return not thing or _binds_thing(lower)
    return _noun_phrases(lower, thing=thing)


def _binds_thing(lower: list[str]) -> bool:
    """Whether "which pump" or the "what" of "what vanished from its hook" can be what "it" stands for."""
    if "which" in lower or ("what" in lower and not AUXILIARIES.intersection(lower)):
        return True
    return _noun_phrases(lower, thing=True)


def _noun_phrases(lower: list[str], *, thing: bool) -> bool:
    """Whether a noun phrase stands before the pronoun; not one that it owns ("the colour of its")."""
    if lower and lower[-1] == "of":
        owned = max((place for place, word in enumerate(lower) if word in DETERMINERS), default=len(lower))
        lower = lower[:owned]
    body = _without_question_phrase(lower)
    if body and body == lower and body[0] not in FUNCTION_WORDS:  # "Tamrin was at her supper"
        return True
    for place, word in enumerate(body):
        after = body[place + 1] if place + 1 < len(body) else ""
        if word in DETERMINERS and after and after not in FUNCTION_WORDS:
            return True
        if word.endswith(("'s", "s'", "\u2019s")):
            return True
    return thing and any(word not in FUNCTION_WORDS and word not in PRONOUNS and word not in ",;." for word in body)


def _without_question_phrase(lower: list[str]) -> list[str]:
    """Cut "what colour was", "how many litres does", and the verb of "who built"."""
    start = next((place for place, word in enumerate(lower) if word in _OPENERS), None)
    if start is None or start > 2:
        return lower
    stop = next((place for place in range(start + 1, len(lower)) if lower[place] in AUXILIARIES | DETERMINERS), None)
    if stop is None:
        return lower[start + 2 :]
    if lower[stop] in DETERMINERS:
        return lower[stop:]
    rest = lower[stop + 1 :]
    passive = lower[start] in ("who", "what") and stop == start + 1 and rest and rest[0] not in DETERMINERS
    return rest[1:] if passive else rest


def _is_name(tokens: list[str], index: int) -> bool:
    token = tokens[index]
    if not token[0].isupper() or token == "I":
        return False
    if index:
        return tokens[index - 1] not in "." or token.lower() not in FUNCTION_WORDS
    following = tokens[1] if len(tokens) > 1 else ""
    return token.lower() not in FUNCTION_WORDS and (following[:1].isupper() or token.endswith(("'s", "\u2019s")))
