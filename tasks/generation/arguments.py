"""A clause's arguments to the questions that ask for them: what, who, how many, what kind, why, when.

    "240 litres a minute"  ->  ("how many litres", "240 litres", "a minute"), ("what", "240 litres a minute", "")
    "because it rains"     ->  ("why", "because it rains", "")

Each is (question phrase, answer, what stays behind the verb). Adjuncts have a module of their own (adjuncts.py).
"""

from collections.abc import Iterator

from tasks.generation.adjuncts import adjunct_questions
from tasks.generation.lexicon import COLOURS, LIGHT_VERBS, MEASURE_NOUN, MONTHS, SET_OBJECTS, UNITS
from tasks.generation.phrases import Phrase, is_person, tidy


def noun_question(phrase: Phrase) -> list[tuple[str, str, str]]:
    """Ways to ask for a noun phrase: (question phrase, answer, what stays behind the verb)."""
    head, text = phrase.head, phrase.bare
    set_object = head.dep_ == "dobj" and head.head.lemma_.lower() in LIGHT_VERBS
    if (set_object and text.lower().split()[0] in SET_OBJECTS) or head.tag_ == "VBG":
        return []  # "what does it take?" where it takes place; "what did he lie?" where he lay shivering
    ways: list[tuple[str, str, str]] = []
    number = next((child for child in head.lefts if child.dep_ == "nummod" or child.tag_ == "CD"), None)
    noun = noun_alone(phrase)
    clock = any(child.lower_ in ("to", "past") for child in head.rights)  # "ten minutes to eleven"
    if number is not None and noun and not clock and number.lower_ != "one" and head.lemma_.lower() not in MONTHS:
        count = tidy(" ".join(t.text for t in phrase.tokens if t.i <= number.i and t.tag_ not in ("DT", "PRP$")))
        rest = tidy(" ".join(t.text for t in phrase.tokens if t.i > head.i))
        if rest in text and (head.lemma_.lower() in UNITS or head.tag_ == "NNS"):
            ways.append((f"how many {noun}", f"{count} {noun}", rest))
    if is_person(head) and head.tag_ not in ("NNS",):
        ways.append(("who", text, ""))
    elif head.ent_type_ in ("DATE", "TIME") and phrase.role == "adjunct":
        ways.append(("when", text, ""))
    else:
        ways.append(("what", text, ""))
        ways.extend(_kinds(phrase))
    return ways


def noun_alone(phrase: Phrase) -> str:
    """The head noun with its compounds, without numbers and determiners: 'litres', 'linen bags'."""
    head = phrase.head
    kept = [child for child in head.lefts if child.dep_ in ("compound", "amod") and child.tag_ != "CD"]
    return tidy(" ".join(token.text for token in [*kept, head]))


def _kinds(phrase: Phrase) -> Iterator[tuple[str, str, str]]:
    """'What kind of oil', 'what colour of string': asked for the modifier of the head noun."""
    head = phrase.head
    modifiers = [child for child in head.lefts if child.dep_ in ("amod", "compound") and child.pos_ != "PROPN"]
    if not modifiers or head.pos_ != "NOUN":
        return
    first = modifiers[0]
    if first.lower_ in COLOURS:
        yield f"what colour of {head.text}", first.text, ""
    elif first.tag_ in ("NN", "JJ", "NNS") and first.lower_ not in ("own", "other", "same", "new", "first", "last"):
        yield f"what kind of {head.text}", phrase.bare, ""


def clausal_questions(phrase: Phrase) -> list[tuple[str, str, str]]:
    """Ways to ask for a subordinate clause: why, when, under what condition."""
    if phrase.role == "time" and phrase.text.lower().startswith(("until ", "till ")):
        return [("until when", phrase.text, "")]
    if phrase.role == "time" and phrase.text.lower().startswith("since "):
        return [("since when", phrase.text, "")]
    words = {"reason": "why", "purpose": "why", "time": "when", "condition": "when"}
    return [(words[phrase.role], phrase.text, "")] if phrase.role in words else []


def ask_argument(phrase: Phrase) -> list[tuple[str, str, str]]:
    """All ways to ask for one argument of a clause."""
    if phrase.role in ("object", "attribute"):
        return noun_question(phrase)
    if phrase.role == "adjunct":
        return adjunct_questions(phrase)
    if phrase.role == "quality":
        return _quality(phrase)
    return clausal_questions(phrase)


def _quality(phrase: Phrase) -> list[tuple[str, str, str]]:
    head = phrase.head
    if head.lower_ in MEASURE_NOUN and any(token.tag_ == "CD" for token in phrase.tokens):
        return [(f"how {head.text}", phrase.text, "")]
    return [("what colour", phrase.text, "")] if head.lower_ in COLOURS else []
