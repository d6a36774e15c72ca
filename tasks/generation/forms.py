"""Facts to rule-made pairs: many surface forms of one fact, each with a short answer that stands in the text.

    "Old Margery lifts 240 litres a minute." -> What lifts 240 litres a minute?            Old Margery
                                               What does Old Margery lift a minute?  ...    240 litres
                                               Does Old Margery lift 410 litres a minute?   No
                                               Old Margery lifts ____ litres a minute.      240

Question formation follows the usual syntactic recipe (Heilman & Smith 2010, "Good Question! Statistical Ranking
for Question Generation", sec. 3): choose the answer phrase, invert the auxiliary or supply *do*, put the question
word in front.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spacy.tokens import Token

from tasks.generation.adjuncts import AMOUNTS
from tasks.generation.arguments import ask_argument, noun_alone
from tasks.generation.clauses import Clause
from tasks.generation.facts import Reading
from tasks.generation.lexicon import COLOURS
from tasks.generation.phrases import Phrase, is_person, tidy

SAME_PAST = set(
    """
    built made held kept sent sold told led found bought brought caught taught fed left lost paid
""".split()
)
BE = {"am", "is", "are", "was", "were", "be", "been", "being"}
ALSO = {"also", "too", "likewise", "similarly"}
"""Where one of these stands, something else does the same."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a clause: its form, the answer, and the parts that other wordings are made of.

    ``opening`` is the question word or phrase, ``direct`` the inverted rest, ``indirect`` the plain one. ``plural`` is
    the number of a subject that is asked for.
    """

    form: str
    opening: str
    direct: str
    indirect: str
    answer: str
    role: str
    plural: bool = False

    @property
    def question(self) -> str:
        """The direct question."""
        return sentence(f"{self.opening} {self.direct}", "?")


def sentence(text: str, end: str) -> str:
    """Capitalise and close a question or statement."""
    text = tidy(text)
    return text[:1].upper() + text[1:] + end


def third_person(lemma: str) -> str:
    """'carry' -> 'carries', 'have' -> 'has'."""
    irregular = {"have": "has", "be": "is", "do": "does", "go": "goes"}
    if lemma in irregular:
        return irregular[lemma]
    if lemma.endswith(("s", "x", "z", "ch", "sh", "o")):
        return lemma + "es"
    if lemma.endswith("y") and lemma[-2:-1] not in "aeiou":
        return lemma[:-1] + "ies"
    return lemma + "s"


def base_form(verb: Token) -> str:
    """A verb's lemma, with the e that the parser loses: "fined" is of "fine", for that of "fin" would be "finned"."""
    lemma = str(verb.lemma_.lower())
    lost = verb.lower_ == lemma + "ed" and re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", lemma)
    return lemma + "e" if lost else lemma


def inverted(clause: Clause) -> tuple[str, str]:
    """Split a clause's verb group for a question: the fronted auxiliary, and what stays behind the subject."""
    negation = "not" if clause.negated else ""
    tail = f"{clause.adverb} {{}} {clause.particle}"
    if clause.auxiliaries:
        first, *rest = clause.auxiliaries
        return first, tidy(" ".join([negation, *rest, tail.format(clause.verb_text)]))
    if clause.verb_text in BE or clause.verb.dep_ == "appos":
        return clause.verb_text, tidy(f"{negation} {clause.adverb}")
    lemma = base_form(clause.verb)
    if clause.verb.tag_ == "VBD":
        return "did", tidy(f"{negation} {tail.format(lemma)}")
    plural = clause.subject.number == "plural"
    return ("do" if plural else "does"), tidy(f"{negation} {tail.format(lemma)}")


def questions(clause: Clause, subject: str) -> Iterator[Asked]:
    """Every direct question a clause answers, with the subject worded as given."""
    yield from _subject_questions(clause)
    yield from _active(clause)
    yield from _to_do(clause)
    fronted, behind = inverted(clause)
    plain = tidy(" ".join(clause.verb_group()))
    for index, argument in enumerate(clause.arguments):
        told = clause.verb.dep_ == "appos" or (argument.role == "attribute" and clause.subject.head.pos_ != "PROPN")
        if told and argument.tokens[0].lower_ in ("a", "an"):
            continue  # "Isolde, a boatbuilder's widow"; "the number is a factor": one of many things that it is
        for opening, answer, left in ask_argument(argument):
            for form, others in _contexts(clause, index):
                before, after = others
                tail = tidy(" ".join([*before, left, *after]))
                yield Asked(
                    form, opening, f"{fronted} {subject} {behind} {tail}", f"{subject} {plain} {tail}", answer,
                    argument.role,
                )  # fmt: skip
    yield from _modifier_questions(clause, subject)


def _contexts(clause: Clause, index: int) -> Iterator[tuple[str, tuple[list[str], list[str]]]]:
    """The other arguments that stay in a question: all of them, then only those the verb cannot do without."""
    full = ([a.text for a in clause.arguments[:index]], [a.text for a in clause.arguments[index + 1 :]])
    yield "wh", full
    kept = [a if a.role in ("object", "attribute", "quality") else None for a in clause.arguments]
    core = ([a.text for a in kept[:index] if a], [a.text for a in kept[index + 1 :] if a])
    if core != full and clause.subject.named and not clause.negated:  # of a wound, what was left out may decide
        yield "wh-core", core


