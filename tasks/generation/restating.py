"""Parsed tokens back to text that can stand alone: pronouns replaced by the name of what they stand for.

    "It is emptied every 90 days."    (after: "... the cistern, a cedar tank ...")
    -> "The cistern is emptied every 90 days."
    "I lent him my own scarf."        (said aloud by Gervase Pim)
    -> 'Gervase Pim said, "I lent him my own scarf."'

Of what is written between ``begin`` and the next one, ``resolved`` says whether every pronoun stood for something
known, and ``reach`` how far back in the text the names lie that they were replaced by: where the evidence begins.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from spacy.tokens import Doc, Token

from tasks.generation.discourse import Entity
from tasks.generation.lexicon import COLOURS
from tasks.generation.phrases import Phrase, described_by, noun_tokens, possessive, tidy
from tasks.generation.pronouns import anticipates, each_before
from tasks.generation.referents import Referents, is_pronoun, stands_for_a_place

FEWEST_SAID = 4
"""Words of what is said aloud that say something."""
FARTHEST = 1500
"""Characters before its sentence in which the name lies that a pronoun is replaced by."""
CLOSED = {"DET", "ADP", "PRON", "SCONJ", "CCONJ", "ADV", "NUM"}

INITIAL = re.compile(r"[A-Z]\.")
"""What the parser takes for an initial; at the end the full stop is the sentence's own: "the office is in Block D."."""


