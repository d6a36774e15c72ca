"""A parsed segment to what its nouns and pronouns stand for, read from left to right.

    "Tamrin kept no animal, but she whistled."     {0: Tamrin, 3: no animal, 6 ("she"): Tamrin}

What the text says of names is kept with their entity: appositions ("her deputy, Odo Marrick"), naming ("a captain
called Joram"), and identity ("He was Ebbin Strake").
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator

from spacy.tokens import Doc, Token

from tasks.generation.clauses import spoken_spans
from tasks.generation.dialogue import SAYING, Dialogue
from tasks.generation.discourse import (
    HEAD,
    INTRODUCED,
    IT,
    RECENCY,
    SPOKEN,
    SUBJECT,
    TAKEN_UP,
    THEY,
    Discourse,
    Entity,
    emphasis,
    number_alone,
)
from tasks.generation.lexicon import BODY, PLACES
from tasks.generation.phrases import Phrase, described_by, has_subject, is_person, noun_tokens, number_of
from tasks.generation.pronouns import (
    PRONOUNS,
    anticipates,
    each_before,
    governing_subject,
    governor,
    presents,
    tells_the_weather,
)

Worded = Callable[[Token, bool], Phrase | None]
"""A noun's phrase with its pronouns resolved, the nouns coordinated with it or not; None where one stands for nothing
known."""
MENTIONED = {"nsubj", "nsubjpass", "dobj", "dative", "attr", "pobj", "poss", "appos", "oprd", "ROOT", "conj"}
PARAGRAPH = re.compile(r"\n\s*\n")
NAMING = {"call", "name", "christen", "nickname"}
WHERE = {"in": "in", "at": "at", "to": "at", "into": "in", "from": "at", "inside": "in"}
"""Prepositions of places, and how somebody is "there" then."""
NEAR = 300
"""Characters before its sentence in which a place was named that is "there"."""
AT_ANOTHER = {"to", "for", "at", "from", "by", "of", "on", "against"}
"""Prepositions whose object is not the subject again: "she looked at her", not "she kept it beside her"."""


class Referents:
    """What the tokens of the latest segment stand for (``of``), and what that is ``called`` in a pronoun's place."""

    def __init__(self, text: str) -> None:
        self.discourse = Discourse()
        self.of: dict[int, Entity] = {}
        self.called: dict[int, str] = {}
        self._place, self._placed = "", 0
        self._text = text
        self._spoken = sorted(spoken_spans(text))
        self.dialogue = Dialogue()
        self._read = 0
        self._sentence = 0
        self._offset = 0
        self._answered = False

    def spoken(self, place: int) -> bool:
        """Whether a place of the document lies in direct speech."""
        before = bisect_right(self._spoken, (place, len(self._text)))
        return before > 0 and place < self._spoken[before - 1][1]

    def follow(self, doc: Doc, offset: int, sentence: int, worded: Worded) -> None:
        """Read a segment: ``offset`` is its place in the document, ``sentence`` that of its sentence."""
        self.discourse.fade(ended=sentence != self._sentence)
        self._answered = bool(self._spoken) and self.spoken(self._offset)
        self.of, self.called, self._sentence, self._offset = {}, {}, sentence, offset
        told = any(token.is_alpha and not self.spoken(offset + token.idx) for token in doc)
        if PARAGRAPH.search(self._text, self._read, offset):
            self.dialogue.new_paragraph()
        if not told and (speaker := self.dialogue.aloud()) is not None:
            self.discourse.again(speaker, RECENCY + SUBJECT + HEAD, subject=True)
        for token in _as_they_end(doc):
            if token.lower_ == "there":
                self.called[token.i] = self._place if self._sentence - self._placed <= NEAR else ""
            elif is_pronoun(token):
                self._stand(token)
            else:
                self._mention(token, worded)
        for place, entity in self.of.items():
            if entity.person and doc[place]._.gender in ("", "thing"):
                doc[place]._.gender = entity.gender or "person"  # who, not what: forms ask the token
        if told:
            self._listen(doc)
        self._read = offset + len(doc.text)

    def _listen(self, doc: Doc) -> None:
        """Note who says what a segment quotes ("asked Wenna"), or whom it tells of."""
        spoken = [self.spoken(self._offset + token.idx) for token in doc]
        for token in doc:
            behind = token.dep_ == "dobj" and token.left_edge.i == token.head.i + 1  # "asked Ada Quorn"
            says = token.head.lemma_.lower() in SAYING and not spoken[token.i] and any(spoken)
            if says and (token.dep_ == "nsubj" or behind) and token.i in self.of:
                self.dialogue.attributed(self.of[token.i])
                return
        subjects = [token for token in doc if token.dep_ in ("nsubj", "nsubjpass") and token.head.dep_ == "ROOT"]
        self.dialogue.narrated(next((self.of[token.i] for token in subjects if token.i in self.of), None))

    def subject_of(self, token: Token) -> Entity | None:
        """The subject of the clause round a word, a relative pronoun being what it describes."""
        subject = governing_subject(token)
        if subject is None:
            return None
        described = described_by(subject) if subject.tag_ in ("WDT", "WP") else None
        return self.of.get((described or subject).i)

    def _weight(self, token: Token) -> float:
        return emphasis(token) * (SPOKEN if self.spoken(self._offset + token.idx) else 1.0)

    def _stand(self, token: Token) -> None:
        if self._answered and _identifies(token):
            return  # "That's Father's," she said. They were the first words that …
        if not _refers(token) or (self.spoken(self._offset + token.idx) and token.lower_ not in THEY | IT):
            return
        owner, owned = self.subject_of(token), token.tag_ == "PRP$"
        barred = [owner] if owner is not None and _is_another(token) else []
        barred += [self.of[other.i] for other in _beside(token) if other.i in self.of]
        if self.dialogue.silent is not None and token.lower_ in ("he", "she"):
            barred.append(self.dialogue.silent)  # "Is he here?" asked Wenna. / "No, never." She gave them brandy.
        found = self.discourse.antecedent(
            token.lower_,
            barred=barred,
            owner=owner if owned else None,
            subject=token.dep_ in ("nsubj", "nsubjpass"),
        )
        if found is not None:
            self.of[token.i], self.called[token.i] = found, found.called
            self.discourse.again(found, self._weight(token) + TAKEN_UP, subject=token.dep_ in ("nsubj", "nsubjpass"))

    def _mention(self, token: Token, worded: Worded) -> None:
        if (known := self._same_thing(token)) is not None:
            if token.pos_ != "PROPN":
                known.learn(token)
            elif (name := worded(token, False)) is not None:
                self.discourse.rename(known, name, self._sentence)
            self.of[token.i] = known
            return
        if _predicated(token):
            return
        alone = worded(token, False)
        if alone is None:
            return
        if self.spoken(self._offset + token.idx) and is_person(token) and not self.discourse.knows(alone):
            return  # "Did he seem like a thief?": nobody has been told of
        weight = self._weight(token) + INTRODUCED * _introduced(token)
        if presented := token.dep_ == "attr" and token.pos_ == "PROPN":
            weight += SUBJECT
        self.of[token.i] = self.discourse.mention(alone, self._sentence, number_alone(token), weight)
        staying = WHERE.get(token.head.lower_) if token.dep_ == "pobj" and is_place(token) else None
        if staying and not self.spoken(self._offset + token.idx):
            self._place, self._placed = f"{staying} {self.of[token.i].called}", self._sentence
        together = worded(token, True) if any(child.dep_ == "conj" for child in token.children) else alone
        if together is not None and together is not alone and _of_a_kind(token):
            self.discourse.mention(together, self._sentence, "plural", weight)
        if together is not None and (token.dep_ in ("nsubj", "nsubjpass") or presented):
            self.discourse.subjects.append((together, self._sentence))

    def _same_thing(self, token: Token) -> Entity | None:
        """The entity that an apposition, a name behind "called", or the complement of "was" tells more of."""
        if token.dep_ == "appos":
            apart = token.pos_ == token.head.pos_ and (
                token.pos_ == "PROPN" or is_person(token) != is_person(token.head)
            )
            return None if apart else self.of.get(token.head.i)
        verb = token.head
        if token.dep_ == "oprd" and verb.lemma_.lower() in NAMING:
            if verb.dep_ == "acl":
                return self.of.get(verb.head.i)
            called = next((child for child in verb.children if child.dep_ in ("dobj", "nsubjpass")), None)
            return self.of.get(called.i) if called is not None else None
        if token.dep_ == "attr" and verb.lemma_ == "be" and not any(child.dep_ == "neg" for child in verb.children):
            subject = governing_subject(token)
            if subject is None or subject.lower_ in ("it", "they") or number_of(token) != "singular":
                return None
            entity = self.subject_of(token)
            fitting = token.pos_ != "PROPN" or (entity is not None and entity.person)
            return entity if fitting and (token.pos_ == "PROPN" or _the(token)) else None
        return None


