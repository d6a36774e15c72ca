"""Sentences to clauses: who does what to whom, when and with what, read off a dependency parse.

    "It is emptied every 90 days and scrubbed with birch brooms."  (after: "... the cistern, a cedar tank ...")
    -> Clause(subject="the cistern", verb="is emptied", arguments=["every 90 days"])
    -> Clause(subject="the cistern", verb="is scrubbed", arguments=["with birch brooms"])

The parser is spaCy's small English model (Honnibal & Montani; labels of CLEAR, Choi & Palmer 2012). Shared
subjects of coordinated verbs, relative clauses, participles after a noun and appositions become clauses of
their own; third-person pronouns are replaced by the latest noun phrase that agrees in number and kind.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Token
from spacy.util import compile_infix_regex

from tasks.embedded import parser_folder
from tasks.generation.lexicon import FEMALE, MALE, PEOPLE

Number = Literal["singular", "plural"]
POINTERS = set(
    """
        that this there who which i we you these those both each one some others all none neither either
    """.split()
)
PRONOUNS = {"he", "she", "it", "they", "him", "her", "them", "his", "its", "their", "hers", "theirs"}
CASES = ({"he", "him", "his"}, {"she", "her", "hers"}, {"it", "its"}, {"they", "them", "their", "theirs"})
VERB_TAGS = {"VB", "VBD", "VBG", "VBN", "VBP", "VBZ", "MD"}
SUBJECTS = {"nsubj", "nsubjpass", "csubj", "expl"}
LINKS = set(
    """
    then also however so therefore thus too again even instead first next
""".split()
)
CLOSED = {"DET", "ADP", "PRON", "SCONJ", "CCONJ", "ADV", "NUM"}
PRUNED = {"relcl", "appos", "acl", "parataxis", "cc", "punct", "preconj"}
SPLIT = re.compile(r";\s+|\s+[\u2013\u2014]\s+|:\s+(?=[a-z])")


@cache
def load_parser() -> Language:
    """Load the pinned English parser from the user's cache (fetched once); hyphenated words stay whole."""
    if not Token.has_extension("gender"):
        Token.set_extension("gender", default="")
    parser = spacy.load(parser_folder())
    infixes = [rule for rule in parser.Defaults.infixes or [] if "\u2014|--|---" not in str(rule)]
    tokenizer: Any = parser.tokenizer
    tokenizer.infix_finditer = compile_infix_regex(infixes).finditer
    return parser


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
        return text[:1].upper() + text[1:] + "."

    def verb_group(self) -> list[str]:
        """Auxiliaries, negation, main verb and particle, in order."""
        negation = ["not"] if self.negated else []
        if not self.auxiliaries:
            return [self.adverb, self.verb_text, *negation, self.particle]
        head, *rest = self.auxiliaries
        return [head, *negation, *rest, self.adverb, self.verb_text, self.particle]


@dataclass(frozen=True, slots=True)
class Segment:
    """A sentence, or its part up to a semicolon: its span, the sentence it is of, its recital and its clauses."""

    sentence: tuple[int, int]
    start: int
    end: int
    evidence: tuple[int, int]
    recital: str
    clauses: tuple[Clause, ...]


@dataclass(slots=True)
class Context:
    """What pronouns can refer to at this point of a document: phrases seen so far, latest last."""

    mentions: list[tuple[Phrase, int]] = field(default_factory=list)
    lowercase: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)

    def antecedent(self, pronoun: str) -> tuple[str, int] | None:
        """The latest agreeing mention and the offset of its sentence, subjects before objects."""
        for phrase, offset in reversed(self.mentions):
            if agrees(pronoun, phrase):
                return phrase.text, offset
        return None


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
    if any(child.dep_ == "conj" for child in head.children):
        return "plural"
    if head.dep_ in ("nsubj", "nsubjpass"):
        forms = [head.head, *(child for child in head.head.children if child.dep_ in ("aux", "auxpass"))]
        if any(form.tag_ == "VBZ" or form.lower_ == "was" for form in forms):
            return "singular"
        if any(form.tag_ == "VBP" or form.lower_ == "were" for form in forms):
            return "plural"
    return "plural" if head.tag_ in ("NNS", "NNPS") else "singular"


