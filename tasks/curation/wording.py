"""Text to comparable wording: what has to differ before two questions count as two.

    "In which year did Odo Marrick buy twenty-two casks?"
      words    ->  ("in", "what", "year", "did", "odo", "marrick", "buy", "22", "casks")
      content  ->  {"year", "odo", "marrick", "buy", "22", "casks"}
      marks    ->  ("22", "marrick", "odo", "what")          names, numbers, negations, question words
      shingles ->  {"year", "year odo", "odo", ...}          content words, and neighbours among them

Two texts with different marks never say the same: "stage 2" is not "stage 3", "Mirrow" is not "Marrow", and a text
with a "not" is not the one without. A content word in place of another ("oil store", "salt store") makes another
question too. Case, punctuation, articles, possessives, number words and small words make no difference.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from text_to_num import alpha2digit

ARTICLES = frozenset({"a", "an", "the", "An", "The", "AN", "THE"})
WH_WORDS = frozenset("what who whom whose when where why how".split())
NEGATIONS = frozenset("not no never nor neither none nobody nothing nowhere without cannot false except".split())
MODALS = frozenset("can could will would shall should may might must ought".split())
AUXILIARIES = MODALS | frozenset("am is are was were be been being do does did done have has had having".split())
PRONOUNS = frozenset(
    "i me my mine we us our ours you your yours he him his she her hers it its they them their theirs this that these "
    "those there here itself himself herself themselves".split()
)
_PARTICLES = frozenset(
    "which as of in on at to by for from with into onto and or but if then than so such about s".split()
)
# Words that say nothing of their own. Before and after, over and under, may and must tell facts apart: not here.
FUNCTION_WORDS = (ARTICLES | WH_WORDS | AUXILIARIES | PRONOUNS | _PARTICLES) - MODALS

_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u201c": '"', "\u201d": '"'})
# A word keeps inner apostrophes ("o'clock") and the dots and commas inside a number ("1,200", "3.5"); a gap is a word.
_WORD = re.compile(r"_{2,}|[^\W_]+(?:(?:'|(?<=\d)[.,:](?=\d))[^\W_]+)*")
_WORD_OR_BREAK = re.compile(rf"{_WORD.pattern}|[:?!]")
_SPELLED = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion first "
    "second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth "
    "ninetieth hundredth thousandth".split()
)
_NUMBER_WORDS = _SPELLED | {word.capitalize() for word in _SPELLED}
_ROMAN = re.compile(r"(?:ii|iii|iv|vi|vii|viii|ix|xi|xii|xiii|xiv|xv|xvi)")


@dataclass(frozen=True, slots=True)
class Wording:
    """A text in comparable form. Equal ``marks`` are needed, and a high Jaccard over ``shingles``, to be the same."""

    marks: tuple[str, ...]
    content: frozenset[str]
    shingles: frozenset[str]


class Scan(NamedTuple):
    """The words of a text in order, the names among them, and those that carry meaning."""

    words: list[str]
    names: set[str]
    content: list[str]


def scan(text: str) -> Scan:
    """Read a text once. "A" inside a sentence is a name ("stage A"), not an article."""
    tokens = [_read(token) for token in _tokens(text)]
    words, names, content = [], set(), []
    initial = True
    for index, (word, capital, small) in enumerate(tokens):
        if not word or (initial and word == "a"):
            initial = small and not word
            continue
        words.append(word)
        if not small:
            content.append(word)
        if capital and (not small or len(word) == 1) and (not initial or _capital_at(tokens, index + 1)):
            names.add(word)
        initial = False
    return Scan(words, names, content)


def _capital_at(tokens: list[tuple[str, bool, bool]], index: int) -> bool:
    return index < len(tokens) and tokens[index][1]


@lru_cache(maxsize=1 << 16)
def _read(token: str) -> tuple[str, bool, bool]:
    """(comparable word, is capitalised, is a small word); no word for an article or a mark, True at a mark."""
    if token in ":?!":
        return "", False, True
    if token in ARTICLES:
        return "", token[0].isupper(), False
    word = _plain(token)
    return word, token[0].isupper() and token != "I", word in FUNCTION_WORDS


def word_list(text: str) -> list[str]:
    """The words of a text in order: lower case, no articles, no possessive, numbers in digits."""
    return scan(text).words


def normalise(text: str) -> str:
    """The comparable words as one string: equal strings ask or say the same thing."""
    return " ".join(scan(text).words)


def content_words(text: str) -> list[str]:
    """The comparable words that carry meaning, in order; numbers and negations are among them."""
    return scan(text).content


def names(text: str) -> frozenset[str]:
    """Capitalised words, in lower case. A first word counts only when another capital follows it ("Odo Marrick")."""
    return frozenset(scan(text).names)


def is_number(word: str) -> bool:
    """Whether a comparable word is a number, an ordinal, or a Roman numeral of two letters and more."""
    return any(letter.isdigit() for letter in word) or _ROMAN.fullmatch(word) is not None


def marks(read: Scan) -> tuple[str, ...]:
    """The names, numbers, negations and question words of a text, sorted: what must be equal in equal texts."""
    return tuple(sorted(read.names.union(filter(_is_mark, read.words))))


def wording(text: str) -> Wording:
    """Bring a question or statement into comparable form."""
    read = scan(text)
    skeleton = read.content or read.words
    shingles = frozenset(skeleton).union(f"{left} {right}" for left, right in pairwise(skeleton))
    return Wording(marks(read), frozenset(read.content), shingles)


def similarity(left: Wording, right: Wording) -> float:
    """Jaccard over word shingles; 0 when marks differ or a content word is swapped for another ("oil" for "salt").

    Jaccard over shingles is the usual measure of near-duplicates (Lee et al. 2022, arXiv:2107.06499, section 4.2).
    Small words are left out of the shingles: in a question of ten words they would be half of what is compared.
    """
    if left.marks != right.marks:
        return 0.0
    if not (left.content <= right.content or right.content <= left.content):
        return 0.0
    shared = len(left.shingles & right.shingles)
    total = len(left.shingles) + len(right.shingles) - shared
    return shared / total if total else 1.0


@lru_cache(maxsize=1 << 14)
def answer_key(answer: str) -> str:
    """What two answers must share to be the same answer: "by Odo Marrick" and "Odo Marrick", "in 1829" and "1829"."""
    return " ".join(content_words(answer)) or normalise(answer) or answer.strip()


def compatible(first: str, second: str) -> bool:
    """Whether two answers can both be right: one says what the other says, at more length ("22" and "22 stokers")."""
    left, right = set(answer_key(first).split()), set(answer_key(second).split())
    return bool(left and right) and (left <= right or right <= left)


@lru_cache(maxsize=1 << 16)
def _is_mark(word: str) -> bool:
    return word in WH_WORDS or word in NEGATIONS or is_number(word)


def _tokens(text: str) -> list[str]:
    """Words and breaks: one Unicode form, straight quotes, number words in digits; capitals are kept."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    found: list[str] = _WORD_OR_BREAK.findall(text)
    if _NUMBER_WORDS.isdisjoint(found):
        return found
    return _WORD_OR_BREAK.findall(alpha2digit(text, "en", 0))


def _plain(word: str) -> str:
    """Lower case; no possessive; no grouping commas; "which" asks as "what" does; "n't" is "not"."""
    word = word.lower()
    if "'" in word:
        if word.endswith("n't"):
            return "not"
        word = word.removesuffix("'s")
    elif "," in word:
        word = word.replace(",", "")
    return "what" if word == "which" else word
