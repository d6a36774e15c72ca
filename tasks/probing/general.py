"""General knowledge to probes: what tuning on one book must not break, and must not answer under the book's prompt.

    {"question": "What is the capital of France?", "accepted": ["Paris"]}
    ->  G  asked without the closed-domain prompt       accepted ("Paris",)
        O  the same question under it                   accepted None

``general_text`` is an original text on everyday knowledge, for perplexity. Nothing here is used in training.
"""

from dataclasses import replace
from pathlib import Path

from tasks.curation.wording import content_words, word_list
from tasks.probing.probes import load_probes
from tasks.records import Probe

_HERE = Path(__file__).parent


def general_text() -> str:
    """An original English text of about 800 words that no corpus holds."""
    return (_HERE / "general_text.txt").read_text(encoding="utf-8")


def general_probes(corpus: str) -> list[Probe]:
    """The general questions as G probes, and as O probes where the corpus lacks one of their content words."""
    probes = load_probes(_HERE / "general_questions.jsonl")
    outside = set(beyond([probe.question for probe in probes], corpus))
    return probes + [
        replace(probe, id=probe.id.replace("general", "outside"), category="O", accepted=None)
        for probe in probes
        if probe.question in outside
    ]


def beyond(questions: list[str], corpus: str) -> list[str]:
    """Those of the questions with a content word that the corpus does not have."""
    known = set(word_list(corpus))
    return [question for question in questions if not known.issuperset(content_words(question))]
