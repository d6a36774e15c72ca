"""Sentences to clauses: who does what to whom, when and with what, read off a dependency parse.

    "It is emptied every 90 days and scrubbed with birch brooms."  (after: "... the cistern, a cedar tank ...")
    -> Clause(subject="the cistern", verb="is emptied", arguments=["every 90 days"])
    -> Clause(subject="the cistern", verb="is scrubbed", arguments=["with birch brooms"])

    "Do not enter Chamber 7 alone."
    -> Clause(subject="you", auxiliaries=("should",), negated=True, verb="enter", arguments=["Chamber 7", "alone"])

Shared subjects of coordinated verbs, relative clauses, participles after a noun and appositions become clauses of
their own; third-person pronouns are replaced by the name of what they stand for (``referents``). What reads as a
slip of the parser makes no clause: a sentence without one is asked about as a whole.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from spacy.tokens import Doc, Token

from tasks.generation.clauses import (
    POINTERS,
    Clause,
    Segment,
    ambiguous,
    auxiliaries_of,
    clausal_role,
    full_form,
    is_order,
    is_predicate,
    loses_negation,
    own_fact,
    slipped,
    tells,
)
from tasks.generation.lexicon import LINKS
from tasks.generation.parses import parse_segments, vote_on_names
from tasks.generation.phrases import (
    Phrase,
    balanced,
    broken,
    definite,
    elliptic,
    noun_tokens,
    points_back,
    pruned,
    restrictive,
    tidy,
)
from tasks.generation.referents import Referents
from tasks.generation.restating import Restater

UNFINISHED = (("be",), ("been",), ("being",))
"""First auxiliaries of a verb whose finite one stands with another: "the matrix being secreted"."""
ORDERED = ("should",)
"""What an order says in other words: "Wear gloves." -> "You should wear gloves."."""
STAYING = {"to": "at", "into": "in", "onto": "on", "towards": "at", "from": "at"}
"""Where something is that somebody goes to: "he ran to the steps, where she sat" -> "she sat at the steps"."""


class ClauseReader:
    """Reads the clauses of one document in order, carrying the context that pronouns need."""

    def __init__(
        self, text: str, spans: Sequence[tuple[int, int]], report: Callable[[float], None] | None = None
    ) -> None:
        self.text = text
        self.parses = parse_segments(text, spans, report)
        vote_on_names([doc for doc, _, _ in self.parses])
        self.referents = Referents(text)
        self._writer = Restater(text, self.referents)

    def __iter__(self) -> Iterator["Segment"]:
        """Yield the segments of the document in order: sentences, or their parts up to a semicolon."""
        for doc, offset, span in self.parses:
            self._writer.open(offset, span)
            self.referents.follow(doc, offset, span[0], self._writer.worded)
            clauses = [clause for verb in doc if (clause := self._clause(verb)) is not None]
            clauses.extend(self._appositions(doc))
            spoken = all(self._writer.spoken(token) for token in doc if token.is_alpha)
            recital = self._writer.said_aloud(doc) if spoken else self._writer.recital(doc)
            end = offset + len(doc.text.rstrip())
            clauses = [replace(clause, recital=recital or clause.statement) for clause in clauses]
            yield Segment(span, offset, end, (self._writer.reach, span[1]), recital, spoken, tuple(clauses))

    def _subject(self, verb: Token) -> Phrase | None:
        """The phrase that fills the subject, shared with a coordinated verb or taken from the noun it describes."""
        for child in verb.children:
            if child.dep_ in ("nsubj", "nsubjpass"):
                if child.tag_ in ("WDT", "WP"):
                    return self._writer.phrase(verb.head, "subject", short=True) if verb.dep_ == "relcl" else None
                if child.lower_ == "you":
                    return _reader(child)
                if child.lower_ in POINTERS:
                    return self._pointer(child)
                return self._writer.phrase(_by_name(child), "subject")
        if is_order(verb):
            return _reader(verb)
        if verb.dep_ == "conj" and verb.head.pos_ in ("VERB", "AUX"):
            return self._subject(verb.head)
        if verb.dep_ == "acl" and verb.tag_ == "VBN" and verb.head.pos_ in ("NOUN", "PROPN"):
            if verb.head.dep_ == "pobj" and verb.head.head.lower_ == "of" and not definite(verb.head):
                return None  # "a form of new tissue known as …": the form or the tissue
            return self._writer.of(noun_tokens(verb.head, short=True, leave=verb), verb.head, "subject")
        return None

    def _pointer(self, token: Token) -> Phrase | None:
        """'both' after two like subjects and 'each' after a plural one; any other pointing word fills nothing."""
        subjects = [phrase for phrase, _ in self.referents.discourse.subjects if phrase.tokens[0].doc is not token.doc]
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
        for _, offset in self.referents.discourse.subjects[-3:]:
            self._writer.draw_on(offset)
        return Phrase(text, token, (token,), "subject", bare=text)

    def _clause(self, verb: Token) -> Clause | None:
        self._writer.begin()
        if not is_predicate(verb) or self._writer.spoken(verb):
            return None
        subject = self._subject(verb)
        if subject is None or any(child.dep_ == "expl" for child in verb.children) or broken(subject):
            return None
        if verb.dep_ == "relcl" and (ambiguous(verb) or (restrictive(verb) and not definite(verb.head))):
            return None
        if subject.head.tag_ in ("JJS", "JJR", "CD", "RBS"):
            return None  # "the two lowest are house lamps"
        auxiliaries, negated = auxiliaries_of(verb, subject)
        if is_order(subject.head) and set(auxiliaries) <= {"do"}:
            auxiliaries = ORDERED
        quoted = any(child.dep_ == "ccomp" and self._writer.spoken(child) for child in verb.children)
        if quoted or slipped(verb, subject):
            return None  # "he told the apothecary": what he said is left out
        if (verb.tag_ in ("VBN", "VBG", "VB") and not auxiliaries) or auxiliaries[:1] in UNFINISHED:
            return None
        arguments = self._arguments(verb)
        if not arguments or any(broken(argument) for argument in arguments):
            return None
        adverbs = [t for t in verb.lefts if _stays(t, subject) and (_plain(t) or t.lower_ == "never")]
        adverb = " ".join(t.lower_ for t in adverbs)
        particle = next((child.text for child in verb.children if child.dep_ == "prt"), "")
        spans = [token for phrase in (subject, *arguments) for token in phrase.tokens] + [verb]
        if loses_negation(verb, [*spans, *adverbs]) or not all(map(balanced, (subject, *arguments))):
            return None
        start = self._writer.offset + min(token.idx for token in spans)
        end = self._writer.offset + max(token.idx + len(token) for token in spans)
        evidence = (self._writer.reach, self._writer.sentence[1])
        resolved = self._writer.resolved and not any(map(points_back, (subject, *arguments)))
        resolved = resolved and not any(argument.text.lower() == "there" for argument in arguments)
        return Clause(
            subject, auxiliaries, negated, verb, full_form(verb), particle, adverb, arguments,
            start, end, evidence, resolved,
        )  # fmt: skip

    def _arguments(self, verb: Token) -> tuple[Phrase, ...]:
        """Objects, complements and adjuncts in order, those before the subject moved to the end."""
        found = [(child, phrase) for child in verb.children if (phrase := self._argument(child)) is not None]
        found = [(child, phrase) for child, phrase in found if not elliptic(phrase)]
        after = [phrase for child, phrase in found if child.i > verb.i]
        before = [phrase for child, phrase in found if child.i < verb.i]
        gaps = list(self._gap(verb))
        objects = [phrase for phrase in gaps if phrase.role == "object"]
        return (*objects, *after, *before, *(phrase for phrase in gaps if phrase.role != "object"))

    def _gap(self, verb: Token) -> Iterator[Phrase]:
        """What a relative clause leaves out: 'which he carries', 'in which salt is made', 'where they gather'."""
        if verb.dep_ != "relcl":
            return
        described = self._writer.phrase(verb.head, "object", short=True)
        for child in verb.children:
            if child.dep_ == "dobj" and child.tag_ in ("WDT", "WP"):
                yield described
            elif child.dep_ == "prep" and any(t.tag_ in ("WDT", "WP") for t in child.children):
                yield self._placed(child.lower_, described)
            elif child.lower_ == "where" and verb.head.dep_ == "pobj" and verb.head.head.lower_ != "of":
                yield self._placed(STAYING.get(verb.head.head.lower_, verb.head.head.lower_), described)

    def _placed(self, preposition: str, phrase: Phrase) -> Phrase:
        text = f"{preposition} {phrase.text}"
        return Phrase(text, phrase.head, phrase.tokens, "adjunct", preposition, phrase.text)

    def _argument(self, child: Token) -> Phrase | None:
        dep = child.dep_
        if dep == "ccomp" and child.i < child.head.i:
            return None  # "the warden shuts the store, the stokers close every damper": a sentence beside another
        if dep in ("dobj", "attr", "dative", "npadvmod", "oprd") and child.tag_ not in ("WDT", "WP"):
            if child.dep_ == "dative" and child.pos_ == "ADP":
                return self._prepositional(child)
            return self._writer.phrase(child, {"npadvmod": "adjunct", "attr": "attribute"}.get(dep, "object"))
        if dep in ("prep", "agent"):
            return self._prepositional(child)
        if dep == "acomp":
            return self._subtree(child, "quality")
        if dep in ("advcl", "xcomp", "ccomp"):
            apart = own_fact(child) and is_predicate(child)  # a fact of its own, asked about by itself
            return None if apart else self._subtree(child, clausal_role(child))
        if dep == "advmod" and not _plain(child) and child.tag_ != "WRB" and child.lower_ not in LINKS:
            return self._subtree(child, "manner")
        return None

    def _subtree(self, head: Token, role: str) -> Phrase | None:
        tokens = [token for token in head.subtree if not pruned(token, head)]
        left_out = {token.i for token in head.subtree} - {token.i for token in tokens}
        tokens = [token for token in tokens if token.text != "," or not left_out & {token.i - 1, token.i + 1}]
        if len(tokens) > 24 or any(token.tag_ in ("WDT", "WP") for token in tokens):
            return None
        return self._writer.of(tokens, head, role)

    def _prepositional(self, preposition: Token) -> Phrase | None:
        placing = [preposition, *_tied(preposition)]
        objects = [child for word in reversed(placing) for child in word.children if child.dep_ in ("pobj", "pcomp")]
        if not objects or objects[0].tag_ in ("WDT", "WP"):
            return None
        head = objects[0]
        inner = noun_tokens(head, short=False) if head.dep_ == "pobj" else list(head.subtree)
        lead = [token for token in preposition.lefts if token.dep_ in ("advmod", "npadvmod", "quantmod")]
        lead = [token for token in lead if token.lower_ not in LINKS]
        opening = [token for left in lead for token in left.subtree] + placing
        bare = self._writer.join(inner)
        text = tidy(f"{self._writer.join(opening)} {bare}")
        return Phrase(text, head, (*opening, *inner), "adjunct", self._writer.join(opening).lower(), bare)

    def _appositions(self, doc: Doc) -> Iterator[Clause]:
        """'her deputy, Corwin Asplehurst,' -> 'Corwin Asplehurst is her deputy'."""
        for token in doc:
            if not tells(token) or self._writer.spoken(token):
                continue
            self._writer.begin()
            first = self._writer.phrase(token.head, "subject", short=True)
            second = self._writer.phrase(token, "attribute")
            if token.pos_ == "PROPN" and token.head.pos_ == "NOUN":
                self._writer.begin()
                first = self._writer.phrase(token, "subject")
                second = self._writer.phrase(token.head, "attribute", short=True)
            if not second.text or first.text == second.text or len(second.tokens) > 14:
                continue
            if any(broken(phrase) or not balanced(phrase) or points_back(phrase) for phrase in (first, second)):
                continue
            past = any(other.tag_ == "VBD" for other in doc)
            verb = ("were" if past else "are") if first.number == "plural" else ("was" if past else "is")
            start = self._writer.offset + min(t.idx for t in (*first.tokens, *second.tokens))
            end = self._writer.offset + max(t.idx + len(t) for t in (*first.tokens, *second.tokens))
            evidence = (self._writer.reach, self._writer.sentence[1])
            yield Clause(
                first, (), False, token, verb, "", "", (second,), start, end, evidence, self._writer.resolved,
            )  # fmt: skip


def _reader(token: Token) -> Phrase:
    """Whom a text tells what to do: its "you", or nobody named, where ``token`` is the verb of an order."""
    return Phrase("you", token, (token,), "subject", bare="you")


def _stays(adverb: Token, subject: Phrase) -> bool:
    """Whether a word on the left of the verb stands behind the subject, where an order has none."""
    return subject.head.i == adverb.head.i or adverb.i > subject.head.i


def _plain(token: Token) -> bool:
    """An adverb that stays before its verb: 'last relined', 'merely dries'."""
    plain = token.dep_ == "advmod" and token.tag_ == "RB" and not list(token.children)
    return plain and token.i < token.head.i and token.lower_ not in LINKS


def _tied(preposition: Token) -> list[Token]:
    """The second preposition of "out of order", "from beneath the marsh"; none of "as for the lantern"."""
    following = [child for child in preposition.rights if child.dep_ == "prep" and child.i == preposition.i + 1]
    return following if preposition.lower_ != "as" else []


def _by_name(noun: Token) -> Token:
    """The name beside a noun that a pronoun owns: "Hesk Orrowick" of "Their father, Hesk Orrowick, had built both"."""
    owned = any(child.tag_ == "PRP$" for child in noun.lefts)
    name = next((child for child in noun.rights if child.dep_ == "appos" and child.pos_ == "PROPN"), None)
    return name if owned and name is not None else noun
