"""Cheap checks of a drafted question, made before the model is spent on it: a reason to drop it, or None.

    rule's question: "How many litres does Old Margery lift a minute?"     answer: "240 litres"
    What number of litres does Old Margery raise a minute?     None
    How many litres does Old Marjorie lift a minute?           new name or number
    How many litres does the pump lift a minute?               lost name or number
    Which pump lifts 240 litres a minute?                      answer in question
    When does Old Margery lift litres?                         other kind of question

A rewrite keeps the names and numbers that single its subject out, invents none, and asks for the same kind of
thing. One content word may be exchanged for another: that is the point of asking a model.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from tasks.generation.wordlists import ASKING, NUMERALS, asks_for, content, stem, stems, words

OPENING = re.compile(
    r"(?:who|whom|whose|what|which|when|where|why|how|in|on|at|by|for|to|from|under|with|after|of|until|since|into|"
    r"through|during|below|above|beneath|the)\b",
    re.IGNORECASE,
)
BE = re.compile(r"\b(?:is|are|was|were|be|been|being)\b", re.IGNORECASE)
DO = re.compile(r"\b(?:do|does|did)\b", re.IGNORECASE)
ASKED_PREPOSITION = re.compile(
    r"^(?P<front>[a-z]+) (?:what|which|whom|whose|how many|how much)\b"
    r"|\b(?P<back>by|with|from|of|for|under|into|to|in|on|at)\?$",
    re.IGNORECASE,
)
_POINTING = "he she they them him her his hers their theirs its this these those here"
POINTING = frozenset(_POINTING.split())
_TIMELY = (
    "when after before until till during while at in on by january february march april may june july august september "
    "october november december"
)
TIMELY = frozenset(_TIMELY.split())
FEWEST_WORDS, MOST_WORDS = 4, 32
GARBLED = 0.75
"""A new word this similar to one of the source (difflib's ratio) is a misspelling of it: 'kilim-warden'."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a draft is held against: the answer it must have, the sentence, and the rule's question ("" if none).

    ``known`` are the questions already there for this answer; ``question`` may be among them.
    """

    statement: str
    answer: str
    question: str = ""
    known: tuple[str, ...] = ()


def fixed(text: str) -> set[str]:
    """Return the stems of names and numbers: digits, numerals, and capitals that no sentence begins with."""
    meant = set(content(text))
    return {
        stem(word)
        for place, word in enumerate(words(text))
        if word in meant and (word[0].isdigit() or word.lower() in NUMERALS or (word[0].isupper() and place))
    }


def objection(question: str, asked: Asked, examples: Collection[str] = ()) -> str | None:
    """Return why a drafted question is to be dropped, or None.

    Args:
        question: the draft, with its question mark.
        asked: what it should ask for.
        examples: stems of the prompt's examples, which must not leak into the draft.
    """
    return (
        _malformed(question)
        or _repeated(question, asked)
        or _gives_away(question, asked)
        or _strays(question, asked, examples)
        or _dangles(question, asked)
        or (_departs(question, asked) or _mangled(question, asked.question) if asked.question else None)
    )


def _malformed(question: str) -> str | None:
    if not question.endswith("?") or question.count("?") != 1 or not OPENING.match(question):
        return "no question"
    count = len(words(question))
    if not FEWEST_WORDS <= count <= MOST_WORDS:
        return "too short" if count < FEWEST_WORDS else "too long"
    meant = [stem(word) for word in content(question)]
    return "repeats a word" if len(set(meant)) < len(meant) else None


def _repeated(question: str, asked: Asked) -> str | None:
    mine = sorted(stem(word) for word in words(question))
    same = any(mine == sorted(stem(word) for word in words(other)) for other in (asked.question, *asked.known))
    return "same words as a rule's" if same else None


def _gives_away(question: str, asked: Asked) -> str | None:
    mine, wanted = stems(content(question)), stems(content(asked.answer))
    if asked.answer.lower() in question.lower() or (wanted and wanted <= mine):
        return "answer in question"
    if asked.question and wanted & (mine - stems(content(asked.question))):
        return "answer in question"
    return None


def _strays(question: str, asked: Asked, examples: Collection[str]) -> str | None:
    """Words that neither the sentence nor the rule's question has: one at most, in exchange for another."""
    source = {word.lower() for word in words(f"{asked.statement} {asked.question}")}
    new = [w for w in content(question) if stem(w) not in stems(source) and w.lower() not in ASKING]
    if fixed(question) & stems(new):
        return "new name or number"
    if stems(new) & set(examples):
        return "taken from an example"
    lost = stems(content(asked.question)) - stems(content(question))
    if len(stems(new)) > (min(1, len(lost)) if asked.question else 0):
        return "too many new words"
    if any(word.lower().endswith("est") for word in new):
        return "new superlative"
    if any(SequenceMatcher(None, w.lower(), other).ratio() >= GARBLED for w in new for other in source):
        return "misspells a word"
    return None


def _dangles(question: str, asked: Asked) -> str | None:
    """Words that point out of the question, unless the rule's question has them too."""
    pointing = {word.lower() for word in words(question)} & POINTING
    return "points at nothing" if pointing - {word.lower() for word in words(asked.question)} else None


def _departs(question: str, asked: Asked) -> str | None:
    """Against the rule's question: the same kind of thing asked for, names and numbers kept."""
    if asks_for(question) != asks_for(asked.question):
        return "other kind of question"
    mine = stems(content(question))
    core = set.intersection(*(stems(content(other)) for other in (asked.question, *asked.known)))
    if core & (fixed(asked.question) - mine):
        return "lost name or number"
    source = stems(words(f"{asked.statement} {asked.question}"))
    if len(core - mine - stems(ASKING)) > min(1, len(mine - source)):
        return "lost what it is about"
    return None


def _mangled(question: str, rule: str) -> str | None:
    """Who does what to whom must stay: a subject asked for stays one, an asked preposition stays asked."""
    helped, plain = bool(DO.search(question)), bool(BE.search(rule)) and not DO.search(rule)
    if helped and plain and not BE.search(question) and "take" not in words(question):
        return "mangled grammar"
    subject_asked = re.match(r"(?:who|what|which \w+)\b", rule, re.IGNORECASE) and not BE.search(rule)
    if helped and subject_asked and not DO.search(rule):
        return "roles swapped"
    if DO.search(rule) and not helped and not BE.search(question):
        return "roles swapped"
    preposition, mine = _asked_preposition(rule), _asked_preposition(question)
    if preposition == "by":
        return "roles swapped" if BE.search(question) and mine != "by" else None
    if mine == "by":
        return "roles swapped"
    if preposition and mine != preposition and asks_for(question) in ("thing", "person", "count"):
        return "mangled grammar"
    added = mine and not preposition and stems(content(question)) <= stems(content(rule))
    return "mangled grammar" if added else None


def _asked_preposition(question: str) -> str:
    found = ASKED_PREPOSITION.search(question)
    return (found["front"] or found["back"]).lower() if found else ""


def example_stems(texts: Sequence[str]) -> set[str]:
    """Return the stems of the content words of a prompt's examples."""
    return stems([word for text in texts for word in content(text)]) - stems(ASKING)


def fits(question: str, answer: str, statement: str) -> bool:
    """Whether an answer is of the kind that a question asks for: a number of litres for 'How many litres …?'."""
    kind, numeral = asks_for(question), any(w[0].isdigit() or w.lower() in NUMERALS for w in words(answer))
    first = answer.lower().split(maxsplit=1)[0]
    if kind == "count":
        counted = re.search(r"how many (\w+)", question, re.IGNORECASE)
        after = statement.partition(answer)[2]
        near = stems([*words(answer), *words(after)[:2]])
        return numeral and (counted is None or stem(counted[1]) in near)
    if kind in ("often", "long", "heat"):
        return numeral or first in ("every", "each")
    if kind == "time":
        return numeral or first in TIMELY or answer.lower().rstrip("s").endswith("day")
    if kind == "reason":
        return first in ("to", "because", "since", "so", "as", "for", "lest")
    return not (answer.replace(" ", "").isdigit() or (kind == "person" and numeral))