def is_pronoun(token: Token) -> bool:
    """Whether a token is a third-person pronoun that stands for something."""
    third = token.lower_ in PRONOUNS and token.tag_ in ("PRP", "PRP$") and token.dep_ != "expl"
    return third and not tells_the_weather(token)


def stands_for_a_place(token: Token) -> bool:
    """Whether a word is the "there" of "he keeps a dog there", not of "there is a dog"."""
    return token.lower_ == "there" and token.dep_ == "advmod"


def is_place(noun: Token) -> bool:
    """Whether a noun names a place: by the word list or by its label."""
    return noun.lemma_.lower() in PLACES - BODY or noun.ent_type_ in ("GPE", "LOC", "FAC")


def _refers(token: Token) -> bool:
    if anticipates(token) or presents(token) or token.lower_ in ("hers", "theirs"):
        return False  # "It was Corwin Asplehurst"; "she burned hers"
    return not (token.tag_ == "PRP$" and each_before(token))


def _identifies(token: Token) -> bool:
    """Whether "it" or "they" is said to be something: "it was a climb of six hours"."""
    told = any(child.dep_ == "attr" for child in token.head.children)
    return token.lower_ in ("it", "they") and token.dep_ == "nsubj" and token.head.lemma_ == "be" and told


def _is_another(token: Token) -> bool:
    """Whether a pronoun is an object of the verb whose subject it therefore is not."""
    subject = governing_subject(token)
    if subject is None or token.tag_ == "PRP$" or subject.i > token.i:
        return False
    beside = token.dep_ == "pobj" and token.head.lower_ in AT_ANOTHER
    return token.dep_ in ("dobj", "dative") or beside


