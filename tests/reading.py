"""What the clause reader and the rules make of a text, for tests."""

from tasks.corpus.sentences import split_sentences
from tasks.generation.facts import build_ledger
from tasks.generation.syntax import ClauseReader
from tasks.generation.variants import rule_pairs
from tasks.records import Document


def statements(text: str) -> list[str]:
    """The statements of clauses that stand alone."""
    return [
        clause.statement
        for segment in ClauseReader(text, split_sentences(text))
        for clause in segment.clauses
        if clause.resolved
    ]


def recitals(text: str) -> list[str]:
    """What each segment says, in its resolved wording."""
    return [segment.recital for segment in ClauseReader(text, split_sentences(text))]


def asked(text: str) -> dict[str, str]:
    """Every question that the rules ask of a text, and its answer."""
    readings = build_ledger(Document.create("a text", text), split_sentences(text))
    return {pair.question: pair.answer for pair in rule_pairs(readings, [], limit=60, seed=17)}
