"""What stands about a pronoun: its verb and subject, and the words that say that it stands for nothing before it."""

from spacy.tokens import Token

from tasks.generation.lexicon import MONTHS, TIME_UNITS, WEEKDAYS
from tasks.generation.phrases import has_subject

PRONOUNS = {"he", "she", "it", "they", "him", "her", "them", "his", "its", "their", "hers", "theirs"}
CLAUSAL = {"ccomp", "csubj", "csubjpass", "advcl", "acl", "relcl", "xcomp"}
OF_ITSELF = {"able", "unable", "ready", "likely", "apt", "liable", "due", "free", "prone", "bound", "sure"}
"""What a thing is to do something, and not what doing it is: "it is able to lift", not "it is hard to lift"."""


WEATHER = {"drizzle", "hail", "rain", "snow", "thunder"}


def governor(token: Token) -> Token:
    """The verb a word belongs to (or the root of its segment)."""
    up = token.head
    while up.pos_ not in ("VERB", "AUX") and up.i != up.head.i:
        up = up.head
    return up


def governing_subject(token: Token) -> Token | None:
    """The subject of the verb a word belongs to, shared through coordination, or with a verb that has none of its own.

    "He put down two crowns and left without touching his tea": he left, and he touches
    """
    verb = governor(token)
    while verb.dep_ in ("conj", "xcomp", "advcl", "pcomp") and not has_subject(verb) and verb.head.i != verb.i:
        verb = governor(verb)
    return next((child for child in verb.children if child.dep_ in ("nsubj", "nsubjpass")), None)


def presents(token: Token) -> bool:
    """Whether "it" or "they" stands before somebody's name that it introduces: "It was Corwin Asplehurst"."""
    named = [child for child in token.head.children if child.dep_ == "attr" and child.pos_ == "PROPN"]
    return token.lower_ in ("it", "they") and token.dep_ == "nsubj" and bool(named)


def anticipates(token: Token) -> bool:
    """Whether "it" stands for nothing but the clause behind it.

    "It is impossible to draw a line"; "It was believed that tissues keep" (extraposition: Quirk et al. 1985, 18.33)
    """
    if token.lower_ != "it" or token.dep_ not in ("nsubj", "nsubjpass"):
        return False
    verb = token.head
    after = [child for child in verb.children if child.i > verb.i]
    said = [child for child in after if child.dep_ == "acomp" and child.lower_ not in OF_ITSELF]
    told = [*said, *(child for child in after if child.dep_ == "attr")]
    degree = any(word.lower_ in ("so", "such", "too", "enough") for child in told for word in child.subtree)
    seeming = token.dep_ == "nsubjpass" or bool(told) or verb.lemma_.lower() in ("seem", "appear", "happen", "follow")
    that = any(_marked(clause, "that", "mark") for clause in after if clause.dep_ in CLAUSAL)
    that = that or any(_marked(clause, "that", "mark") for child in said for clause in child.children)
    below = [*after, *(inner for child in said for inner in child.children)]
    return not degree and ((seeming and that) or (bool(said) and any(_marked(clause, "to", "aux") for clause in below)))


def _marked(clause: Token, word: str, dep: str) -> bool:
    return any(child.lower_ == word and child.dep_ == dep for child in clause.children)


def tells_the_weather(token: Token) -> bool:
    """Whether "it" is nobody: "when it snows", "it was Monday"."""
    if token.lower_ != "it" or token.dep_ not in ("nsubj", "nsubjpass"):
        return False
    told = [child for child in token.head.children if child.dep_ == "attr"]
    timely = any(noun.lemma_.lower() in TIME_UNITS | WEEKDAYS | MONTHS for noun in told)
    return token.head.lemma_.lower() in WEATHER or (token.head.lemma_ == "be" and timely)


def each_before(token: Token) -> bool:
    """Whether the owner of "its own" is the "each" or "every" before it."""
    return any(other.lower_ in ("each", "every", "everyone", "everybody") for other in token.doc[: token.i])