def _beside(token: Token) -> list[Token]:
    """What a pronoun cannot be beside the subject of the verb that it is an argument of.

    An object before it ("sets fire to it"), a noun in the subject's phrase ("nine buttons of horn were left on it"), or
    who stands beside its subject in a participle ("Questioned by Mr Tulk, he denied it").
    """
    if token.tag_ == "PRP$" or not (token.head.pos_ in ("VERB", "AUX") or token.head.dep_ == "prep"):
        return []
    verb = governor(token)
    objects = [child for child in verb.children if child.dep_ in ("dobj", "dative") and child.i < token.i]
    subjects = [child for child in verb.children if child.dep_ in ("nsubj", "nsubjpass") and child.i < token.i]
    within = [word for subject in subjects for word in noun_tokens(subject, short=True) if word.i != subject.i]
    return [*objects, *within, *(_partners(verb) if token.dep_ in ("nsubj", "nsubjpass") else [])]


def _partners(verb: Token) -> list[Token]:
    """Whom or what a participle before a verb, which shares its subject, is done to or by."""
    opening = [child for child in verb.lefts if child.dep_ == "advcl" and child.tag_ in ("VBN", "VBG")]
    beside = [child for participle in opening if not has_subject(participle) for child in participle.children]
    agents = [word for child in beside if child.dep_ == "agent" for word in child.children]
    return [child for child in beside if child.dep_ == "dobj"] + agents


def _as_they_end(doc: Doc) -> Iterator[Token]:
    """Pronouns and nouns in the order in which their phrases end: "the wife of his brother" behind "his"."""
    found = []
    for token in doc:
        if is_pronoun(token) or stands_for_a_place(token):
            found.append((token.i, 0, token.i))
        elif token.pos_ in ("NOUN", "PROPN") and token.dep_ in MENTIONED:
            found.append((max(word.i for word in noun_tokens(token, short=True)), 1, token.i))
    for _, _, place in sorted(found):
        yield doc[place]


def _predicated(token: Token) -> bool:
    """Whether a noun says what something is and names nothing itself; what there is does: "there was a lantern"."""
    there = any(child.dep_ == "expl" for child in token.head.children)
    return token.dep_ in ("attr", "appos", "oprd") and token.pos_ != "PROPN" and not there


def _introduced(token: Token) -> bool:
    """Whether a thing is named where a segment ends, and told there what it is."""
    told = any(child.dep_ == "appos" and child.pos_ == "NOUN" for child in token.rights)
    return told and token.dep_ in ("pobj", "dobj") and token.i > governor(token).i and not is_person(token)


def _of_a_kind(first: Token) -> bool:
    """Whether what is coordinated with a noun is of its kind: "nine pupils and a bell" are not."""
    others = [child for child in first.children if child.dep_ == "conj"]
    return all(other.pos_ in ("NOUN", "PROPN") and is_person(other) == is_person(first) for other in others)


def _the(token: Token) -> bool:
    return any(child.lower_ == "the" or child.tag_ == "PRP$" for child in token.lefts)