def is_person(token: Token) -> bool:
    """Whether a noun names a person: by entity label, or by a list of roles and kin."""
    if token.ent_type_ == "PERSON" or token._.gender in ("male", "female", "person"):
        return True
    if token._.gender == "thing":
        return False
    return (token.pos_ in ("NOUN", "PROPN") and token.lemma_.lower() in PEOPLE) or _full_name(token)


def _full_name(token: Token) -> bool:
    """Two capitalised names without an article, where a doer stands: 'was founded by Isolde Carrowmere'."""
    doer = token.dep_ in ("nsubj", "appos") or token.head.dep_ == "agent"
    lefts = list(token.lefts)
    named = any(left.pos_ == "PROPN" and left.text[:1].isupper() for left in lefts)
    bare = not any(left.dep_ == "det" for left in lefts)
    return doer and token.pos_ == "PROPN" and named and bare and token.ent_type_ in ("", "ORG", "NORP", "PRODUCT")


def gender(token: Token) -> str:
    """'female', 'male' or '' for a head noun, by word lists and titles."""
    if token._.gender:
        return str(token._.gender)
    words = {token.lemma_.lower(), *(child.lemma_.lower().rstrip(".") for child in token.lefts)}
    if words & FEMALE:
        return "female"
    return "male" if words & MALE else ""


def agrees(pronoun: str, phrase: Phrase) -> bool:
    """Whether a third-person pronoun may stand for a phrase."""
    head, number = phrase.head, phrase.number
    if pronoun in ("they", "them", "their", "theirs"):
        return number == "plural"
    if number != "singular" or head.pos_ not in ("NOUN", "PROPN"):
        return False
    if pronoun in ("it", "its"):
        return not is_person(head) and head.ent_type_ not in ("DATE", "TIME", "CARDINAL", "QUANTITY", "PERCENT")
    wrong = "male" if pronoun in ("she", "her", "hers") else "female"
    return is_person(head) and gender(head) != wrong


