"""An answer to the sentence of the corpus that says it: what a reader checks a closed-book answer by.

    "The Badger was last relined in 1909."
    -> Evidence(source="works", section="page 3", start=4169, end=4204, text="It was last relined in 1909.")

The model never sees the sentence: it is looked up after the answer is given. A sentence is evidence when it, or its
wording with pronouns resolved, holds every name and number of the answer and most of its other words. No sentence found
means that the corpus does not say so in these words, which is what a made-up answer looks like.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tasks.curation.wording import content_words, is_number, names
from tasks.records import Document, Fact, Pair

LEAST_SHARE = 0.8
"""Share of the answer's content words in the sentence: ROUGE-1's precision without stop words, as in ``curation``."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence of a document: its source tag, the page or chapter it stands in ("" if unmarked), and its span."""

    source: str
    section: str
    start: int
    end: int
    text: str

    @property
    def place(self) -> str:
        """Where it stands: "works, page 3"."""
        return f"{self.source}, {self.section}" if self.section else self.source


@dataclass(frozen=True, slots=True)
class Sentence:
    """A span of a document with its comparable words, those of its resolved wording among them."""

    source: str
    start: int
    end: int
    words: frozenset[str]


def sentences_of(documents: Sequence[Document], facts: Iterable[Fact], pairs: Iterable[Pair]) -> list[Sentence]:
    """The sentences that a run has facts or pairs of, each once, in text order."""
    texts = {document.source: document.text for document in documents}
    spans: dict[tuple[str, int, int], set[str]] = {}
    said = [(fact.source, fact.start, fact.end, fact.statement) for fact in facts]
    said += [(pair.source, pair.evidence_start, pair.evidence_end, pair.statement) for pair in pairs]
    for source, start, end, statement in said:
        if source in texts and 0 <= start < end:
            spans.setdefault((source, start, end), set()).update(content_words(statement))
    return [
        Sentence(source, start, end, frozenset(words.union(content_words(texts[source][start:end]))))
        for (source, start, end), words in sorted(spans.items())
    ]


def find_evidence(answer: str, sentences: Iterable[Sentence], documents: Sequence[Document]) -> Evidence | None:
    """The sentence that says the answer, or None; of several the one with the least besides."""
    wanted = set(content_words(answer))
    marks = names(answer).union(filter(is_number, wanted))
    fitting = [
        (len(wanted & sentence.words) / len(sentence.words | wanted), -sentence.start, sentence)
        for sentence in sentences
        if wanted and marks <= sentence.words and len(wanted & sentence.words) >= LEAST_SHARE * len(wanted)
    ]
    if not fitting:
        return None
    best = max(fitting, key=lambda found: found[:2])[2]
    document = next(document for document in documents if document.source == best.source)
    text = " ".join(document.text[best.start : best.end].split())
    return Evidence(best.source, document.section_at(best.start), best.start, best.end, text)
