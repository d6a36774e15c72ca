"""What a pronoun can stand for: the phrases seen so far, and the words that say that it stands for none of them."""

from dataclasses import dataclass, field

from spacy.tokens import Token

from tasks.generation.phrases import Phrase, agrees, has_subject

PRONOUNS = {"he", "she", "it", "they", "him", "her", "them", "his", "its", "their", "hers", "theirs"}
CLAUSAL = {"ccomp", "csubj", "csubjpass", "advcl", "acl", "relcl", "xcomp"}
OF_ITSELF = {"able", "unable", "ready", "likely", "apt", "liable", "due", "free", "prone", "bound", "sure"}
"""What a thing is to do something, and not what doing it is: "it is able to lift", not "it is hard to lift"."""
CASES = ({"he", "him", "his"}, {"she", "her", "hers"}, {"it", "its"}, {"they", "them", "their", "theirs"})


@dataclass(slots=True)
class Context:
    """What pronouns can refer to at this point of a document: phrases seen so far, latest last."""

    mentions: list[tuple[Phrase, int]] = field(default_factory=list)
    lowercase: set[str] = field(default_factory=set)
    capital: set[str] = field(default_factory=set)

    def antecedent(self, pronoun: str) -> tuple[str, int] | None:
        """The latest agreeing mention and the offset of its sentence, subjects before objects."""
        for phrase, offset in reversed(self.mentions):
            if agrees(pronoun, phrase):
                return phrase.text, offset
        return None


def governor(token: Token) -> Token:
    """The verb a word belongs to (or the root of its segment)."""
    up = token.head
    while up.pos_ not in ("VERB", "AUX") and up.i != up.head.i:
        up = up.head
    return up


def governing_subject(token: Token) -> Token | None:
    """The subject of the verb a word belongs to, shared through coordination."""
    verb = governor(token)
    while verb.dep_ == "conj" and not has_subject(verb):
        verb = verb.head
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


def each_before(token: Token) -> bool:
    """Whether the owner of "its own" is the "each" or "every" before it."""
    return any(other.lower_ in ("each", "every", "everyone", "everybody") for other in token.doc[: token.i])