class Restater:
    """Writes what the tokens of one document say, a segment at a time; ``referents`` follows the same segments."""

    def __init__(self, text: str, referents: Referents) -> None:
        self.offset = 0
        self.sentence = (0, 0)
        self.reach = 0
        self.resolved = True
        self._referents = referents
        self._lowercase = set(re.findall(r"(?<![A-Za-z])[a-z][a-z-]*", text))
        self._capital = set(re.findall(r"(?<=[a-z,] )[A-Z][\w-]*|\b[A-Z][\w-]+(?= [A-Z][a-z])", text))
        self._resolving: set[int] = set()
        self._said: set[Entity] = set()
        self._whole = False

    def open(self, offset: int, sentence: tuple[int, int]) -> None:
        """Go on to the segment that starts at ``offset`` characters, within a sentence of so many to so many."""
        self.offset, self.sentence = offset, sentence

    def worded(self, head: Token, joined: bool) -> Phrase | None:
        """A noun's phrase as others may call it, or None where a pronoun in it stands for nothing known."""
        self.begin()
        phrase = self.phrase(head, "mention", short=True, joined=joined)
        return phrase if self.resolved else None

    def recital(self, doc: Doc) -> str:
        """The whole segment with its pronouns resolved, or '' where one could not be."""
        self.begin()
        self._whole = True
        text = self.join(list(doc))
        self._whole = False
        if not self.resolved or not text:
            return ""
        closed = text if text.endswith((".", "!", "?", '"', "\u201d")) else text + "."
        return closed[:1].upper() + closed[1:]

    def said_aloud(self, doc: Doc) -> str:
        """What somebody says: 'Gervase Pim said, "I lent him my own scarf."'; '' where nobody can tell who."""
        self.begin()
        speaker, said = self._referents.dialogue.speaker, " ".join(doc.text.split()).strip('"\u201c\u201d\u2018\u2019 ')
        if speaker is None or len(said.split()) < FEWEST_SAID or self.sentence[0] - speaker.offset > FARTHEST:
            return ""
        self.draw_on(speaker.offset)
        return f'{speaker.called[:1].upper()}{speaker.called[1:]} said, "{said.rstrip(",")}"'

    def begin(self) -> None:
        """Start a text: nothing in it has been named yet."""
        self.reach, self.resolved, self._said = self.sentence[0], True, set()

    def draw_on(self, offset: int) -> None:
        """What is being written rests on what stands at ``offset`` characters of the text, too."""
        self.reach = min(self.reach, offset)

    def spoken(self, token: Token) -> bool:
        """Whether a token is said aloud by somebody in the text."""
        return self._referents.spoken(self.offset + token.idx)

    def _word(self, token: Token) -> str:
        """One token's text: pronouns resolved, a sentence's first word in lower case unless it is a name."""
        lowered = token.lower_
        if token.i in self._resolving:  # a pronoun inside the very phrase that it might stand for
            self.resolved = False
            return token.text
        if is_pronoun(token):
            return self._resolve(token, lowered)
        if stands_for_a_place(token) and not self._whole and not self.spoken(token):
            return self._referents.called.get(token.i) or token.text
        if token.i in self._referents.of:
            self._said.add(self._referents.of[token.i])
        if token.tag_ == "WP$" and not self._whole and (described := described_by(token)) is not None:
            with self._resolving_of(token):
                return possessive(self.phrase(described, "mention", short=True).text)
        if token.tag_ in ("WDT", "WP") and (described := described_by(token)) is not None and described.i < token.i:
            return token.text
        begins = self.offset == self.sentence[0]  # behind a semicolon, a capital proves a name
        if begins and _opens(token) and token.text[:1].isupper() and self._common(token):
            return token.text[:1].lower() + token.text[1:]
        return token.text

    def _common(self, token: Token) -> bool:
        if (not token.text[1:].islower() and len(token.text) > 1) or token.lower_ == "i":
            return False  # "GNU", "V-101"
        following = token.nbor(1) if token.i + 1 < len(token.doc) else None
        named = following is not None and following.text[:1].isupper() and token.pos_ not in CLOSED
        name = token.text in self._capital and token.pos_ not in CLOSED
        known = token.lower_ in self._lowercase or (token.tag_[:3] != "NNP" and not name)
        return known and not named and token.ent_type_ != "PERSON"

    @contextmanager
    def _resolving_of(self, token: Token) -> Iterator[None]:
        self._resolving.add(token.i)
        try:
            yield
        finally:
            self._resolving.remove(token.i)

    def _resolve(self, token: Token, lowered: str) -> str:
        """A pronoun's text: what it stands for, or itself where that has been said in the same breath."""
        if self.spoken(token) or (token.tag_ == "PRP$" and each_before(token)):
            return token.text  # "three kilns, each with its own fuel"
        if anticipates(token):
            self.resolved = self.resolved and self._whole  # the sentence stands, a clause of it does not
            return token.text
        entity = self._referents.of.get(token.i)
        if entity is None or self.sentence[0] - entity.offset > FARTHEST:
            self.resolved = False
            return token.text
        if entity in self._said:
            return token.text
        self._said.add(entity)
        self.draw_on(entity.offset)
        called = self._referents.called[token.i]
        white = token.head.lower_ in COLOURS and token.head.i == token.i + 1  # "they painted her white"
        return possessive(called) if token.tag_ == "PRP$" and not white else called

    def join(self, tokens: Iterable[Token]) -> str:
        """The text of tokens in order; those that do not follow each other stand a blank apart."""
        out, last = "", None
        for token in tokens:
            if last is not None and token.i != last.i + 1 and not out.endswith(" "):
                out += " "
            out += self._word(token) + token.whitespace_
            last = token
        text = tidy(out)
        closing = last is not None and last.i + 1 == len(last.doc) and INITIAL.fullmatch(last.text)
        return text.removesuffix(".") if closing else text

    def phrase(self, head: Token, role: str, *, short: bool = False, joined: bool = False) -> Phrase:
        """A noun with what belongs to it, as ``noun_tokens`` has it."""
        return self.of(noun_tokens(head, short=short, joined=joined), head, role)

    def of(self, tokens: Sequence[Token], head: Token, role: str) -> Phrase:
        """The phrase that just these tokens make."""
        text = self.join(tokens)
        return Phrase(text, head, tuple(tokens), role, bare=text)


def _opens(token: Token) -> bool:
    """Whether a word is the first of its segment, dashes and bullets aside."""
    return token.is_alpha and all(other.is_punct and not other.is_quote for other in token.doc[: token.i])
