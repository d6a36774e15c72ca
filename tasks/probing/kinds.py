"""A question's kind against a recital: whether the recital holds anything of the kind that is asked for.

    may_answer("How often does he walk his round?", "He walks his round every 40 minutes.")   True
    may_answer("How often does he walk his round?", "After dark the yard is the watchman's.")  False
    may_answer("How long does a grade 5 lamp burn?", "The grade 5 lamp has clear glass.")      False: the 5 was given
    may_answer("How many rooms has the mill?", "The mill was built in 1871.")                  False: a year

An untuned model of little size weighs what a recital is about, and hardly whether it answers. What the question itself
says is no answer to it. A question of another kind (which, where, why, how) may be answered by anything.
(Expected answer types: Li & Roth 2002, "Learning Question Classifiers".)
"""

import re

from tasks.generation.lexicon import COLOURS, MONTHS, PEOPLE, WEEKDAYS
from tasks.generation.wordlists import NUMERALS, asks_for, stem, words

MEASURED = re.compile(
    r"\bhow (?:many|much|often|long|heavy|deep|high|tall|wide|broad|thick|old|far|large|big|fast|hot|cold|warm|steep)\b"
    r"|\b(?:what|which) (?:number|amount|quantity|price|temperature|depth|height|weight|length|width|distance|age|size|"
    r"share|percentage|sum|fee|fine|speed)\b",
    re.IGNORECASE,
)
COLOURED = re.compile(r"\b(?:what|which) colou?r\b", re.IGNORECASE)
YEAR = re.compile(r"\b(?:in|since|from|until|till|by|of|to|before|after) ((?:1\d|20)\d\d)\b", re.IGNORECASE)
"""Four digits behind such a word are a year, and no amount."""
REPEATED = {"every", "each", "daily", "weekly", "monthly", "yearly", "hourly", "nightly", "both", "half", "dozen"}
DAYTIMES = {"spring", "summer", "autumn", "winter", "morning", "noon", "afternoon", "evening", "night", "midnight"}
DAYTIMES |= {"dawn", "dusk", "when", "before", "after", "until", "during", "while", "christmas", "easter"}


def may_answer(question: str, recital: str) -> bool:
    """Whether a recital holds an amount, a colour, a time or somebody where the question asks for one."""
    known = {word.lower() for word in words(question)}
    found = [word for word in words(recital) if word.lower() not in known]
    if MEASURED.search(question):
        dated = set(YEAR.findall(recital))
        return any((_number(word) and word not in dated) or word.lower() in REPEATED for word in found)
    if COLOURED.search(question):
        return any(part in COLOURS for word in found for part in word.lower().split("-"))
    kind = asks_for(question)
    if kind == "time":
        return any(_number(word) or _time(word.lower()) for word in found)
    if kind == "person":
        stems = {stem(word) for word in words(question)}
        return any(_somebody(word, first=recital.startswith(word)) for word in found if stem(word) not in stems)
    return True


def _number(word: str) -> bool:
    return word[0].isdigit() or any(part in NUMERALS for part in word.lower().split("-"))


def _time(word: str) -> bool:
    return word in DAYTIMES or word in MONTHS or word.removesuffix("s") in WEEKDAYS


def _somebody(word: str, *, first: bool) -> bool:
    return (word[0].isupper() and not first) or any(part in PEOPLE for part in word.lower().split("-"))
