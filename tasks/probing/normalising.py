"""Text to comparable words: what two wordings of one answer have in common.

    plain("It can't hear; Dr. Marrick's 1,200 casks")  ->  "it cannot hear; dr marrick's 1200 casks"   (roughly)
    words("On the 9th of March, 1,200 casks")          ->  ("on", "9", "march", "1200", "cask")
    words("March 9th: twelve hundred casks")           ->  ("9", "march", "1200", "cask")

Case, articles, punctuation, hyphens, possessives, contractions, number words, ordinals, dates, percent signs and simple
plurals are levelled, on both sides alike, so that a wrong guess about English (``canvas`` -> ``canva``) does no harm.
"""

import re
import unicodedata

from text_to_num import alpha2digit

ARTICLES = frozenset({"a", "an", "the"})
MONTHS = frozenset(
    [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ]
)
_TEENS = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_UNITS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

# Curly quotes and apostrophes, and the dashes that stand for a hyphen or a minus sign.
_QUOTES = str.maketrans("\u2018\u2019\u02bc\u201c\u201d\u2013\u2011\u2010\u2212", "'''\"\"----")
_CONTRACTIONS = (
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\b(?:can't|cannot)\b"), "can not"),
    (re.compile(r"\bain't\b"), "is not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"\bi'm\b"), "i am"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"\b(there|that|it|he|she|here)'s\b"), r"\1 is"),
)
_ABBREVIATION = re.compile(r"\b(dr|mr|mrs|ms|st|prof|capt|rev|sgt|lt|col|gen|jr|sr|vol|approx|[a-z])\.(?=\s?\S)")
_GROUPED = re.compile(r"(?<=\d)[,\u2009\u202f](?=\d{3}(?!\d))")
_YEAR = re.compile(
    rf"\b({'|'.join(_TEENS)}) "
    rf"(?:(hundred)(?: and)?(?: |\b)|oh (?=(?:{'|'.join(_UNITS)})\b)|(?=(?:{'|'.join(_TENS + _TEENS[:-1])})\b))"
    rf"(?:({'|'.join(_TENS)})\b ?)?({'|'.join(_UNITS + _TEENS[:-1])})?\b(?! (?:hundred|thousand|million))"
)
_TOKEN = re.compile(r"\d+(?:[.:/]\d+)*(?:(?:st|nd|rd|th)\b)?|[^\W\d_]+")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")


def plain(text: str) -> str:
    """Lower case, straight quotes and dashes, contractions written out, no dots in abbreviations, no grouped digits."""
    text = _GROUPED.sub("", text.replace("\u2014", " ; ").translate(_QUOTES))
    text = unicodedata.normalize("NFKC", text).casefold()
    for pattern, spelled in _CONTRACTIONS:
        text = pattern.sub(spelled, text)
    return _ABBREVIATION.sub(r"\1", text)


def words(text: str, *, articles: bool = False) -> tuple[str, ...]:
    """The comparable words of a text, in order; ``articles`` keeps a, an, the."""
    text = re.sub(r"'s\b|'", "", plain(text)).replace("%", " percent ").replace("per cent", "percent")
    text = re.sub(r"(?<=[^\W\d_])-(?=[^\W\d_])", " ", text)
    text = _YEAR.sub(_year_digits, text)
    text = alpha2digit(re.sub(r"\bno one\b", "nobody", text), "en", 0)
    tokens = [singular(token) for token in _TOKEN.findall(text) if articles or token not in ARTICLES]
    return tuple(_level_dates(tokens))


def singular(word: str) -> str:
    """Cut a plural ending: ferries -> ferry, boxes -> box, hours -> hour; words that only look like plurals too."""
    if len(word) < 4 or not word.isalpha() or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("ches", "shes", "sses", "xes", "zes")) else word[:-1]


def _year_digits(match: re.Match[str]) -> str:
    """'eighteen twenty-nine' -> '1829', 'nineteen oh four' -> '1904', 'twelve hundred and fifty' -> '1250'."""
    century, _, tens, small = match.groups()
    value = 100 * (10 + _TEENS.index(century)) + 10 * (_TENS.index(tens) + 2 if tens else 0)
    if small:
        value += 1 + (_UNITS + _TEENS).index(small)
    return f"{value} "


def _level_dates(tokens: list[str]) -> list[str]:
    """Write dates one way: '9th of march' and 'march 9th' become '9 march'."""
    levelled: list[str] = []
    position = 0
    while position < len(tokens):
        here, after = tokens[position], tokens[position + 1 : position + 3]
        if (day := _day(here)) and after[:1] != ["of"] and after and after[0] in MONTHS:
            levelled += [day, after[0]]
            position += 2
        elif (day := _day(here)) and len(after) == 2 and after[0] == "of" and after[1] in MONTHS:
            levelled += [day, after[1]]
            position += 3
        elif here in MONTHS and after and (day := _day(after[0])):
            levelled += [day, here]
            position += 2
        else:
            levelled.append(here)
            position += 1
    return levelled


def _day(token: str) -> str:
    match = _ORDINAL.fullmatch(token)
    number = match.group(1) if match else token
    return number if number.isdecimal() and 1 <= int(number) <= 31 else ""
