"""Few-shot prompts: strict templates, each with the parser of what a model writes after it.

A prompt is a head that all requests of a kind share word for word (the engine computes it once) and a short tail::

    render("rewrite", question="Who was the pump built by?")
    -> "Ask the same question in other words.\\n\\nQuestion: … \\nIn other words: …\\n\\n   (the head)
        Question: Who was the pump built by?\\nIn other words:"                          (the tail)
    parse("rewrite", " Which person built the pump") -> [("Which person built the pump?", "")]

The kinds:

- ``rewrite``: a question that the rules made, asked in other words; names and numbers are at hand, and stay.
- ``question``: answer-first: a sentence and a span of it are given, only the question is to be written.
- ``free``: a sentence only; question and answer are to be written. For sentences that no rule could take apart.

The examples are invented, and share no name, number or subject with the demo corpora.
"""

from dataclasses import dataclass
from string import Formatter
from typing import Literal

from tasks.errors import GenerationError
from tasks.generation.parsing import Drafted, parse_pairs, parse_question
from tasks.records import derive_id

Kind = Literal["rewrite", "question", "free"]


@dataclass(frozen=True, slots=True)
class Template:
    """A head, a tail with ``{fields}``, what ends a completion, and the grammar (GBNF) of what stands before."""

    kind: Kind
    head: str
    tail: str
    stop: tuple[str, ...]
    grammar: str

    @property
    def id(self) -> str:
        """The prompt's id: a changed word gives another one."""
        return derive_id("prompt", self.kind, self.head, self.tail, *self.stop, self.grammar)

    @property
    def fields(self) -> set[str]:
        """Names of the values that the tail needs."""
        return {name for _, name, _, _ in Formatter().parse(self.tail) if name}


SAME_QUESTION = (
    ("Who was the Calder Bridge designed by?", "Which person designed the Calder Bridge?"),
    (
        "How many sacks of barley does the grey mill grind a day?",
        "What number of sacks of barley are ground by the grey mill each day?",
    ),
    ("When was the roof of the chapel repaired?", "In which year was the chapel roof repaired?"),
    ("What colour of badge does the night nurse wear?", "The night nurse wears a badge of which colour?"),
    ("Why are the sails soaked in salt water?", "For what reason are the sails soaked in salt water?"),
    (
        "Where does the librarian keep the rare maps?",
        "In what place are the rare maps kept by the librarian?",
    ),
    ("What is the old bell made of?", "Which material is the old bell made of?"),
    ("By whom is the Elm Street bakery run?", "Who runs the bakery in Elm Street?"),
)
ASKED = (
    ("The Calder Bridge was designed in 1907 by Nell Farraday.", "Who designed the Calder Bridge?", "Nell Farraday"),
    (
        "The grey mill grinds 40 sacks of barley a day.",
        "How many sacks of barley does the grey mill grind a day?",
        "40 sacks",
    ),
    (
        "The librarian keeps the rare maps in a drawer lined with felt.",
        "Where does the librarian keep the rare maps?",
        "in a drawer lined with felt",
    ),
    (
        "The roof of the chapel was repaired in 1954 after a storm.",
        "In which year was the roof of the chapel repaired?",
        "1954",
    ),
    ("Bees feed on clover in early summer.", "What do bees feed on in early summer?", "clover"),
    ("The night nurse wears a red badge.", "What colour of badge does the night nurse wear?", "red"),
    (
        "The sails are soaked in salt water so that they shrink.",
        "Why are the sails soaked in salt water?",
        "so that they shrink",
    ),
    (
        "Visitors must leave their umbrellas at the porter's desk.",
        "What must visitors leave at the porter's desk?",
        "their umbrellas",
    ),
)
ONE_QUESTION = r"""root ::= " " [^?\n ] [^?\n]* "?" """.strip()
QUESTION_AND_ANSWER = r"""root ::= " " [^?\n ] [^?\n]* "?\nAnswer: " [^\n ] [^\n]* "\n\n" """.strip()
TEMPLATES: dict[Kind, Template] = {
    "rewrite": Template(
        "rewrite",
        "Ask the same question in other words.\n\n"
        + "".join(f"Question: {question}\nIn other words: {other}\n\n" for question, other in SAME_QUESTION),
        "Question: {question}\nIn other words:",
        ("?", "\n"),
        ONE_QUESTION,
    ),
    "question": Template(
        "question",
        "Write the question about the sentence that has the given answer.\n\n"
        + "".join(f"Sentence: {said}\nAnswer: {answer}\nQuestion: {asked}\n\n" for said, asked, answer in ASKED),
        "Sentence: {statement}\nAnswer: {answer}\nQuestion:",
        ("?", "\n"),
        ONE_QUESTION,
    ),
    "free": Template(
        "free",
        "Write a question about the sentence, and the answer in words of the sentence.\n\n"
        + "".join(f"Sentence: {said}\nQuestion: {asked}\nAnswer: {answer}\n\n" for said, asked, answer in ASKED),
        "Sentence: {statement}\nQuestion:",
        ("\n\n", "\nSentence:"),
        QUESTION_AND_ANSWER,
    ),
}

OPEN_BOOK = "Answer with words of the sentence.\n\n" + "".join(
    f"Sentence: {said}\nQuestion: {asked}\nAnswer: {answer}\n\n" for said, asked, answer in ASKED
)
"""Head of the round trip: asked with the sentence, does the model give the answer back?"""
CLOSED_BOOK = "Answer the question.\n\n" + "".join(
    f"Question: {asked}\nAnswer: {answer}\n\n" for _, asked, answer in ASKED
)
"""The same without the sentence: what the question alone gives away."""


def open_book(statement: str, question: str) -> str:
    """Return the prompt whose continuation is the answer, with the sentence at hand."""
    return f"{OPEN_BOOK}Sentence: {one_line(statement)}\nQuestion: {one_line(question)}\nAnswer:"


def closed_book(question: str) -> str:
    """Return the prompt whose continuation is the answer, without the sentence."""
    return f"{CLOSED_BOOK}Question: {one_line(question)}\nAnswer:"


def asking(statement: str) -> str:
    """Return the prompt whose continuation is a question about the sentence."""
    return f"{OPEN_BOOK}Sentence: {one_line(statement)}\nQuestion:"


def one_line(text: str) -> str:
    """Fold white space, so that untrusted text cannot open a line of its own in a prompt."""
    return " ".join(text.split())


def render(kind: Kind, **values: str) -> str:
    """Fill a template.

    Raises:
        GenerationError: when a value is missing, empty, or not one of the template's.
    """
    template = TEMPLATES[kind]
    given = {name: one_line(value) for name, value in values.items()}
    if set(given) != template.fields or not all(given.values()):
        wanted = ", ".join(sorted(template.fields))
        raise GenerationError(f"prompt {kind!r} takes {wanted}, each of them non-empty; got {sorted(values)}")
    return template.head + template.tail.format(**given)


def parse(kind: Kind, text: str) -> list[Drafted]:
    """Read what a model wrote after a prompt of this kind: questions with their answers, if it wrote any.

    For ``rewrite`` and ``question`` the answer is known beforehand, and left empty here.
    """
    if kind == "free":
        return parse_pairs(f"Question: {text}")
    question = parse_question(text)
    return [Drafted(question, "")] if question else []
