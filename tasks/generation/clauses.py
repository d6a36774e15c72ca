"""One predication as a record, and what makes a verb head one.

Clause(subject="the cistern", auxiliaries=("is",), verb_text="emptied", arguments=("every 90 days",))
.statement  ->  "The cistern is emptied every 90 days."
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from spacy.tokens import Token

from tasks.generation.lexicon import ABSTRACT, BELIEVING
from tasks.generation.phrases import Phrase, has_subject, is_person, restrictive, tidy

ASKING = {"ask", "decide", "explain", "know", "learn", "say", "tell", "wonder"}
QUOTED = re.compile(
    r'"[^"\n]*(?:\n[^"\n]+)*"|\u201c[^\u201d]*\u201d|(?<!\w)\u2018(?:[^\u2018\u2019]|\u2019(?=\w))*\u2019(?!\w)'
)
"""What stands in quotation marks, straight or curled, double or single; an apostrophe has a letter behind it."""
VERB_TAGS = {"VB", "VBD", "VBG", "VBN", "VBP", "VBZ", "MD"}
POINTERS = set(
    """
        that this there who which i we you these those both each one some others all none neither either
    """.split()
)
BEFORE_ORDERS = {"advcl", "advmod", "aux", "cc", "intj", "neg", "npadvmod", "prep", "punct"}
POLITE = {"let", "note", "remember", "see", "thank"}
"""Verbs of sentences that look like orders and ask for nothing: "Let us see", "Thank you", "See chapter 4"."""
SHORT = 3
DENYING = {"no", "not", "n't", "never", "neither", "nor", "nobody", "nothing", "none", "hardly", "without"}


@dataclass(frozen=True, slots=True)
class Clause:
    """One predication. Offsets are those of the document; ``evidence`` covers the antecedents of its pronouns too.

    ``recital`` is all that the text says in the same breath: the sentence, or its part up to a semicolon,
    with the pronouns resolved.
    """

    subject: Phrase
    auxiliaries: tuple[str, ...]
    negated: bool
    verb: Token
    verb_text: str
    particle: str
    adverb: str
    arguments: tuple[Phrase, ...]
    start: int
    end: int
    evidence: tuple[int, int]
    resolved: bool
    recital: str = ""

    @property
    def statement(self) -> str:
        """The clause as a sentence of its own."""
        parts = [self.subject.text, *self.verb_group(), *(argument.text for argument in self.arguments)]
        text = tidy(" ".join(part for part in parts if part))
        return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")

    def verb_group(self) -> list[str]:
        """Auxiliaries, negation, main verb and particle, in order."""
        negation = ["not"] if self.negated else []
        if not self.auxiliaries:
            return [self.adverb, self.verb_text, *negation, self.particle]
        head, *rest = self.auxiliaries
        return [head, *negation, *rest, self.adverb, self.verb_text, self.particle]


@dataclass(frozen=True, slots=True)
class Segment:
    """A sentence, or its part up to a semicolon: its span, the sentence it is of, its recital and its clauses.

    It is ``spoken`` where it holds nothing but what somebody says.
    """

    sentence: tuple[int, int]
    start: int
    end: int
    evidence: tuple[int, int]
    recital: str
    spoken: bool
    clauses: tuple[Clause, ...]


def own_fact(child: Token) -> bool:
    """A clausal child that stands as a fact of its own: a clause with its own subject and no marker."""
    marked = any(other.dep_ in ("mark", "advmod") and other.i < child.i for other in child.children)
    return has_subject(child) and not marked


def clausal_role(child: Token) -> str:
    """What a subordinate clause tells, by its marker: reason, purpose, condition, time, or the rest."""
    if child.dep_ == "xcomp":
        return "rest"  # "begins to fall": part of the predicate, not what it is for
    marker = next((t.lower_ for t in child.children if t.dep_ in ("mark", "advmod", "aux") and t.i < child.i), "")
    perfect = any(other.lemma_ == "have" and other.dep_ == "aux" for other in child.head.children)
    if marker == "since" and perfect:
        return "time"  # "she had sewn for the town since she was a girl"
    if marker == "when" and child.head.lemma_.lower() in ASKING:
        return "rest"  # "asked when the road would be open"
    roles = {
        "because": "reason",
        "for": "reason",
        "since": "reason",
        "so": "purpose",
        "to": "purpose",
        "if": "condition",
    }
    return roles.get(
        marker, "time" if marker in ("when", "until", "till", "before", "after", "while", "once") else "rest"
    )


def is_predicate(verb: Token) -> bool:
    """Whether a token heads a clause worth a fact: a finite verb, or a participle behind its noun."""
    if verb.pos_ not in ("VERB", "AUX") or verb.tag_ not in VERB_TAGS or verb.dep_ in ("aux", "auxpass", "xcomp"):
        return False
    first = verb
    while first.dep_ == "conj":
        first = first.head
    held = first.head.lemma_.lower() in BELIEVING or any(child.dep_ == "neg" for child in first.head.children)
    if first.dep_ == "ccomp" and held:
        return False  # "it was believed that tissues keep"; "this does not prove that they do"
    if verb.dep_ == "conj" and has_subject(verb) and any(t.dep_ == "cc" and t.lower_ == "or" for t in verb.head.rights):
        return False  # "never run both pumps, or the well will draw sand"
    return verb.dep_ in ("ROOT", "conj", "relcl", "ccomp", "parataxis", "acl") or (
        verb.dep_ == "advcl" and own_fact(verb)
    )


def is_order(verb: Token) -> bool:
    """Whether a verb tells the reader to do something: "Ring the desk", "In an emergency, do not run".

    It heads its segment, and nothing stands before it but what says when, where, or that it is not to be done.
    """
    children = list(verb.lefts)
    conditioned = any(child.dep_ == "advcl" for child in children) and verb.lower_ == verb.lemma_.lower()
    plain = verb.tag_ == "VB" or (conditioned and verb.tag_ in ("VBG", "VBP"))  # "if you are ill, ring the desk"
    if not plain or verb.dep_ != "ROOT" or verb.lemma_.lower() in POLITE or verb.doc.text.endswith("?"):
        return False
    helped = any(child.dep_ == "aux" and child.lower_ != "do" for child in children)
    bare = [child for child in verb.rights if child.dep_ == "dobj" and child.tag_ == "NN" and not list(child.lefts)]
    if bare and sum(token.is_alpha for token in verb.doc) <= SHORT:
        return False  # "Diffuse suppuration.", above a paragraph
    before = children[0].left_edge.i if children else verb.i
    opens = all(token.is_punct or token.is_space for token in verb.doc[:before])
    return opens and not helped and not has_subject(verb) and all(child.dep_ in BEFORE_ORDERS for child in children)


def auxiliaries_of(verb: Token, subject: Phrase) -> tuple[tuple[str, ...], bool]:
    """The auxiliaries of a verb, shared with the verb it is coordinated to, and whether it is negated."""
    found = [child for child in verb.children if child.dep_ in ("aux", "auxpass") and child.tag_ != "TO"]
    negated = any(child.dep_ == "neg" and child.lower_ != "never" for child in verb.children)
    words = tuple(full_form(child) for child in found)
    if not words and verb.dep_ == "conj" and verb.head.pos_ in ("VERB", "AUX") and not has_subject(verb):
        shared, denied = auxiliaries_of(verb.head, subject)
        words = _shared(verb, verb.head, shared)
        joined = any(child.dep_ == "cc" and child.lower_ in ("or", "nor", "and") for child in verb.head.rights)
        negated = negated or (bool(words) and denied and joined)  # "must not be handled or allowed to dry"
    if not words and verb.dep_ == "acl" and verb.tag_ == "VBN":
        past = any(token.tag_ == "VBD" for token in verb.doc)
        plural = subject.number == "plural"
        words = (("were" if plural else "was") if past else ("are" if plural else "is"),)
    return words, negated


def full_form(auxiliary: Token) -> str:
    """A verb's text in small letters, a contracted one in full: "'s" is "is"."""
    return {"'s": "is", "'ve": "have", "'d": "had", "'ll": "will", "ca": "can", "wo": "will", "'re": "are"}.get(
        auxiliary.lower_, auxiliary.lower_
    )