def segments(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a sentence at semicolons and dashes: the parser reads the parts better than the whole."""
    position = start
    for match in SPLIT.finditer(text, start, end):
        if match.start() - position > 12 and end - match.end() > 12:
            yield position, match.start()
            position = match.end()
    yield position, end


def parse_segments(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[Doc, int, tuple[int, int]]]:
    """Parse every segment of every sentence; return (parse, offset in the document, sentence span)."""
    flat = re.sub(r"[\r\n\t\f\v]", " ", text)
    parts = [(piece, span) for span in spans for piece in segments(flat, *span)]
    docs = load_parser().pipe((flat[a:b] for (a, b), _ in parts), batch_size=64)
    return [(doc, piece[0], span) for doc, (piece, span) in zip(docs, parts, strict=True)]


def vote_on_names(docs: Sequence[Doc]) -> None:
    """Decide from the whole text whether a name is a woman, a man or a thing: by the pronouns that follow it.

    Invented names are unknown to any entity recogniser; "Tamsel ... her", seen more often than "his", is not.
    """
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    kinds = {"she": "female", "her": "female", "hers": "female", "he": "male", "his": "male", "him": "male"}
    for doc in docs:
        names = [token for token in doc if token.pos_ == "PROPN" and token.dep_ in ("nsubj", "nsubjpass", "appos")]
        for token in doc:
            if token.lower_ in ("who", "whom") and (noun := _described(token)) is not None and noun.pos_ == "PROPN":
                votes[noun.text]["person"] += 1
            kind = "thing" if token.lower_ in ("it", "its") and token.dep_ != "expl" else kinds.get(token.lower_)
            before = [name for name in names if name.i < token.i]
            if kind and before:
                for part in {before[-1].text, *(left.text for left in before[-1].lefts if left.pos_ == "PROPN")}:
                    votes[part][kind] += 1
    settled = {name: tally.most_common(1)[0][0] for name, tally in votes.items()}
    for doc in docs:
        for token in doc:
            if token.pos_ == "PROPN" and token.text in settled and token.ent_type_ not in ("GPE", "DATE"):
                token._.gender = settled[token.text]


class ClauseReader:
    """Reads the clauses of one document in order, carrying the context that pronouns need."""

    def __init__(self, text: str, spans: Sequence[tuple[int, int]]) -> None:
        self.text = text
        self.parses = parse_segments(text, spans)
        vote_on_names([doc for doc, _, _ in self.parses])
        self.context = Context(lowercase=set(re.findall(r"(?<![A-Za-z])[a-z][a-z-]*", text)))
        self._offset = 0
        self._sentence = (0, 0)
        self._reach = 0
        self._resolved = True
        self._resolving: set[int] = set()
        self._whole = False

    def __iter__(self) -> Iterator["Segment"]:
        """Yield the segments of the document in order: sentences, or their parts up to a semicolon."""
        paragraph_end = 0
        for doc, offset, span in self.parses:
            if "\n\n" in self.text[paragraph_end : span[0]].replace("\r", ""):
                self.context.mentions = self.context.mentions[-2:]
            paragraph_end = span[1]
            self._offset, self._sentence = offset, span
            clauses = [clause for verb in doc if (clause := self._clause(verb)) is not None]
            clauses.extend(self._appositions(doc))
            recital = self._recital(doc)
            end = offset + len(doc.text.rstrip())
            clauses = [replace(clause, recital=recital or clause.statement) for clause in clauses]
            yield Segment(span, offset, end, (self._reach, span[1]), recital, tuple(clauses))
            self._remember(doc, span)

    def _remember(self, doc: Doc, span: tuple[int, int]) -> None:
        """Note the noun phrases of a segment: objects first, subjects last, so that subjects win."""
        found = [token for token in doc if token.pos_ in ("NOUN", "PROPN") and token.dep_ != "compound"]
        ranked = sorted(found, key=lambda t: (t.dep_ in SUBJECTS and _main(t), t.pos_ == "PROPN", -t.i))
        for token in ranked:
            described = token.dep_ in ("attr", "appos") and token.pos_ != "PROPN"
            if token.dep_ in ("nsubj", "nsubjpass", "dobj", "attr", "pobj", "appos", "ROOT", "conj") and not described:
                self._begin()
                phrase = self._phrase(token, "mention", short=True)
                if self._resolved:
                    self.context.mentions.append((phrase, span[0]))
        self.context.mentions = self.context.mentions[-24:]

    def _recital(self, doc: Doc) -> str:
        """The whole segment with its pronouns resolved, or '' where one could not be."""
        self._begin()
        self._whole = True
        text = self._join(list(doc))
        self._whole = False
        if not self._resolved or not text:
            return ""
        closed = text if text.endswith((".", "!", "?", '"', "\u201d")) else text + "."
        return closed[:1].upper() + closed[1:]

    def _begin(self) -> None:
        self._reach, self._resolved = self._sentence[0], True

    def _word(self, token: Token) -> str:
        """One token's text: pronouns resolved, a sentence's first word in lower case unless it is a name."""
        lowered = token.lower_
        if token.i in self._resolving:  # a pronoun inside the very phrase that it might stand for
            self._resolved = False
            return token.text
        if lowered in PRONOUNS and token.tag_ in ("PRP", "PRP$") and token.dep_ != "expl":
            with self._resolving_of(token):
                return self._resolve(token, lowered)
        if token.tag_ == "WP$" and not self._whole and (described := _described(token)) is not None:
            with self._resolving_of(token):
                return possessive(self._phrase(described, "mention", short=True).text)
        if token.tag_ in ("WDT", "WP") and (described := _described(token)) is not None and described.i < token.i:
            return token.text
        if token.i == 0 and token.text[:1].isupper() and self._common(token):
            return token.text[:1].lower() + token.text[1:]
        return token.text

    def _common(self, token: Token) -> bool:
        following = token.nbor(1) if token.i + 1 < len(token.doc) else None
        named = following is not None and following.text[:1].isupper() and token.pos_ not in CLOSED
        known = token.lower_ in self.context.lowercase or token.tag_[:3] != "NNP"
        return known and not named and token.ent_type_ != "PERSON"

    @contextmanager
    def _resolving_of(self, token: Token) -> Iterator[None]:
        self._resolving.add(token.i)
        try:
            yield
        finally:
            self._resolving.remove(token.i)

    def _resolve(self, token: Token, lowered: str) -> str:
        owner = _governing_subject(token)
        if owner is not None and owner.i < token.i and lowered not in ("it", "they"):
            inside = any(up.i == owner.i for up in token.ancestors)
            same = owner.tag_ == "PRP" and any({owner.lower_, lowered} <= cases for cases in CASES)
            if not inside and (same or agrees(lowered, self._phrase(owner, "mention", short=True))):
                return token.text  # "Jorun learned his trade": the owner stands in the same clause
        nearest = self._local(token, lowered, owner) or self.context.antecedent(lowered)
        if nearest is None:
            self._resolved = False
            return token.text
        text, offset = nearest
        self._reach = min(self._reach, offset)
        return possessive(text) if token.tag_ == "PRP$" else text

    def _local(self, token: Token, lowered: str, owner: Token | None) -> tuple[str, int] | None:
        """An agreeing noun earlier in the same segment: objects for an object pronoun, subjects for any other."""
        wanted = ("dobj", "attr", "nsubjpass") if token.dep_ in ("dobj", "pobj", "dative") else ("nsubj", "nsubjpass")
        governor = _governor(token)
        for other in reversed(list(token.doc[: token.i])):
            if other.dep_ not in wanted or other.pos_ not in ("NOUN", "PROPN") or _governor(other).i == governor.i:
                continue
            if owner is not None and other.i == owner.i and token.dep_ != "poss":
                continue
            if any(up.i == other.i for up in token.ancestors):
                continue
            phrase = self._phrase(other, "mention", short=True)
            if agrees(lowered, phrase):
                return phrase.text, self._sentence[0]
        return None

    def _join(self, tokens: Iterable[Token]) -> str:
        out, last = "", None
        for token in tokens:
            if last is not None and token.i != last.i + 1 and not out.endswith(" "):
                out += " "
            out += self._word(token) + token.whitespace_
            last = token
        return tidy(out)

    def _phrase(self, head: Token, role: str, *, short: bool = False) -> Phrase:
        tokens = noun_tokens(head, short=short)
        text = self._join(tokens)
        return Phrase(text, head, tuple(tokens), role, bare=text)

    def _subject(self, verb: Token) -> Phrase | None:
        """The phrase that fills the subject, shared with a coordinated verb or taken from the noun it describes."""
        for child in verb.children:
            if child.dep_ in ("nsubj", "nsubjpass"):
                if child.tag_ in ("WDT", "WP"):
                    return self._phrase(verb.head, "subject", short=True) if verb.dep_ == "relcl" else None
                if child.lower_ in POINTERS:
                    return self._pointer(child)
                return self._phrase(child, "subject")
        if verb.dep_ == "conj" and verb.head.pos_ in ("VERB", "AUX"):
            return self._subject(verb.head)
        if verb.dep_ == "acl" and verb.tag_ == "VBN" and verb.head.pos_ in ("NOUN", "PROPN"):
            tokens = noun_tokens(verb.head, short=True, leave=verb)
            text = self._join(tokens)
            return Phrase(text, verb.head, tuple(tokens), "subject", bare=text)
        return None

    def _pointer(self, token: Token) -> Phrase | None:
        """'both' after two like subjects and 'each' after a plural one; any other pointing word fills nothing."""
        subjects = [phrase for phrase, _ in self.context.mentions if phrase.head.dep_ in SUBJECTS]
        text = ""
        if token.lower_ == "both" and len(subjects) > 1:
            second, first = subjects[-1], next((p for p in reversed(subjects) if p.text != subjects[-1].text), None)
            if first is not None and first.head.lemma_ == second.head.lemma_:
                text = f"{first.text} and {second.text}"
        elif token.lower_ == "each" and subjects and subjects[-1].number == "plural":
            plain = subjects[-1].text
            text = f"each of {plain if plain.lower().startswith(('the ', 'both ')) else 'the ' + plain}"
        if not text:
            return None
        self._reach = min([self._reach, *(offset for phrase, offset in self.context.mentions[-6:])])
        return Phrase(text, token, (token,), "subject", bare=text)

    def _clause(self, verb: Token) -> Clause | None:
        self._begin()
        if not _predicate(verb):
            return None
        subject = self._subject(verb)
        if subject is None or any(child.dep_ == "expl" for child in verb.children) or _broken(subject):
            return None
        if verb.dep_ == "relcl" and _restrictive(verb) and not _definite(verb.head):
            return None
        auxiliaries, negated = _auxiliaries(verb, subject)
        if verb.tag_ in ("VBN", "VBG", "VB") and not auxiliaries:
            return None
        arguments = self._arguments(verb)
        if not arguments or any(_broken(argument) for argument in arguments):
            return None
        adverb = " ".join(t.text for t in verb.lefts if t.dep_ == "advmod" and t.i > subject.head.i and _plain(t))
        particle = next((child.text for child in verb.children if child.dep_ == "prt"), "")
        spans = [token for phrase in (subject, *arguments) for token in phrase.tokens] + [verb]
        start = self._offset + min(token.idx for token in spans)
        end = self._offset + max(token.idx + len(token) for token in spans)
        evidence = (self._reach, self._sentence[1])
        return Clause(
            subject, auxiliaries, negated, verb, verb.text.lower(), particle, adverb, arguments, start, end, evidence,
            self._resolved,
        )  # fmt: skip

    def _arguments(self, verb: Token) -> tuple[Phrase, ...]:
        """Objects, complements and adjuncts in order, those before the subject moved to the end."""
        found = [(child, phrase) for child in verb.children if (phrase := self._argument(child)) is not None]
        after = [phrase for child, phrase in found if child.i > verb.i]
        before = [phrase for child, phrase in found if child.i < verb.i]
        return (*after, *before, *self._gap(verb))

    def _gap(self, verb: Token) -> Iterator[Phrase]:
        """What a relative clause leaves out: 'which he carries', 'in which salt is made', 'where they gather'."""
        if verb.dep_ != "relcl":
            return
        described = self._phrase(verb.head, "object", short=True)
        for child in verb.children:
            if child.dep_ == "dobj" and child.tag_ in ("WDT", "WP"):
                yield described
            elif child.dep_ == "prep" and any(t.tag_ in ("WDT", "WP") for t in child.children):
                yield self._placed(child.lower_, described)
            elif child.tag_ == "WRB" and verb.head.dep_ == "pobj":
                yield self._placed(verb.head.head.lower_, described)

    def _placed(self, preposition: str, phrase: Phrase) -> Phrase:
        text = f"{preposition} {phrase.text}"
        return Phrase(text, phrase.head, phrase.tokens, "adjunct", preposition, phrase.text)

    def _argument(self, child: Token) -> Phrase | None:
        dep = child.dep_
        if dep in ("dobj", "attr", "dative", "npadvmod", "oprd") and child.tag_ not in ("WDT", "WP"):
            if child.dep_ == "dative" and child.pos_ == "ADP":
                return self._prepositional(child)
            return self._phrase(child, {"npadvmod": "adjunct"}.get(dep, "object" if dep != "attr" else "attribute"))
        if dep in ("prep", "agent"):
            return self._prepositional(child)
        if dep == "acomp":
            return self._subtree(child, "quality")
        if dep in ("advcl", "xcomp", "ccomp"):
            return self._subtree(child, _clausal_role(child)) if not _own_fact(child) else None
        if dep == "advmod" and not _plain(child) and child.tag_ != "WRB" and child.lower_ not in LINKS:
            return self._subtree(child, "manner")
        return None

    def _subtree(self, head: Token, role: str) -> Phrase | None:
        tokens = [token for token in head.subtree if not _pruned(token, head)]
        if len(tokens) > 24 or any(token.tag_ in ("WDT", "WP") for token in tokens):
            return None
        text = self._join(tokens)
        return Phrase(text, head, tuple(tokens), role, bare=text)

    def _prepositional(self, preposition: Token) -> Phrase | None:
        objects = [child for child in preposition.children if child.dep_ in ("pobj", "pcomp")]
        if not objects or objects[0].tag_ in ("WDT", "WP"):
            return None
        head = objects[0]
        inner = noun_tokens(head, short=False) if head.dep_ == "pobj" else list(head.subtree)
        lead = [token for token in preposition.lefts if token.dep_ in ("advmod", "npadvmod", "quantmod")]
        opening = [token for left in lead for token in left.subtree] + [preposition]
        bare = self._join(inner)
        text = tidy(f"{self._join(opening)} {bare}")
        return Phrase(text, head, (*opening, *inner), "adjunct", self._join(opening).lower(), bare)

    def _appositions(self, doc: Doc) -> Iterator[Clause]:
        """'her deputy, Corwin Asplehurst,' -> 'Corwin Asplehurst is her deputy'."""
        for token in doc:
            if (
                token.dep_ != "appos"
                or token.i == token.head.i + 1
                or token.pos_ not in ("NOUN", "PROPN")
                or token.head.pos_ not in ("NOUN", "PROPN")
            ):
                continue
            self._begin()
            first, second = self._phrase(token.head, "subject", short=True), self._phrase(token, "attribute")
            if token.pos_ == "PROPN" and token.head.pos_ == "NOUN":
                named, plain = self._phrase(token, "subject"), self._phrase(token.head, "attribute", short=True)
                first, second = named, plain
            if not second.text or first.text == second.text or len(second.tokens) > 14:
                continue
            past = any(other.tag_ == "VBD" for other in doc)
            verb = ("were" if past else "are") if first.number == "plural" else ("was" if past else "is")
            start = self._offset + min(t.idx for t in (*first.tokens, *second.tokens))
            end = self._offset + max(t.idx + len(t) for t in (*first.tokens, *second.tokens))
            yield Clause(
                first, (), False, token, verb, "", "", (second,), start, end, (self._reach, self._sentence[1]),
                self._resolved,
            )  # fmt: skip


def noun_tokens(head: Token, *, short: bool, leave: Token | None = None) -> list[Token]:
    """The words of a noun phrase without its relative clauses, appositions and afterthoughts.

    ``short`` keeps ``of`` phrases only, the form used for names and pronoun antecedents; ``leave`` is left out.
    """
    kept: list[Token] = []
    for child in head.lefts:
        if (
            child.dep_ not in PRUNED
            or child.dep_ == "preconj"
            or (child.dep_ == "punct" and child.text in "-'\"\u201c\u2018")
        ):
            kept.extend(child.subtree)
    kept.append(head)
    for child in head.rights:
        if leave is not None and child.i == leave.i:
            continue
        if child.dep_ == "prep" and (child.lower_ == "of" or not short):
            kept.extend(token for token in child.subtree if not _pruned(token, child))
        elif child.dep_ in ("conj",) and not short and child.pos_ in ("NOUN", "PROPN", "NUM"):
            kept.extend(token for token in head.rights if token.dep_ in ("cc", "punct") and token.i < child.i)
            kept.extend(token for token in child.subtree if not _pruned(token, child))
        elif child.dep_ in ("relcl", "acl") and (not short or not _definite(head)) and _restrictive(child):
            kept.extend(child.subtree)
        elif child.dep_ == "appos" and child.i == head.i + 1 and child.pos_ in ("PROPN", "NUM"):
            kept.extend(token for token in child.subtree if not _pruned(token, child))
        elif child.dep_ in ("nummod", "amod", "case", "nmod", "compound", "advmod", "quantmod", "npadvmod"):
            kept.extend(child.subtree)
    return sorted(set(kept), key=lambda token: token.i)


def _restrictive(verb: Token) -> bool:
    """Whether a relative clause or participle narrows its noun: no comma before it, and short."""
    span = list(verb.subtree)
    opening = verb.doc[min(token.i for token in span) - 1] if min(token.i for token in span) > 0 else verb
    return opening.text not in (",", ";", ":", "(", "\u2014", "\u2013") and len(span) <= 12


def _definite(head: Token) -> bool:
    """'the pump', 'his pump', 'Old Margery' as against 'a pump', 'anyone', 'those'."""
    if head.pos_ == "PROPN":
        return True
    return any(child.lower_ in ("the", "this") or child.tag_ in ("PRP$", "POS") for child in head.lefts)


def _broken(phrase: Phrase) -> bool:
    """Whether the parser left a finite verb inside a noun phrase, which no noun phrase holds."""
    if phrase.head.pos_ not in ("NOUN", "PROPN") or phrase.role in ("reason", "purpose", "condition", "time", "rest"):
        return False
    if any(token.dep_ == "compound" and token.tag_ == "NNS" and token.text.islower() for token in phrase.tokens):
        return True  # "the Badger burns peat": a verb taken for a plural; compounds are singular
    finite = [token for token in phrase.tokens if token.tag_ in ("VBZ", "VBP", "VBD") and token.dep_ != "aux"]
    return any(not any(up.dep_ in ("relcl", "acl", "advcl") for up in (t, *t.ancestors)) for t in finite)


def _plain(token: Token) -> bool:
    """An adverb that stays before its verb: 'last relined', 'merely dries'."""
    return token.tag_ == "RB" and token.i < token.head.i and not list(token.children) and token.lower_ not in LINKS


def _governor(token: Token) -> Token:
    """The verb a word belongs to (or the root of its segment)."""
    up = token.head
    while up.pos_ not in ("VERB", "AUX") and up.i != up.head.i:
        up = up.head
    return up


def _governing_subject(token: Token) -> Token | None:
    """The subject of the verb a word belongs to, shared through coordination."""
    verb = _governor(token)
    while verb.dep_ == "conj" and not _has_subject(verb):
        verb = verb.head
    return next((child for child in verb.children if child.dep_ in ("nsubj", "nsubjpass")), None)


def _described(token: Token) -> Token | None:
    """The noun that the relative clause round a relative pronoun describes."""
    for up in token.ancestors:
        if up.dep_ == "relcl":
            return up.head
    return None


def _pruned(token: Token, root: Token) -> bool:
    """Whether a token lies in a relative clause, apposition or participle below ``root``."""
    while token.i != root.i:
        if token.dep_ in ("relcl", "appos", "parataxis"):
            return True
        if token.dep_ == "conj" and token.pos_ in ("VERB", "AUX") and _has_subject(token):
            return True
        token = token.head
    return False


def _has_subject(verb: Token) -> bool:
    return any(child.dep_ in SUBJECTS for child in verb.children)


def _own_fact(child: Token) -> bool:
    """A clausal child that stands as a fact of its own: a clause with its own subject and no marker."""
    marked = any(other.dep_ in ("mark", "advmod") and other.i < child.i for other in child.children)
    return _has_subject(child) and not marked


def _clausal_role(child: Token) -> str:
    marker = next((t.lower_ for t in child.children if t.dep_ in ("mark", "advmod", "aux") and t.i < child.i), "")
    roles = {
        "because": "reason",
        "since": "reason",
        "as": "reason",
        "so": "purpose",
        "to": "purpose",
        "if": "condition",
    }
    return roles.get(
        marker, "time" if marker in ("when", "until", "till", "before", "after", "while", "once") else "rest"
    )


def _main(token: Token) -> bool:
    return token.head.dep_ in ("ROOT", "conj", "ccomp", "parataxis")


def _predicate(verb: Token) -> bool:
    """Whether a token heads a clause worth a fact: a finite verb, or a participle behind its noun."""
    if verb.pos_ not in ("VERB", "AUX") or verb.tag_ not in VERB_TAGS or verb.dep_ in ("aux", "auxpass", "xcomp"):
        return False
    return verb.dep_ in ("ROOT", "conj", "relcl", "ccomp", "parataxis", "acl") or (
        verb.dep_ == "advcl" and _own_fact(verb)
    )


def _auxiliaries(verb: Token, subject: Phrase) -> tuple[tuple[str, ...], bool]:
    """The auxiliaries of a verb, shared with the verb it is coordinated to, and whether it is negated."""
    found = [child for child in verb.children if child.dep_ in ("aux", "auxpass") and child.tag_ != "TO"]
    negated = any(child.dep_ == "neg" for child in verb.children)
    words = tuple(_full(child) for child in found)
    if not words and verb.dep_ == "conj" and verb.head.pos_ in ("VERB", "AUX") and not _has_subject(verb):
        shared, _ = _auxiliaries(verb.head, subject)
        words = _shared(verb, verb.head, shared)
    if not words and verb.dep_ == "acl" and verb.tag_ == "VBN":
        past = any(token.tag_ == "VBD" for token in verb.doc)
        plural = subject.number == "plural"
        words = (("were" if plural else "was") if past else ("are" if plural else "is"),)
    return words, negated


def _full(auxiliary: Token) -> str:
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
