"""Text to a sign that it is not English: another script, or the small words of another language.

    "Wer hat die Pumpe gebaut und wann war das?"   ->  "foreign words 'wer und war das'"  (die, hat: English words too)
    "Who painted Der Blaue Reiter?"                ->  ""

A question has few words and may hold foreign names, so one foreign small word is not enough: there have to be several
(``foreign_words``), and more of them than English ones. Only words that English does not have are listed.
"""

import re

_OTHER = {
    "German": "der das und ist nicht wer wie wann warum welche welcher welches wurde wird eine einer einem einen mit "
    "auf für von zu zur zum dem den des sich auch oder aber bei nach aus",
    "French": "le les des une est dans qui que quoi quel quelle où quand pourquoi comment avec pour sur pas ne du au "
    "aux était sont elle il ils ses cette ce",
    "Spanish": "el los las una es en que qué quién cuál cuándo dónde cómo por para con del se su sus fue era y o lo",
    "Italian": "il lo gli una è che chi quale quando dove perché come con per del della nel nella di da si sono era",
    "Portuguese": "os uma é que quem qual quando onde como por para com do da dos das em no na foi era não seu sua",
    "Dutch": "het een en is van wie wat wanneer waar waarom hoe niet met voor op aan zijn werd wordt ook bij naar uit",
}
_ENGLISH = frozenset(
    "the a an of and or to in on at by for from with is are was were be been do does did has have had can will would "
    "what who whom whose which when where why how it its he she his her they their this that these not no as if there "
    "many much than before after into".split()
)
_FOREIGN = {name: frozenset(words.split()) - _ENGLISH - {"as", "is", "en", "o", "no", "do", "per", "come", "da", "zu"}
            for name, words in _OTHER.items()}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")


def foreign(text: str, share: float, fewest: int) -> str:
    """What shows that a text is not English, or ''.

    Args:
        share: the most letters of a script other than Latin, as a share of all letters.
        fewest: how many different small words of another language make it that language.
    """
    if not text.isascii():
        letters = [letter for letter in text if letter.isalpha()]
        other = [letter for letter in letters if not _is_latin(letter)]
        if letters and len(other) > share * len(letters):
            return f"{len(other)} of {len(letters)} letters are not Latin: {''.join(other[:20])}"
    words = _WORD.findall(text)
    lower = [word.lower() for word in words]
    english = sum(word in _ENGLISH for word in lower)
    for language, small in _FOREIGN.items():
        # A capital inside the text belongs to a name: "Der Blaue Reiter".
        found = [word for index, word in enumerate(words) if word.lower() in small and (word.islower() or index == 0)]
        if len(set(found)) >= fewest and len(found) > english:
            return f"{language} words {' '.join(found[:8])!r}"
    return ""


def _is_latin(letter: str) -> bool:
    return letter < "\u0250" or "\u1e00" <= letter <= "\u1eff" or letter in "\u02bc\ufb00\ufb01\ufb02\ufb03\ufb04"