def _shared(verb: Token, first: Token, auxiliaries: tuple[str, ...]) -> tuple[str, ...]:
    """The auxiliaries a coordinated verb takes over: 'is worked and kept', not 'is made and takes'."""
    if not auxiliaries:
        return ()
    if verb.tag_ in ("VBN", "VBD") and first.tag_ == "VBN":
        return auxiliaries
    if verb.tag_ == "VBG" and first.tag_ == "VBG":
        return auxiliaries
    if verb.tag_ in ("VB", "VBP") and first.tag_ == "VB":
        return auxiliaries
    return ()


def slipped(verb: Token, subject: Phrase) -> bool:
    """Whether a clause reads as a slip of the parser rather than as English.

    Two subjects; a verb that does not agree ("a grade 4 wick to 6 millimetres"); a past tense coordinated to a passive
    that has an object of its own ("is run by Marnie, who serves smoked eel"); a subject behind a preposition ("and
    after a third lateness is sent to the Master").
    """
    children = list(verb.children)
    if verb.dep_ == "relcl" and verb.lower_ in ("is", "was", "has") and subject.number == "plural":
        return True  # "he put down two crowns, which was too much"
    if sum(child.dep_ in ("nsubj", "nsubjpass") for child in children) > 1:
        return True
    opening = min(token.i for token in subject.tokens)
    own = verb.dep_ in ("ROOT", "conj", "parataxis") and has_subject(verb)
    if own and 0 < opening < verb.i and verb.doc[opening - 1].pos_ in ("ADP", "SCONJ"):
        return True
    single = subject.head.tag_ == "NN" and not any(child.dep_ == "conj" for child in subject.head.children)
    if (
        verb.tag_ == "VBP"
        and verb.pos_ == "VERB"
        and single
        and any(child.dep_ == "det" for child in subject.head.lefts)
    ):
        return not any(child.dep_ in ("aux", "auxpass") for child in children)
    passive = any(child.dep_ == "auxpass" for child in verb.head.children)
    objects = any(child.dep_ == "dobj" for child in children)
    return verb.dep_ == "conj" and verb.tag_ in ("VBD", "VBN") and passive and objects and not has_subject(verb)


