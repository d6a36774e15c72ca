"""What a pronoun can stand for: the phrases seen so far, and the words that say that it stands for none of them."""

from dataclasses import dataclass, field

from spacy.tokens import Token

from tasks.generation.phrases import Phrase, agrees, has_subject

PRONOUNS = {"he", "she", "it", "they", "him", "her", "them", "his", "its", "their", "hers", "theirs"}
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
    """Whether "it" or "they" stands before somebody's name that it introduces, rather than for something said."""
    named = [child for child in token.head.children if child.dep_ == "attr" and child.pos_ == "PROPN"]
    return token.lower_ in ("it", "they") and token.dep_ == "nsubj" and bool(named)


def each_before(token: Token) -> bool:
    """Whether the owner of "its own" is the "each" or "every" before it."""
    return any(other.lower_ in ("each", "every", "everyone", "everybody") for other in token.doc[: token.i])
