"""A run's student, loaded to be asked: the tuned model and its base, with the one way of rendering a question.

student = open_student(Path("generated/heron"), config)
student.answer("Who keeps the keys?", source="heron")     Answer("Corwin Asplehurst keeps the keys.", margin=-14.2)
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.config import Config
from tasks.curation.refusals import OPENING
from tasks.records import Document
from tasks.storage import OUTCOME, read_records

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from tasks.probing.decoding import Answer, Decoding
    from tasks.tuning.rendering import Renderer

CALIBRATION = "adapter/calibration.json"


@dataclass(frozen=True, slots=True)
class Student:
    """What it takes to ask a run's model. ``base`` is None where it is the tuned model with its adapter off."""

    tuned: "PreTrainedModel | PeftModel"
    base: "PreTrainedModel | None"
    tokenizer: "PreTrainedTokenizerBase"
    renderer: "Renderer"
    decoding: "Decoding"
    system: str
    sources: frozenset[str]

    def prompt(self, question: str, *, source: str | None = None, system: str | None = None) -> str:
        """Render a question; ``system`` None is the run's own closed-domain prompt."""
        return self.renderer.asked(question, source=source or "", system=self.system if system is None else system)

    @property
    def opening(self) -> str:
        """How a refusal begins behind a prompt."""
        return self.renderer.answer_opening(OPENING)

    def answer(self, question: str, *, source: str | None = None, base: bool = False) -> "Answer":
        """Answer one question, with its margin; the base answers greedily, and refuses only by its own words."""
        from tasks.probing.asking import as_base, ask

        prompts = [self.prompt(question, source=source)]
        if base:
            with as_base(self.tuned, self.base) as untuned:
                own = replace(self.decoding, threshold=None)
                return ask(untuned, self.tokenizer, prompts, opening=self.opening, decoding=own)[0]
        return ask(
            self.tuned, self.tokenizer, prompts, opening=self.opening, questions=[question], base=self.base,
            barred=self.bars(source), decoding=self.decoding,
        )[0]  # fmt: skip

    def sources_of(self, question: str, answer: str) -> dict[str, float]:
        """How likely the model has an answer from each of the run's documents, likeliest first."""
        from tasks.probing.attribution import attribute

        prompts = {source: self.prompt(question, source=source) for source in sorted(self.sources)}
        return attribute(self.tuned, self.tokenizer, prompts, self.renderer.answer_opening(answer))

    def bars(self, source: str | None) -> bool:
        """Whether a Source tag is that of no document of the run."""
        return bool(source) and source not in self.sources


def open_student(run: Path, config: Config, *, threshold: float | None = None, exact: bool = False) -> Student:
    """Load a run's tuned model; it refuses above ``threshold``, by default the configured or calibrated one.

    ``exact`` keeps the adapter apart from its base, as it was trained.

    Raises:
        StorageError: when the run has no adapter yet.
        ModelError: when the base model cannot be had.
    """
    from tasks.probing.decoding import Decoding
    from tasks.tuning.rendering import Renderer, choose_template
    from tasks.tuning.students import load_tokenizer, load_tuned, woken_by

    tuning, probing = config.tuning, config.probing
    threshold = probing.margin_threshold if threshold is None else threshold
    if threshold is None and (run / CALIBRATION).is_file():
        threshold = float(json.loads((run / CALIBRATION).read_text(encoding="utf-8"))["threshold"])
    from peft import PeftModel

    sources = [document.source for document in read_records(run / "documents.jsonl", Document)]
    tuned, base = load_tuned(
        tuning.student, run / "adapter", method=tuning.method, exact=exact, remote_code=tuning.remote_code
    )
    tokenizer = load_tokenizer(tuning.student, remote_code=tuning.remote_code)
    return Student(
        tuned=tuned,
        base=None if isinstance(tuned, PeftModel) else base,
        tokenizer=tokenizer,
        renderer=Renderer(tokenizer, choose_template(tokenizer, tuning.template, tuning.student)),
        decoding=Decoding(
            probing.batch_size, probing.max_new_tokens, threshold=threshold, recitals=probing.recitals,
            book=book_of(sources), woken_by=tuple(woken_by(run / "adapter")), longest=longest_taught(run),
        ),
        system=tuning.system,
        sources=frozenset(sources),
    )  # fmt: skip


def longest_taught(run: Path) -> int:
    """Tokens of the longest answer that a run's model was taught; 0 where its training did not say."""
    if not (run / OUTCOME).is_file():
        return 0
    return int(json.loads((run / OUTCOME).read_text(encoding="utf-8")).get("longest", 0))


def book_of(sources: Sequence[str]) -> str:
    """What a run's texts are about, by the names of the first few: ['heron-works'] -> 'Heron works'."""
    return ", ".join(source.replace("-", " ").capitalize() for source in sources[:3])
