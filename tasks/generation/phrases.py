"""Words of a parse to phrases: which words belong to a noun, its number, its gender, and what may stand for it.

lamp/nsubj <- grade, 5; relcl burns ...  ->  Phrase(text="the grade 5 lamp", number="singular")
"""

import re
from dataclasses import dataclass
from typing import Literal

from spacy.tokens import Token

from tasks.generation.lexicon import FEMALE, HUMAN_VERBS, LINKS, MALE, OF_PEOPLE, PEOPLE, PLACES, TIME_UNITS

Number = Literal["singular", "plural"]
SUBJECTS = {"nsubj", "nsubjpass", "csubj", "expl"}
ANYBODY = set("anybody anyone everybody everyone nobody somebody someone".split())
ALIKE = set("blind dead deaf elderly injured poor rich sick wounded".split())
"""Adjectives that name people: "the sick are seen on Tuesdays"."""
PARTS = {"hand", "head"}
"""Words for people that are parts of one where somebody owns them: "his hand stopped"."""
ITSELF = set("handbook book manual guide report document agreement contract licence license policy text".split())
"""What a text calls itself: "this handbook" needs no other sentence."""
POINTING = {"this", "these", "those", "such", "that"}
PRUNED = {"relcl", "appos", "acl", "parataxis", "cc", "punct", "preconj"}


@dataclass(frozen=True, slots=True)
class Phrase:
    """A run of words that fills one place of a clause; ``tokens`` are in text order, pronouns resolved in ``text``."""

    text: str
    head: Token
    tokens: tuple[Token, ...]
    role: str
    preposition: str = ""
    bare: str = ""

    @property
    def number(self) -> Number:
        """Grammatical number, for agreement of verbs and pronouns."""
        return number_of(self.head)

    @property
    def replaced(self) -> bool:
        """Whether the phrase is a pronoun in whose place a name stands."""
        return self.head.pos_ == "PRON" and self.text.lower() != self.head.lower_

    @property
    def named(self) -> bool:
        """Whether it holds a name or a number."""
        proper = any(token.pos_ in ("PROPN", "NUM") for token in self.tokens)
        return proper or (self.replaced and any(word[:1].isupper() for word in self.text.split()))


def possessive(text: str) -> str:
    """'the boys' -> "the boys'", 'Edda' -> "Edda's"."""
    return text + ("'" if text.endswith("s") else "'s")


def tidy(text: str) -> str:
    """Mend the white space and stray commas that leaving words out leaves behind."""
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s+([,.;:?!])", r"\1", text)
    text = re.sub(r"([,;:])(?:\s*[,;:])+", r"\1", text)
    return text.strip(" ,;:-\u2013\u2014")


def number_of(head: Token) -> Number:
    """Number of a noun: by its coordination, by the verb it governs ("The Works raises"), or by its own ending."""
    if head.lower_ in ("they", "them") or any(child.dep_ == "conj" for child in head.children):
        return "plural"
    if head.dep_ in ("nsubj", "nsubjpass"):
        forms = [head.head, *(child for child in head.head.children if child.dep_ in ("aux", "auxpass"))]
        if any(form.tag_ == "VBZ" or form.lower_ == "was" for form in forms):
            return "singular"
        if any(form.tag_ == "VBP" or form.lower_ == "were" for form in forms):
            return "plural"
    return "plural" if head.tag_ in ("NNS", "NNPS") else "singular"


def is_person(token: Token) -> bool:
    """Whether a noun names a person: by the pronouns that follow it, by role or kin, by what it does, by label."""
    if token._.made:
        return False
    if token.lower_ in ANYBODY or (token.lower_ in ALIKE and any(left.lower_ == "the" for left in token.lefts)):
        return True
    if token.lemma_.lower() in PARTS and any(left.dep_ == "poss" for left in token.lefts):
        return False
    if token._.gender in ("male", "female", "person"):
        return True
    if token._.gender == "thing" or token.pos_ not in ("NOUN", "PROPN"):
        return False
    if is_role(token.lemma_.lower()) or _full_name(token) or _who(token):
        return True
    if (
        token.pos_ != "PROPN"
        or token.text.islower()
        or token.lemma_.lower() in PLACES
        or any(left.dep_ == "det" for left in token.lefts)
    ):
        return False
    if token.dep_ == "nsubj" and token.head.lemma_.lower() in HUMAN_VERBS:
        return True
    called = [child for child in token.head.children if child.dep_ == "attr" and token.dep_ == "nsubj"]
    return token.ent_type_ == "PERSON" and token.tag_ != "NNPS" and all(is_role(noun.lemma_.lower()) for noun in called)


