"""Who says what is said aloud: "…," said Pim names him, a new paragraph takes turns, and in one paragraph one speaks.

    "Is your father here?" asked Wenna.            Wenna
                                                                   (a paragraph of nothing but speech: not Wenna)
    "He lies behind the chapel."
    She brought them to the fire.                  "She" is not Wenna

Rules of English typography, one speaker a paragraph, as in attribution of quotations (Elson and McKeown 2010, AAAI,
section 4: their "apparent conversation").
"""

from dataclasses import dataclass

from tasks.generation.discourse import Entity

SAYING = set("add answer ask breathe call cry explain murmur mutter reply say shout sigh sob tell whisper".split())


@dataclass(slots=True)
class Dialogue:
    """``speaker`` says what is said aloud at this point of the text; None where nobody can tell."""

    speaker: Entity | None = None
    silent: Entity | None = None
    _last: Entity | None = None
    _other: Entity | None = None
    _named: bool = False
    _heard: bool = False

    def new_paragraph(self) -> None:
        """A paragraph begins; one in which nothing was said ends the conversation before it."""
        if not self._heard:
            self._last = self._other = None
        self.speaker, self._named, self._heard = None, False, False

    def attributed(self, entity: Entity) -> None:
        """The text says who speaks: "said Pim"."""
        self.speaker, self.silent, self._named, self._heard = entity, None, True, True
        self._turn(entity)

    def narrated(self, subject: Entity | None) -> None:
        """The text tells of somebody between what is said: what is said next in this paragraph is hers."""
        self.silent = None
        if not self._named and subject is not None and subject.person:
            self.speaker = subject

    def aloud(self) -> Entity | None:
        """A sentence of nothing but speech: return who says it."""
        if self.speaker is not None:
            self._turn(self.speaker)
        elif not self._heard:  # it opens a paragraph: the other one's turn
            last = self._last
            self.speaker, self.silent = self._other, last
            self._last, self._other = self._other, last
        self._heard = True
        return self.speaker

    def _turn(self, entity: Entity) -> None:
        if entity is not self._last:
            self._last, self._other = entity, self._last
