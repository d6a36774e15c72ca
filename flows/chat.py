"""Questions to a run's model at a terminal: the answer, and under it what it can be checked by.

    ? When was the Badger last relined?
    The Badger was last relined in 1909.
      heronsmere-works: "The Badger was last relined in 1909."     the sentence of the corpus that says so
      the model has it from heronsmere-works (97%)                 of several documents: tasks/probing/attribution.py
      margin -14.2, refuses above 1.6                              how far the model was from declining, in nats

Answers go to standard output, the rest to standard error: in a pipe there are answers, one a line.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rich.text import Text

from flows.models import named
from flows.run_folder import read_setup
from flows.students import Student, open_student
from flows.terminal import console, wait
from tasks.probing.evidence import Evidence, Sentence, find_evidence, sentences_of
from tasks.probing.scoring import verdict
from tasks.records import Document, Fact, Pair
from tasks.storage import read_records

MOST_SOURCES = 64
"""Documents that the model is asked about for each answer, a prompt a document."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with its refusal margin and threshold in nats, and the sentence of the corpus that says it.

    ``sources`` is how likely the model has the answer from each document, likeliest first; {} where it was not asked.
    """

    question: str
    answer: str
    refused: bool
    margin: float
    threshold: float
    source: str
    evidence: Evidence | None
    sources: dict[str, float] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """The reply as a JSON object."""
        found = self.evidence
        return {
            "question": self.question,
            "answer": self.answer,
            "refused": self.refused,
            "margin": round(self.margin, 3),
            "threshold": round(self.threshold, 3),
            "source": self.source or None,
            "sources": {source: round(share, 4) for source, share in self.sources.items()},
            "evidence": None
            if found is None
            else {
                "source": found.source,
                "section": found.section or None,
                "start": found.start,
                "end": found.end,
                "text": found.text,
            },
        }

    def notes(self) -> list[Text]:
        """What is said under the answer; nothing in it can steer the terminal."""
        if self.evidence is not None:
            said = f'{self.evidence.place}: "{self.evidence.text}"'
        else:
            said = "declined" if self.refused else "no sentence of the corpus says so in these words"
        margin = f"margin {self.margin:.1f}, refuses above {self.threshold:.1f}"
        named = [_plain(f"  the model has it from {one} ({share:.0%})") for one, share in [*self.sources.items()][:1]]
        tag = f", asked under Source:{self.source}" if self.source else ""
        return [_plain(f"  {said}"), *named, _plain(f"  {margin}{tag}")]


def _plain(text: str) -> Text:
    return Text("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text), "dim")


class Chat:
    """A run's model with its corpus beside it, for evidence only."""

    def __init__(self, run: Path, *, source: str = "", base: bool = False, threshold: float | None = None) -> None:
        """Load the model.

        Args:
            source: the Source tag to ask under; "" for none.
            base: ask the model as it was before tuning.
            threshold: refuse above this margin in nats; None: the calibrated one.

        Raises:
            StorageError: when the run has no model yet.
            ModelError: when its base cannot be had.
        """
        self.source, self.base = source, base
        setup = read_setup(run)
        with wait("loading", work=f"loading student {named(setup.config)}"):
            self.student: Student = open_student(run, setup.config, threshold=threshold)
        self.documents = read_records(run / "documents.jsonl", Document)
        facts = read_records(run / "facts.jsonl", Fact)
        self.sentences: list[Sentence] = sentences_of(self.documents, facts, read_records(run / "pairs.jsonl", Pair))

    def reply(self, question: str) -> Reply:
        """Answer one question."""
        answer = self.student.answer(question, source=self.source or None, base=self.base)
        refused = verdict(answer.text, None, question) == "refused"
        evidence = None if refused else find_evidence(answer.text, self.sentences, self.documents)
        threshold = 0.0 if self.base else self.student.decoding.threshold or 0.0
        several = not refused and not self.base and not self.source and 1 < len(self.student.sources) <= MOST_SOURCES
        sources = self.student.sources_of(question, answer.text) if several else {}
        return Reply(question, answer.text, refused, answer.margin, threshold, self.source, evidence, sources)


class Answers(Protocol):
    """Whatever replies to questions."""

    def reply(self, question: str) -> Reply:
        """Answer one question."""
        ...


def converse(chat: Answers, question: str | None, *, as_json: bool = False) -> None:
    """Answer one question, or, where there is none, each line of standard input until an empty one."""
    for asked in [question] if question is not None else _lines():
        reply = chat.reply(asked)
        if as_json:
            print(json.dumps(reply.row(), ensure_ascii=False), flush=True)
            continue
        print(_plain(reply.answer).plain if sys.stdout.isatty() else reply.answer, flush=True)
        if console.is_terminal:
            for note in reply.notes():
                console.print(note)


def _lines() -> Iterator[str]:
    """Lines of standard input, asked for with a question mark where a person types them."""
    prompt = "? " if sys.stdin.isatty() else ""
    while True:
        print(prompt, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline().strip()
        if not line:
            return
        yield line
