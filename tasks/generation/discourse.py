"""Who and what a text speaks of, and which of it a pronoun stands for.

    "Ada Quorn keeps a dog. It sleeps in the bow. Her sister, the miller, feeds it."
    It -> a dog     Her -> Ada Quorn     it -> a dog       (and "the miller", from here on, is her sister)

An entity is all that is called by one name: "a man on a mule", "he", and "Ebbin Strake" once the text has said that he
is. How much each stands in the foreground follows Lappin and Leass (1994, Computational Linguistics 20(4), section
2.3): a mention counts by its place in the sentence, and all that was said before counts less with each sentence. What
differs: it fades faster than by half, so that what the last sentence says comes first (centering: Grosz, Joshi and
Weinstein 1995), and what people say to each other counts little for what the text says of them.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from spacy.tokens import Token

from tasks.generation.lexicon import TIME_UNITS, VESSELS
from tasks.generation.phrases import Number, Phrase, definite, gender, is_person, number_of

RECENCY, SUBJECT, EXISTENTIAL, OBJECT, OBLIQUE, HEAD = 100.0, 80.0, 70.0, 50.0, 40.0, 80.0
"""Weights of a mention (Lappin and Leass 1994, table 1); ``HEAD``: not inside another noun phrase."""
SUBORDINATE = 65.0
"""For the subject of a clause that is not the main one, or one beside it."""
MAIN = {"ROOT", "conj", "parataxis", "ccomp"}
INTRODUCED = 160.0
"""For a thing that is told about at the end of its sentence: "runs to the cistern, a cedar tank"."""
OWNER = 150.0
"""For the subject of the clause, where the pronoun is a possessive: "the warden learned his trade"."""
PARALLEL = 1.15
"""For a subject that a subject takes up again."""
OF_ITS_GENDER = 1.2
"""For somebody who is known to be a "she" where that is said, before one who may be."""
NAMED = 1.15
"""For somebody with a name, before "a miller"."""
TAKEN_UP = 60.0
"""For what a pronoun stands for: the text goes on about it (centering, rule 1)."""
FADING = 0.4
"""What is left of a salience after each sentence (0.5 in Lappin and Leass); a part up to a semicolon counts as one."""
SPOKEN = 0.5
"""Share of its weight that a mention has in direct speech."""
FORGOTTEN = 2.0
"""Salience below which a thing is no longer meant: six sentences without a word of it."""
LONG_FORGOTTEN = 0.1
"""The same for a person, who is known again by name: nine sentences."""
MOST = 60
"""Entities kept in mind."""
THEY, IT = {"they", "them", "their", "theirs"}, {"it", "its"}
SHE = {"she", "her", "hers"}
OPEN = {"any", "either", "neither", "no", "none", "nobody", "one", "which", "what", "whatever"}
"""First words of phrases that name nobody in particular."""
INDEFINITE = re.compile(r"^(?:only )?(?:an?|one|another) (?=[a-z])", re.IGNORECASE)


@dataclass(slots=True, eq=False)
class Entity:
    """What one name, its nouns and its pronouns stand for; ``offset`` is that of the sentence that calls it so.

    One that is ``passing`` is nobody in particular: a later sentence does not come back to "no clerk" or "one rower".
    """

    phrase: Phrase
    offset: int
    number: Number
    names: set[str] = field(default_factory=set)
    nouns: set[str] = field(default_factory=set)
    modifiers: set[str] = field(default_factory=set)
    person: bool = False
    made: bool = False
    gender: str = ""
    subject: bool = False
    passing: bool = False
    past: float = 0.0
    now: float = 0.0
    latest: int = 0

    @property
    def called(self) -> str:
        """What stands for it where it is meant again: "a letter" is the letter from its second mention on."""
        text, first = self.phrase.text, self.phrase.tokens[0]
        if first.tag_ in ("DT", "PRP$", "CD"):
            text = text[:1].lower() + text[1:]
        return f"the {text}" if first.tag_ == "CD" else INDEFINITE.sub("the ", text, count=1)

    @property
    def salience(self) -> float:
        """How much it stands in the foreground."""
        return self.past + self.now

    def learn(self, head: Token) -> None:
        """Take in what a noun tells of it: its kind and its gender."""
        self.nouns.add(head.lemma_.lower())
        self.modifiers |= _modifiers(head)
        self.person = self.person or is_person(head)
        self.made = self.made or bool(head._.made)
        told = gender(head)
        if not self.gender and told in ("male", "female"):
            self.gender = told

    def fits(self, pronoun: str) -> bool:
        """Whether a third-person pronoun may stand for it."""
        if self.number != ("plural" if pronoun in THEY else "singular"):
            return False
        if pronoun in THEY | IT and _timely(self.phrase.head):
            return False
        if pronoun in THEY | IT:
            amount = self.phrase.head.ent_type_ in ("CARDINAL", "QUANTITY", "PERCENT")
            return pronoun in THEY or not (self.person or amount)
        if pronoun in SHE and self.nouns & VESSELS:
            return True  # "they built a boat and painted her white"
        wanted = "female" if pronoun in SHE else "male"
        return self.gender == wanted if self.made else self.person and self.gender in ("", wanted)


class Discourse:
    """The entities of a text as far as it has been read."""

    def __init__(self) -> None:
        self.entities: list[Entity] = []
        self.subjects: list[tuple[Phrase, int]] = []
        self._mentions = 0

    def fade(self, *, ended: bool) -> None:
        """Let everything said so far fade, at the end of a sentence or of its part up to a semicolon."""
        for entity in self.entities:
            entity.past, entity.now = FADING * entity.salience, 0.0
        left = [entity for entity in self.entities if not (entity.passing and ended)]
        kept = [entity for entity in left if entity.person or entity.past >= FORGOTTEN]
        self.entities = sorted(kept, key=lambda entity: entity.past)[-MOST:]
        self.subjects = self.subjects[-24:]

    def mention(self, phrase: Phrase, offset: int, number: Number, weight: float) -> Entity:
        """Note a noun phrase: of an entity that it names again, or of a new one."""
        entity = self._known(phrase, number)
        if entity is None:
            entity = Entity(phrase, offset, number, passing=phrase.tokens[0].lower_ in OPEN)
            self.entities.append(entity)
        elif phrase.head.pos_ == "PROPN" or not entity.names:
            entity.phrase, entity.offset = phrase, offset
        entity.names |= _names(phrase)
        entity.learn(phrase.head)
        self.again(entity, weight, subject=phrase.head.dep_ in ("nsubj", "nsubjpass"))
        return entity

    def again(self, entity: Entity, weight: float, *, subject: bool) -> None:
        """Note that an entity is spoken of once more: each counts once a sentence, by its weightiest place."""
        self._mentions += 1
        entity.latest = self._mentions
        if weight > entity.now:
            entity.now, entity.subject = weight, subject

    def rename(self, entity: Entity, name: Phrase, offset: int) -> None:
        """Call an entity by its name from here on: "a man on a mule ... He was Ebbin Strake"."""
        other = self._known(name, "singular")
        if other is not None and other is not entity:
            entity.past, entity.now = max(entity.past, other.past), max(entity.now, other.now)
            entity.nouns |= other.nouns
            self.entities.remove(other)
        entity.phrase, entity.offset = name, offset
        entity.names |= _names(name)
        entity.learn(name.head)

    def antecedent(
        self, pronoun: str, *, barred: Collection[Entity], owner: Entity | None, subject: bool
    ) -> Entity | None:
        """The entity in the foreground that a pronoun may stand for.

        Args:
            pronoun: in small letters.
            barred: those that it cannot be, such as the subject of the verb whose object it is.
            owner: the subject of its clause, if it is a possessive.
            subject: whether the pronoun is one, which speaks for an entity that was a subject too.
        """
        present = [entity for entity in self.entities if entity not in barred and entity.salience >= LONG_FORGOTTEN]
        options = [entity for entity in present if entity.fits(pronoun)]
        if not options:
            return None

        def weight(entity: Entity) -> tuple[float, int]:
            weight = entity.salience + OWNER * (entity is owner)
            weight *= PARALLEL if subject and entity.subject else 1.0
            if pronoun not in THEY | IT:
                weight *= (OF_ITS_GENDER if entity.gender else 1.0) * (NAMED if entity.names else 1.0)
            return weight, entity.latest

        found = max(options, key=weight)
        if pronoun not in THEY | IT and not found.gender:
            found.gender = "female" if pronoun in SHE else "male"
        return found

    def knows(self, phrase: Phrase) -> bool:
        """Whether a phrase names an entity that was spoken of before."""
        return self._known(phrase, number_alone(phrase.head)) is not None

    def _known(self, phrase: Phrase, number: Number) -> Entity | None:
        return next((entity for entity in reversed(self.entities) if _same(entity, phrase, number)), None)


def _same(entity: Entity, phrase: Phrase, number: Number) -> bool:
    """Whether a noun phrase names an entity again: part of its name, or its noun with an article."""
    if number != entity.number:
        return False
    if names := _names(phrase):
        part = bool(entity.names) and (names <= entity.names or entity.names <= names)
        return part and (entity.person or phrase.head.lemma_.lower() in entity.nouns)  # "the Works", not "Quarrelbeck"
    if phrase.head.pos_ == "PROPN" or not definite(phrase.head):
        return phrase.text.lower() == entity.phrase.text.lower()
    owned = any(token.tag_ in ("PRP$", "POS") for token in phrase.tokens)
    if owned:
        return phrase.text.lower() == entity.phrase.text.lower()
    told = _modifiers(phrase.head)
    return phrase.head.lemma_.lower() in entity.nouns and not (
        told and entity.modifiers and told.isdisjoint(entity.modifiers)
    )


def _timely(head: Token) -> bool:
    return head.lemma_.lower() in TIME_UNITS | {"time"} or head.ent_type_ in ("DATE", "TIME")


def _names(phrase: Phrase) -> set[str]:
    """The words of a proper name; none where a common noun heads the phrase."""
    if phrase.head.pos_ != "PROPN":
        return set()
    return {token.text for token in phrase.tokens if token.pos_ == "PROPN" and token.text[:1].isupper()}


def _modifiers(head: Token) -> set[str]:
    return {child.lemma_.lower() for child in head.lefts if child.dep_ in ("amod", "compound", "nummod")}


def emphasis(token: Token) -> float:
    """What a mention counts for by its place in its clause."""
    weight = RECENCY
    if token.dep_ in ("nsubj", "nsubjpass"):
        weight += SUBJECT if token.head.dep_ in MAIN else SUBORDINATE
    elif token.dep_ == "poss" and token.head.dep_ in ("nsubj", "nsubjpass") and not is_person(token.head):
        return weight + SUBORDINATE + HEAD  # "Anselm's heart had stopped while he was splitting kindling"
    elif token.dep_ == "attr" and any(child.dep_ == "expl" for child in token.head.children):
        weight += EXISTENTIAL
    else:
        weight += OBJECT if token.dep_ == "dobj" else OBLIQUE
    embedded = any(up.pos_ in ("NOUN", "PROPN") for up in token.ancestors) and token.dep_ != "conj"
    return weight + HEAD * (not embedded)


def number_alone(head: Token) -> Number:
    """The number of a noun without those that are coordinated with it."""
    if any(child.dep_ == "conj" for child in head.children):
        return "plural" if head.tag_ in ("NNS", "NNPS") else "singular"
    return number_of(head)
