"""Sentences to segments, and segments to what they do: decline, fill, or assert.

    "I'm sorry, but the book does not say when."      ->  filler, declines
    "I am not able to answer, but it was 1829."       ->  declines, asserts
    "No, Tamrin rowed it."                            ->  filler, asserts

The wordings below are many more than training uses, and deliberately shaped: "not mentioned" or "does not say" declines
only beside a subject that can (the book, the text, I), so that a recited sentence that happens to hold a negation ("the
trough is not covered") does not pass for a refusal.
"""

import re
from typing import Literal

from tasks.probing.normalising import plain, words

Act = Literal["declines", "filler", "asserts"]

_BOOK = (
    r"(?:books?|texts?|passages?|documents?|manuals?|handbooks?|stor(?:y|ies)|sources?|contexts?|articles?|pages?"
    r"|chapters?|excerpts?|authors?|narrators?|writers?|tales?|novels?|guides?|materials?|data|information|corpus"
    r"|corpora|notes?|records?|answers?|details?|sections?|paragraphs?|content|reading|account|edition)"
)
_IN_BOOK = rf"(?:in|by|within|from|on|of) (?:(?!and\b|or\b)[\w'-]+ ){{0,4}}{_BOOK}"
_TELLS = (
    r"(?:say|tell|mention|state|specify|give|name|record|reveal|provide|indicate|describe|contain|include|explain"
    r"|cover|discuss|list|note|disclose|answer|offer|supply|address|refer|talk|speak|hold|have|make|know|clarify"
    r"|identify|show)"
)
_TOLD = r"(?:mentioned|stated|specified|said|told|disclosed|indicated|revealed|clear|known|provided|explained)"
_FOUND = r"(?:given|named|described|listed|included|found|discussed|available|recorded|covered|there|present|explicit)"
_ANSWER = r"(?:answer|say|tell|find|help|provide|determine|confirm|respond|assist)"
_ADVERB = r"(?:\w+ly |at all |even |ever |actually )*"
_SELF = r"(?:i|we|one|you|this (?:model|assistant))"
_NO_INFORMATION = (
    r"(?:mention|information|details?|data|records?|indication|reference|answers?|account|clue|evidence|description"
    r"|entry|word|idea|knowledge|access|way of knowing)"
)