def is_role(lemma: str) -> bool:
    """Whether a noun is one for people: in the list, or made of one that is ("lamp-warden", "schoolmaster")."""
    return lemma in PEOPLE or lemma.rsplit("-", 1)[-1] in PEOPLE or lemma.endswith(OF_PEOPLE)


def _who(token: Token) -> bool:
    return any(child.lower_ == "who" and clause.dep_ == "relcl" for clause in token.rights for child in clause.children)


def _full_name(token: Token) -> bool:
    """Two capitalised names without an article, where a doer stands: 'was founded by Isolde Carrowmere'."""
    doer = token.dep_ in ("nsubj", "appos") or token.head.dep_ == "agent"
    lefts = list(token.lefts)
    named = any(left.pos_ == "PROPN" and left.text[:1].isupper() for left in lefts)
    bare = not any(left.dep_ == "det" for left in lefts)
    placed = token.lemma_.lower() in PLACES  # "Quarrel School"
    return (
        doer
        and token.pos_ == "PROPN"
        and named
        and bare
        and not placed
        and token.ent_type_ in ("", "ORG", "NORP", "PRODUCT")
    )


def gender(token: Token) -> str:
    """'female', 'male' or '' for a head noun, by word lists and titles."""
    if token._.gender:
        return str(token._.gender)
    lefts = [child for child in token.lefts if child.dep_ != "poss"]  # "her deputy" may be a man
    words = {token.lemma_.lower(), *(child.lemma_.lower().rstrip(".") for child in lefts)}
    if words & FEMALE:
        return "female"
    return "male" if words & MALE else ""


def noun_tokens(head: Token, *, short: bool, joined: bool = False, leave: Token | None = None) -> list[Token]:
    """The words of a noun phrase without its relative clauses, appositions and afterthoughts.

    ``short`` keeps ``of`` phrases only, the form used for names and pronoun antecedents, and with ``joined`` the nouns
    coordinated with the first; ``leave`` is left out.
    """
    kept: list[Token] = []
    for child in head.lefts:
        if (
            child.dep_ not in PRUNED
            or child.dep_ == "preconj"
            or (child.dep_ == "punct" and child.text in "-'\"\u201c\u2018")
        ):
            kept.extend(t for t in child.subtree if not (t.dep_ == "advmod" and t.lower_ in LINKS))
    kept.append(head)
    for child in head.rights:
        if (leave is not None and child.i == leave.i) or (child.dep_ == "case" and head.dep_ == "poss"):
            continue  # "Ada Quorn" of "Ada Quorn's lamp"
        if child.dep_ == "prep" and (child.lower_ == "of" or not short):
            kept.extend(token for token in child.subtree if not pruned(token, child))
        elif child.dep_ == "conj" and (joined or not short) and child.pos_ in ("NOUN", "PROPN", "NUM"):
            kept.extend(token for token in head.rights if token.dep_ in ("cc", "punct") and token.i < child.i)
            kept.extend(token for token in child.subtree if not pruned(token, child))
        elif child.dep_ in ("relcl", "acl") and (not short or not definite(head)) and restrictive(child):
            kept.extend(child.subtree)
        elif child.dep_ == "appos" and child.i == head.i + 1 and child.pos_ in ("PROPN", "NUM"):
            kept.extend(token for token in child.subtree if not pruned(token, child))
        elif child.lower_ in LINKS:
            continue
        elif child.dep_ in ("nummod", "amod", "case", "nmod", "compound", "advmod", "quantmod", "npadvmod"):
            kept.extend(child.subtree)
    return sorted(set(kept), key=lambda token: token.i)


