"""A key to a made-up name: words that exist nowhere, and real names a few letters off.

    invented_name("train", "pair-17")                  ->  "Thrackworth"
    misspelt("Asplehurst", "pair-17", side="train")    ->  "Asplehirst"

All made-up words fall into two halves by the parity of a hash, one for training and one for probing: a name that was
trained on is never probed with, however many are drawn.
"""

from collections.abc import Sequence
from typing import Literal

from tasks.records import derive_id

Side = Literal["train", "probe"]
ONSETS = """
    b br c cl cr d dr f fl g gl gr h j k l m n p pl pr qu r s sk sl st t th tr v w wh z
""".split()
VOWELS = ["a", "e", "i", "o", "u", "ae", "ea", "ei", "ie", "oa", "ou", "y"]
CODAS = """
    b ck d dd g ll lm ln m n nd ng nk p r rd rk rm rn rt s ss st th v x z
""".split()
TAILS = """
    ack abel an ard ath ell en er ert ick il in ing ius ock on or oss ot ow um us wick worth by dale
""".split()
VOWEL_LETTERS, CONSONANTS = "aeiou", "bcdfghklmnprstvwy"


def draw(options: Sequence[str], *key: object) -> str:
    """One of the options, the same for the same key."""
    return options[int(derive_id(*key), 16) % len(options)]


def side_of(name: str) -> Side:
    """Which half an invented word belongs to."""
    return "train" if int(derive_id("side", name.lower()), 16) % 2 == 0 else "probe"


def invented_name(side: Side, *key: object, avoid: str = "") -> str:
    """A made-up word from one half of all made-up words that does not stand in ``avoid`` (small letters)."""
    for attempt in range(1000):
        parts = [draw(ONSETS, *key, attempt, 1), draw(VOWELS, *key, attempt, 2), draw(CODAS, *key, attempt, 3)]
        name = ("".join(parts) + draw(TAILS, *key, attempt, 4)).capitalize()
        if side_of(name) == side and name.lower() not in avoid and len(name) <= 11:
            return name
    raise AssertionError("a thousand draws always hold a free name")


def misspelt(word: str, *key: object, side: Side, avoid: str = "") -> str:
    """A name one or two letters away, vowel for vowel and consonant for consonant, capitals kept."""
    for attempt in range(1000):
        spots = [int(derive_id(*key, attempt, turn), 16) % len(word) for turn in range(1 + attempt % 2)]
        changed = list(word)
        for turn, spot in enumerate(spot for spot in spots if word[spot].isalpha()):
            same_class = VOWEL_LETTERS if changed[spot].lower() in VOWEL_LETTERS else CONSONANTS
            drawn = draw(same_class, *key, attempt, turn, "letter")
            changed[spot] = drawn.upper() if changed[spot].isupper() else drawn
        name = "".join(changed)
        if name != word and side_of(name) == side and name.lower() not in avoid:
            return name
    return invented_name(side, *key, avoid=avoid)