_I_DECLINE = (
    rf"\b{_SELF} (?:can not|am not able to|are not able to|am unable to|are unable to) {_ADVERB}(?:{_ANSWER}|see|give"
    r"|recall|locate|identify|know|comment|offer|be (?:sure|certain)|verify|access|be answered)",
    rf"\b{_SELF} (?:could not|was not able to|was unable to) {_ADVERB}(?:answer"
    rf"|find (?:that|this|it|any\w*|an answer|[\w ]*{_BOOK}))",
    rf"^(?:can not|could not|not able to|unable to) {_ADVERB}{_ANSWER}",
    rf"(?:^|\b(?:i|we) )(?:really |honestly |simply |just )?do not {_ADVERB}(?:know|recall|remember|recogni[sz]e)\b",
    rf"\b{_SELF} (?:do|did) not {_ADVERB}have (?:\w+ ){{0,5}}{_NO_INFORMATION}\b",
    rf"\b{_SELF} (?:have|has) (?:absolutely )?(?:no|not any) (?:\w+ ){{0,2}}{_NO_INFORMATION}\b",
    r"\b(?:i|we) (?:have|am|are|were) (?:not (?:been )?(?:told|given|informed|read)"
    r"|never (?:heard|read) (?:of|about))\b",
    rf"\b{_SELF} (?:am|are) (?:not (?:sure|certain|aware|familiar)|unsure|uncertain|unaware|unfamiliar|at a loss)\b",
    rf"\b{_SELF} (?:must|have to|will|would|shall) (?:decline|refuse|not answer|pass)\b",
    rf"\b{_SELF} (?:only |can only |am only able to )+(?:know|answer|speak|say|tell)",
)
_BARE = (
    r"^(?:sorry |well |honestly )?(?:not (?:sure|certain|known|stated|mentioned|specified|given|available|provided"
    r"|found|answerable|in the)|unsure|uncertain|unknown|unanswerable|unstated|unspecified|unclear|undisclosed|n/?a"
    r"|no (?:idea|clue|answer|information|data|comment|mention|record|details?|such))\b",
    r"^(?:who knows|beats me|pass)\b",
    r"\b(?:hard|impossible|not possible|difficult|unable|not able) to (?:say|tell|know|answer|determine)\b",
)
_BOOK_DECLINES = (
    r"\b(?:there (?:is|are|was|were)|i see|i find|i found|found|contains?|gives?|has|have|with|holds?|offers?|provides?"
    r"|makes?|is given|it is) (?:\w+ )?(?:no|not any|nothing|not enough|insufficient|little) (?:\w+ ){0,2}"
    rf"{_NO_INFORMATION}\b",
    rf"\b{_BOOK}(?: [\w'-]+){{0,5}} (?:does|do|did|has|have|is|are) not {_ADVERB}(?:{_TELLS}|said|told)\b",
    rf"\b{_BOOK}(?: [\w'-]+){{0,4}} (?:never|nowhere) {_ADVERB}{_TELLS}s?\b",
    rf"\b{_BOOK}(?: [\w'-]+){{0,4}} (?:says?|said|tells?|gives?|has|have|holds?|contains?|knows?|mentions?|makes?"
    r"|states?|provides?)(?: (?:us|me))? (?:nothing|no\b|neither|none)",
    rf"\b{_BOOK}(?: [\w'-]+){{0,4}} (?:leaves?|left) (?:it|that|this)(?: [\w'-]+){{0,3}} (?:open|unsaid|out|unstated)",
    rf"\b{_BOOK}(?: [\w'-]+){{0,3}} (?:is|are|stays?|remains?) silent",
    rf"\b(?:it|that|this|which) (?:does|do|did) not {_ADVERB}(?:say|mention|state|specify|tell (?:us|me))\b",
    r"\bnot enough information\b|\binsufficient information\b|\black(?:s|ing)?(?: any)? (?:\w+ )?information\b",
    rf"\b(?:outside|beyond|out of) (?:[\w'-]+ ){{0,4}}(?:scope|knowledge|{_BOOK})\b",
)
_NOT_IN_BOOK = (
    rf"\b(?:is|are|was|were|been) (?:not|never|nowhere) {_ADVERB}(?:{_TOLD}|{_FOUND})(?: \w+)? {_IN_BOOK}",
    rf"\b(?:is|are|was|were|been) (?:not|never|nowhere) {_ADVERB}(?:stated|mentioned|specified|disclosed|indicated"
    r"|provided|known|revealed)(?: anywhere| here| explicitly| directly| at all| there| to (?:me|us))*\.?$",
    r"\b(?:it|that|this|information|answer|detail|name|reason|number|date|question) (?:is|was|has) (?:not|never"
    rf"|nowhere) {_ADVERB}(?:been )?(?:{_TOLD}|{_FOUND})\b",
    rf"\b(?:is|are|was|were|does|do|did|will|can) not {_ADVERB}(?:be |a part of |part of |appear |occur |stand |turn"
    rf" up |something |anything |found |mentioned |figure |feature |come up |exist ){{0,2}}{_IN_BOOK}",
    rf"\b(?:nothing|no one|nobody|none|nowhere|no (?:[\w'-]+ ){{1,5}})(?: ?[\w'-]+){{0,6}} {_IN_BOOK}\b",
    r"^(?:no one|nobody|no (?:[\w'-]+ ){1,5}?)(?:by|with|of) (?:that|this|such a) name",
    rf"^there (?:is|are|was|were) (?:no|not any|nothing|nobody|no one)\b.* {_IN_BOOK}",
    r"^no (?:[\w'-]+ ){1,5}?(?:is|are|was|were) (?:ever )?(?:mentioned|named|stated|given|described|recorded|listed"
    r"|specified|provided)\b",
    r"\b(?:question|that|this|it)(?: \w+){0,3} (?:can not|could not|may not) be (?:answered|determined|known|found|told"
    r"|said|inferred|established)",
    r"\b(?:remains?|is|are|was|were) (?:unknown|unstated|unspecified|unclear|uncertain|undisclosed|unanswered"
    r"|left (?:open|unsaid))\b",
    r"\bnot (?:within|part of|covered by|among) (?:[\w'-]+ ){0,3}(?:scope|knowledge|book|text|source|document)",
)
_DECLINES = tuple(re.compile(wording) for wording in _I_DECLINE + _BARE + _BOOK_DECLINES + _NOT_IN_BOOK)
_FILLER = frozenset(
    words(
        "i we you me us my your our it its is are was be am been do does did can could may might must will would shall "
        "should have has had sorry apologise apologize apology afraid unfortunately regret regrettably however "
        "but although though so and or as for of to in on at by from with about that this these those such there here "
        "then if any anything more other else not no well please thank thanks ask again question questions provide "
        "provided consult check refer book text passage document manual handbook story source context answer answers "
        "answering information detail help assist know knowledge only just based given according asked asking "
        "mention mentioned say said name find found look need needed like let try ai model language assistant "
        "which what when where who whom whose why how therefore because since further additional available able"
    )
)
_OPENER = re.compile(
    r"^(?:and |but |so )?(?:as (?:for|to|far as|an)|regarding|about|concerning|with (?:regard|respect|reference)|in|on"
    r"|at|according|based|from|given|unfortunately|although|though|while|since|because|if|you asked|of|for"
    r"|the question)\b"
)
_TAIL = re.compile(r"^(?:or|nor|neither)\b")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_PIECE = re.compile(
    r"\s*[,;:()\"]\s*|\s+-+\s+|\s+(?=(?:but|however|except|apart from|only that|although|though|yet|perhaps|maybe)\b)"
    r"|(?<=\w)[.!?]+\s*$"
)


