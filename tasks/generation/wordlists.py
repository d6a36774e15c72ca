"""Words of a question told apart: content from function words, stems, and what a question asks for.

content("How many litres does Old Margery lift a minute?") -> ["litres", "Old", "Margery", "lift", "minute"]
stem("lifted") == stem("lifts")          asks_for("How many litres …?") == "count"
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from nltk.stem.snowball import SnowballStemmer

_STEMMER = SnowballStemmer("english")
WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['\u2019\-][^\W\d_]+)*")
_FUNCTION = (
    "a an the of in on at by to for from with is are was were be been being does do did has have had can could "
    "must may might should shall will would who whom whose which what when where why how many much often long and "
    "or nor but that it its their his her him she he they them as into onto under over after before during until "
    "till since each every any some all both not no than then there out up down off away so if while this these "
    "those s such own through between about above below behind"
)
FUNCTION = frozenset(_FUNCTION.split())
# Words that other wordings of a question are made of; they name no thing of the text.
_ASKING = (
    "person people name named called call term thing item place location spot site year day date month time hour "
    "moment amount number quantity kind type sort colour color material substance reason purpose way method "
    "manner exactly identity period point length total precise"
)
ASKING = frozenset(_ASKING.split())
_NUMERALS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million half "
    "quarter first second third fourth fifth sixth seventh eighth ninth tenth last once twice"
)
NUMERALS = frozenset(_NUMERALS.split())
# What a question asks for, by the first pattern that it matches.
ASKS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("often", r"\bhow (?:often|frequently)\b|\bhow many times\b"),
        ("long", r"\bhow long\b|\b(?:length of|how much) time\b"),
        ("count", r"\bhow many\b|\bhow much\b|\b(?:what|which|the) (?:\w+ )?(?:number|amount|quantity)\b"),
        ("person", r"\bwhom?\b|\bwhose\b|\b(?:which|what) (?:person|man|woman)\b|\bthe person\b"),
        ("time", r"\bwhen\b|\b(?:what|which|the) (?:\w+ )?(?:time|year|day|date|month|hour)\b"),
        ("reason", r"\bwhy\b|\breason\b|\bpurpose\b"),
        ("colour", r"\bcolou?r\b"),
        ("heat", r"\btemperature\b|\bhow (?:hot|cold|warm)\b"),
        ("place", r"\bwhere\b|\b(?:what|which|the) (?:\w+ )?(?:place|location|spot|site)\b"),
        ("thing", r"\bwhat\b|\bwhich\b"),
        ("manner", r"\bhow\b"),
    )
)


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Reduce a word to its stem, possessive endings off (Porter's second stemmer)."""
    stemmed: str = _STEMMER.stem(re.sub(r"['\u2019]s$", "", word.lower()))
    return stemmed


def words(text: str) -> list[str]:
    """Split a text into words and numbers."""
    return WORD.findall(text)


def content(text: str) -> list[str]:
    """Return the words of a text that carry content."""
    return [word for word in words(text) if word.lower() not in FUNCTION]


def stems(texts: Iterable[str]) -> set[str]:
    """Return the stems of words."""
    return {stem(word) for word in texts}


def asks_for(question: str) -> str:
    """Name what a question asks for: a person, a count, a time, …; "" if it asks for nothing."""
    return next((kind for kind, pattern in ASKS if pattern.search(question)), "")
