"""Text to comparable wording: what has to differ before two questions count as two.

    "In which year did Odo Marrick buy twenty-two casks?"
      words    ->  ["in", "what", "year", "did", "odo", "marrick", "buy", "22", "casks"]
      content  ->  {"year", "odo", "marrick", "buy", "22", "casks"}
      marks    ->  ("22", "marrick", "odo", "what")        names, numbers, negations, question words
      shingles ->  every word, and every two neighbours    what Jaccard similarity is taken over

Two texts with different marks never say the same: "stage 2" is not "stage 3", "Mirrow" is not "Marrow", and a text
with a "not" is not the one without. Case, punctuation, articles, possessives and number words make no difference.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from text_to_num import alpha2digit

ARTICLES = frozenset({"a", "an", "the", "An", "The", "AN", "THE"})
WH_WORDS = frozenset("what who whom whose when where why how".split())
NEGATIONS = frozenset("not no never nor neither none nobody nothing nowhere without cannot false except".split())
AUXILIARIES = frozenset(
    "am is are was were be been being do does did done have has had having can could will would shall should may might "
    "must ought".split()
)
PRONOUNS = frozenset(
    "i me my mine we us our ours you your yours he him his she her hers it its they them their theirs this that these "
    "those there here itself himself herself themselves".split()
)
_PARTICLES = frozenset(
    "which as of in on at to by for from with into onto and or but if then than so such about s".split()
)
# Words that say nothing of their own. Before and after, left and right, over and under tell facts apart: not here.
FUNCTION_WORDS = ARTICLES | WH_WORDS | AUXILIARIES | PRONOUNS | _PARTICLES

_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u201c": '"', "\u201d": '"'})
# A word keeps inner apostrophes ("o'clock") and the dots and commas inside a number ("1,200", "3.5"); a gap is a word.
_WORD = re.compile(r"_{2,}|[^\W_]+(?:(?:'|(?<=\d)[.,:](?=\d))[^\W_]+)*")
_WORD_OR_BREAK = re.compile(rf"{_WORD.pattern}|[:?!]")
# Where a spelled number may begin; a false alarm ("tension") costs time only.
_NUMBER_WORD = re.compile(
    r"\b(?:zero|one|two|twen|thir|three|fou?r|five|fif|six|seven|eigh|nin|ten|eleven|twel|hundred|thousand|million|"
    r"billion|first|second)",
    re.IGNORECASE,
)
_ROMAN = re.compile(r"(?:ii|iii|iv|vi|vii|viii|ix|xi|xii|xiii|xiv|xv|xvi)")


@dataclass(frozen=True, slots=True)
class Wording:
    """A text in comparable form. Equal ``marks`` are needed, and a high Jaccard over ``shingles``, to be the same."""

    marks: tuple[str, ...]
    content: frozenset[str]
    shingles: frozenset[str]


def word_list(text: str) -> list[str]:
    """The words of a text in order: lower case, no articles, no possessive, numbers in digits.

    "A" inside a sentence is a name ("stage A"), not an article.
    """
    return _scan(text)[0]


def normalise(text: str) -> str:
    """The comparable words as one string: equal strings ask or say the same thing."""
    return " ".join(word_list(text))


def content_words(text: str) -> list[str]:
    """The comparable words that carry meaning, in order; numbers and negations are among them."""
    return [word for word in word_list(text) if word not in FUNCTION_WORDS]


def names(text: str) -> frozenset[str]:
    """Capitalised words, in lower case. A first word counts only when another capital follows it ("Odo Marrick …")."""
    return frozenset(_scan(text)[1])


def _scan(text: str) -> tuple[list[str], set[str]]:
    """Words in order, and the names among them."""
    tokens = _WORD_OR_BREAK.findall(_levelled(text))
    words: list[str] = []
    found: set[str] = set()
    initial = True
    for index, token in enumerate(tokens):
        if token in ":?!":
            initial = True
            continue
        if token not in ARTICLES and (token != "A" or not initial):
            word = _plain(token)
            words.append(word)
            named = token[0].isupper() and (not initial or _capital_at(tokens, index + 1))
            if named and token != "I" and (word not in FUNCTION_WORDS or len(word) == 1):
                found.add(word)
        initial = False
    return words, found


def _capital_at(tokens: list[str], index: int) -> bool:
    return index < len(tokens) and tokens[index][0].isupper()


def is_number(word: str) -> bool:
    """Whether a comparable word is a number, an ordinal, or a Roman numeral of two letters and more."""
    return any(letter.isdigit() for letter in word) or _ROMAN.fullmatch(word) is not None


def wording(text: str) -> Wording:
    """Bring a question or statement into comparable form."""
    words, marks = _scan(text)
    marks.update(word for word in words if _is_mark(word))
    content = frozenset(word for word in words if word not in FUNCTION_WORDS)
    return Wording(tuple(sorted(marks)), content, frozenset(words).union(_neighbours(words)))


def similarity(left: Wording, right: Wording) -> float:
    """Jaccard over word shingles; 0 when marks differ or a content word is swapped for another ("oil" for "salt").

    Jaccard over shingles is the usual measure of near-duplicates (Lee et al. 2022, arXiv:2107.06499, section 4.2).
    """
    if left.marks != right.marks:
        return 0.0
    if left.content - right.content and right.content - left.content:
        return 0.0
    shared = len(left.shingles & right.shingles)
    total = len(left.shingles) + len(right.shingles) - shared
    return shared / total if total else 1.0


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


def _levelled(text: str) -> str:
    """One Unicode form, straight quotes, number words in digits; capitals are kept."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    return alpha2digit(text, "en", 0) if _NUMBER_WORD.search(text) else text


@lru_cache(maxsize=1 << 16)
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


def _neighbours(words: list[str]) -> list[str]:
    return [f"{left} {right}" for left, right in pairwise(words)]