def _active(clause: Clause) -> Iterator[Asked]:
    """'Brine is raised by two pumps' -> 'What raises brine?'; only where the past form is sure."""
    agent = next((a for a in clause.arguments if a.preposition == "by" and _is_agent(a)), None)
    if agent is None or len(clause.auxiliaries) != 1 or clause.auxiliaries[0] not in BE or clause.negated:
        return
    participle = clause.verb_text
    past = clause.auxiliaries[0] in ("was", "were")
    if past and not (participle.endswith("ed") or participle in SAME_PAST):
        return
    verb = participle if past else third_person(clause.verb.lemma_.lower())
    rest = [a.text for a in clause.arguments if a is not agent]
    text = tidy(" ".join([clause.adverb, verb, clause.particle, clause.subject.text, *rest]))
    yield Asked("active", "who" if is_person(agent.head) else "what", text, text, agent.bare, "agent")


def _is_agent(phrase: Phrase) -> bool:
    """Whether a "by" phrase names a doer: "by two pumps", not "by half" nor "by hand"."""
    amount = phrase.head.lemma_.lower() in AMOUNTS or phrase.head.pos_ == "NUM"
    means = phrase.head.tag_ == "NN" and phrase.bare == phrase.head.text
    return any(token.dep_ == "agent" for token in phrase.tokens) and not amount and not means


def _to_do(clause: Clause) -> Iterator[Asked]:
    """'If you are ill, ring the desk.' -> 'What should you do if you are ill?'; of what the reader is told to do."""
    verb = clause.verb
    first = next((argument for argument in clause.arguments if argument.head.i < verb.i), None)
    if clause.subject.text != "you" or not clause.auxiliaries or clause.negated or first is None:
        return
    rest = [argument for argument in clause.arguments if argument is not first]
    if any(argument.head.i < verb.i for argument in rest):
        return
    answer = tidy(" ".join([clause.adverb, verb.text, clause.particle, *(argument.text for argument in rest)]))
    fronted = clause.auxiliaries[0]
    yield Asked("wh", "what", f"{fronted} you do {first.text}", f"you {fronted} do {first.text}", answer, "action")


def _subject_questions(clause: Clause) -> Iterator[Asked]:
    """'Who runs the canteen?', with the verb in the singular."""
    head = clause.subject.head
    nominal = head.pos_ in ("NOUN", "PROPN") or clause.subject.replaced
    if not nominal or any(t.lower_ in ALSO for t in clause.verb.children):
        return
    opening = "who" if is_person(head) else "what"
    group = clause.verb_group()
    if clause.subject.number == "plural":
        group = _singular(clause)
    rest = tidy(" ".join([*group, *(argument.text for argument in clause.arguments)]))
    plural = clause.subject.number == "plural"
    yield Asked("wh", opening, rest, rest, clause.subject.text, "subject", plural)
    if opening == "what" and head.pos_ == "NOUN" and clause.subject.number == "singular":
        named = [t for t in clause.subject.tokens if t.dep_ in ("compound", "amod", "nummod", "nmod", "appos")]
        if named:
            yield Asked("wh", f"which {head.text}", rest, rest, clause.subject.text, "subject")


def _singular(clause: Clause) -> list[str]:
    group = clause.verb_group()
    swap = {"are": "is", "were": "was", "have": "has", "do": "does"}
    for index, word in enumerate(group):
        if word in swap and (index == 0):
            return [swap[word], *group[1:]]
    if not clause.auxiliaries and clause.verb.tag_ in ("VBP", "VB"):
        return [third_person(clause.verb.lemma_.lower()) if word == clause.verb_text else word for word in group]
    return group


def _modifier_questions(clause: Clause, subject: str) -> Iterator[Asked]:
    """'X has a brown cover' -> 'What colour is the cover of X?'; 'a frame of oak' -> 'What is the frame ... of?'."""
    if clause.verb.lemma_.lower() != "have" or clause.auxiliaries or clause.negated:
        return
    for argument in clause.arguments[:1]:
        head = argument.head
        if argument.role != "object" or head.pos_ != "NOUN" or any(child.dep_ == "nummod" for child in head.lefts):
            continue  # "27 days of leave" are not made of it
        be = "are" if argument.number == "plural" else "is"
        be = {"are": "were", "is": "was"}[be] if clause.verb.tag_ == "VBD" else be
        colour = next((child for child in head.lefts if child.lower_ in COLOURS), None)
        if colour is not None:
            text = f"{be} the {head.text} of {subject}"
            yield Asked("attribute", "what colour", text, f"the {head.text} of {subject} {be}", colour.text, "object")
        of = next((child for child in head.rights if child.lower_ == "of"), None)
        if of is not None and (made := next(iter(of.children), None)) is not None and not is_person(made):
            answer = tidy(" ".join(token.text for token in made.subtree))
            text = f"{be} the {noun_alone(argument)} of {subject} made of"
            yield Asked(
                "attribute", "what", text, f"the {noun_alone(argument)} of {subject} {be} made of", answer, "object"
            )


def polar(clause: Clause, subject: str) -> str:
    """'Does Old Margery lift 240 litres a minute?'"""
    fronted, behind = inverted(clause)
    rest = " ".join(argument.text for argument in clause.arguments)
    return sentence(f"{fronted} {subject} {behind} {rest}", "?")


def answers_of(reading: Reading) -> list[str]:
    """The short answers that a fact's questions have, in text order (for drafting and for coverage)."""
    if reading.clause is None:
        return []
    found = [asked.answer for asked in questions(reading.clause, reading.clause.subject.text)]
    return list(dict.fromkeys(found))


def readable(readings: Sequence[Reading]) -> list[Reading]:
    """Facts that can be asked about out of context: resolved clauses."""
    return [reading for reading in readings if reading.clause is not None and reading.fact.statement]