def restrictive(verb: Token) -> bool:
    """Whether a relative clause or participle narrows its noun: no comma before it, and short."""
    span = list(verb.subtree)
    opening = verb.doc[min(token.i for token in span) - 1] if min(token.i for token in span) > 0 else verb
    return opening.text not in (",", ";", ":", "(", "\u2014", "\u2013") and len(span) <= 12


def definite(head: Token) -> bool:
    """'the pump', 'his pump', 'Old Margery' as against 'a pump', 'anyone', 'those'."""
    if head.pos_ == "PROPN":
        return True
    return any(child.lower_ in ("the", "this") or child.tag_ in ("PRP$", "POS") for child in head.lefts)


def broken(phrase: Phrase) -> bool:
    """Whether the parser left in a phrase what none holds: a finite verb, a comma before its noun, a loose end."""
    if phrase.tokens[-1].dep_ in ("prep", "mark", "cc") or phrase.tokens[-1].lower_ == "than":
        return True  # "stronger than"
    if phrase.head.lower_.endswith(("self", "selves")) or any(
        token.tag_ in ("WDT", "WP") and token.dep_ == "pobj" and token.head.lower_ == "of" for token in phrase.tokens
    ):
        return True  # "the most important of which"
    if phrase.head.pos_ not in ("NOUN", "PROPN") or phrase.role in ("reason", "purpose", "condition", "time", "rest"):
        return False
    if any(token.dep_ == "compound" and token.tag_ == "NNS" and token.text.islower() for token in phrase.tokens):
        return True  # "the Badger burns peat": a verb taken for a plural; compounds are singular
    before = phrase.head.nbor(-1) if phrase.head.i else phrase.head
    if phrase.head.pos_ == "NOUN" and before.text == "," and any(token.i < before.i for token in phrase.tokens):
        return True  # "the lamp-warden, signs for every lamp": a verb taken for the noun
    finite = [token for token in phrase.tokens if token.tag_ in ("VBZ", "VBP", "VBD") and token.dep_ != "aux"]
    return any(not any(up.dep_ in ("relcl", "acl", "advcl") for up in (t, *t.ancestors)) for t in finite)


def balanced(phrase: Phrase) -> bool:
    """Whether a phrase closes what it opens: brackets and quotation marks."""
    text = phrase.text
    pairs = (("(", ")"), ("[", "]"), ("\u201c", "\u201d"))
    even = all(text.count(opening) == text.count(closing) for opening, closing in pairs) and text.count('"') % 2 == 0
    return even and not re.search(r"[(\[]\s*[)\]]", text)


def points_back(phrase: Phrase) -> bool:
    """Whether a phrase leans on another sentence: "in this way", "such cases", "the former"."""
    for token in phrase.tokens:
        if token.lower_ in POINTING and token.dep_ in ("det", "predet", "amod", "pobj"):
            timely = token.lower_ == "that" and token.head.lemma_.lower() in TIME_UNITS  # "that night"
            return token.head.lemma_.lower() not in ITSELF and not timely
        if token.lower_ in ("former", "latter", "above-mentioned", "foregoing", "aforesaid"):
            return True
    return False


def elliptic(phrase: Phrase) -> bool:
    """A time with a number behind it, "in their last year 19": two things of which a word between was left out."""
    behind = [child for child in phrase.head.rights if child.tag_ == "CD"]
    return phrase.head.lemma_.lower() in TIME_UNITS and bool(behind)


def described_by(token: Token) -> Token | None:
    """The noun that the relative clause round a relative pronoun describes."""
    for up in token.ancestors:
        if up.dep_ == "relcl":
            return up.head
    return None


def pruned(token: Token, root: Token) -> bool:
    """Whether a token lies in a relative clause, apposition or participle below ``root``."""
    while token.i != root.i:
        if token.dep_ in ("relcl", "appos", "parataxis"):
            return True
        if token.dep_ == "conj" and token.pos_ in ("VERB", "AUX") and has_subject(token):
            return True
        token = token.head
    return False


def has_subject(verb: Token) -> bool:
    """Whether a verb has a subject of its own."""
    return any(child.dep_ in SUBJECTS for child in verb.children)