def acts(response: str, question: str = "") -> list[Act]:
    """What each piece of a response does, in order. ``question`` lets its own words and numbers pass as no value."""
    asked = set(words(question))
    found: list[Act] = []
    for sentence in _SENTENCE.split(plain(response)):
        pieces = [piece.strip() for piece in _PIECE.split(sentence) if piece and piece.strip(" .!?'*-")]
        after = "declines" in found
        for piece, act in zip(pieces, _sentence_acts(pieces, asked), strict=True):
            bare_no = set(words(piece)) - {"but", "so", "and", "well"} == {"no"}
            found.append("asserts" if after and bare_no else act)  # "I do not know, but no"
            after = after or act == "declines"
    return found


def declines(text: str) -> bool:
    """Whether some piece of the text has a refusal's wording, whatever else is said."""
    return "declines" in acts(text)


def _sentence_acts(pieces: list[str], asked: set[str]) -> list[Act]:
    found = [_piece_act(piece, asked) for piece in pieces]
    if "declines" not in found:
        return found
    first, last = found.index("declines"), len(pieces)
    while last and not _TAIL.match(pieces[last - 1]):
        last -= 1
    for number, piece in enumerate(pieces):
        listed = first < number < last  # "does not mention a well, a kiln, or a mill"
        led_in = number < first and bool(_OPENER.match(piece))  # "As for Odo Marrick, the book …"
        if found[number] == "asserts" and (listed or led_in) and not _new_number(piece, asked):
            found[number] = "filler"
    return found


def _piece_act(piece: str, asked: set[str]) -> Act:
    if any(pattern.search(piece) for pattern in _DECLINES):
        return "asserts" if asked and _new_number(piece, asked) else "declines"
    return "filler" if set(words(piece)) <= _FILLER else "asserts"


def _new_number(piece: str, asked: set[str]) -> bool:
    """Whether a figure stands there that the question did not have ('one' and ordinals are seldom values)."""
    return any(word[-1].isdigit() and word not in asked and word != "1" for word in words(piece))