def loses_negation(verb: Token, kept: Collection[Token]) -> bool:
    """Whether a word that denies the clause would be left out of it, which would turn it round.

    Args:
        verb: the clause's verb.
        kept: the words of its phrases; a plain "not" of the verb's own is kept apart.
    """
    places = {token.i for token in kept}
    for token in verb.subtree:
        if token.lower_ not in DENYING or token.i in places or (token.dep_ == "neg" and token.head.i == verb.i):
            continue
        up = token.head
        while up.i != verb.i and not is_predicate(up):
            up = up.head
        if up.i == verb.i:
            return True
    return False


def tells(token: Token) -> bool:
    """Whether an apposition says what its noun is: one noun, set off by a comma or a bracket, no amounts, no list."""
    noun = token.head
    if token.dep_ != "appos" or token.lower_ in POINTERS | {"one", "ones"} or token.i == noun.i + 1:
        return False
    if any(word.pos_ not in ("NOUN", "PROPN") for word in (token, noun)):
        return False
    first = min(word.i for word in token.subtree)
    if noun.pos_ == token.pos_ == "NOUN" and is_person(noun) != is_person(token):
        return False  # "gave them plum brandy, even the girl"
    set_off = first > 0 and token.doc[first - 1].text in (",", "(", "\u2014", "\u2013")
    listed = sum(child.dep_ in ("appos", "conj") for child in noun.children) > 1
    listed = listed or any(child.dep_ in ("conj", "appos") for child in token.children)
    amounts = any(child.dep_ == "nummod" for word in (token, noun) for child in word.lefts)
    said = any(
        child.dep_ in ("det", "poss", "predet") or child.pos_ == "PROPN"
        for word in (token, noun)
        for child in word.lefts
    )
    return set_off and said and not listed and not amounts


def ambiguous(verb: Token) -> bool:
    """A relative clause of which one cannot tell what it describes, or that says when something else happens.

    "the keys of the store, which he carries"; "the point at which it enters"; "Founder's Day, when every hand is given
    gloves"
    """
    opening = next((child for child in verb.subtree if child.tag_ in ("WDT", "WP", "WP$", "WRB")), None)
    if opening is None:
        return has_subject(verb)  # "the first words she had spoken": what she spoke is left out
    if opening.lower_ == "when":
        return True
    below = any(child.dep_ in ("ccomp", "xcomp") for child in verb.children)
    if opening.dep_ == "dobj" and opening.head.i == verb.i and below:
        return True  # "the table, which she had never allowed anyone to sit on"
    noun = verb.head
    if noun.lemma_.lower() in ABSTRACT and (opening.dep_ == "pobj" or opening.tag_ == "WRB"):
        return True  # "the extent to which tissues heal"
    called = {word.i for child in noun.children if child.dep_ == "appos" for word in child.subtree}
    others = [t for t in verb.doc[noun.i + 1 : opening.i] if t.pos_ in ("NOUN", "PROPN") and t.i not in called]
    if others and opening.lower_ in ("which", "where") and not restrictive(verb):
        return True  # "the healing of wounds, with which it is comparable"
    within = noun.dep_ == "pobj" and noun.head.lower_ == "of" and noun.head.head.pos_ in ("NOUN", "PROPN")
    return within and noun.pos_ == "NOUN" and opening.lower_ in ("which", "where") and not restrictive(verb)


def spoken_spans(text: str) -> list[tuple[int, int]]:
    """Spans of direct speech: what somebody says there is not what the text states.

    Over three words, or closed by a mark before the quotation mark: "Yes," she said; but the boat "Late Swan".
    """
    spans = [match.span() for match in QUOTED.finditer(text)]
    return [(start, end) for start, end in spans if len(text[start:end].split()) > 3 or text[end - 2] in ",.?!"]
