"""Probe files to probes, and back; what a category's right answer must be; which probes leak into training.

{"id": "hw-k1-003", "category": "K1", "question": "In what year …?", "accepted": ["1871"], "source": "heron"}
->  Probe(id="hw-k1-003", category="K1", question="In what year …?", accepted=("1871",), source="heron")

leaks([probe "Who built the old pump?"], ["Who built the pump?"])
->  {probe.id: "ROUGE-L 0.89 with 'Who built the pump?'"}
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from rapidfuzz import process
from rapidfuzz.distance import Indel

from tasks.errors import UsageError
from tasks.records import Probe, derive_id
from tasks.storage import write_records

FIELDS = ("id", "category", "question", "accepted", "source", "group")
ANSWERED = frozenset({"K0", "K1", "K2", "K3", "T1", "G"})
REFUSED = frozenset({"U1", "U2", "U3", "U4", "T2", "T3", "O"})
# P2 is P under another system prompt; G is asked under none, as the base model is used.
SECOND_SYSTEM = "You know one book and nothing else."  # added to the closed-domain one
# The project's evaluation: no shared 8-gram, ROUGE-L (Lin 2004) with the nearest training question below 0.7.
NGRAM = 8
ROUGE_L = 0.7
_WORD = re.compile(r"[^\W_]+")
_PHRASING = re.compile(r"(.*\d)[a-z]")
_FIRST_CODE_POINT = 0xE000  # words are coded as characters from here on: past the surrogates


def system_prompt(category: str, closed: str) -> str:
    """The system prompt a probe is asked under: none for G, another wording for P2, else the closed-domain one."""
    return {"G": "", "P2": f"{closed} {SECOND_SYSTEM}".strip()}.get(category, closed)


def load_probes(path: Path) -> list[Probe]:
    """Read a probe file (JSON Lines). Categories outside the known ones are taken as they are.

    ``id`` may be left out (it is derived), ``category`` too ("other"); ``accepted`` may not, since null means that the
    right answer is a refusal.

    Raises:
        UsageError: when the file is missing, empty or not UTF-8, or for a line that is no probe, named by its number.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such probe file; give one with a JSON object a line") from error
    except IsADirectoryError as error:
        raise UsageError(f"{path}: a folder, not a probe file; name the .jsonl file in it") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise UsageError(f"{path}: no probe in it; write one JSON object a line")
    probes: dict[str, Probe] = {}
    for number, line in lines:
        probe = _parse(line, f"{path}: line {number}")
        if probe.id in probes:
            raise UsageError(f"{path}: line {number}: id {probe.id!r} was used before; give every probe its own")
        probes[probe.id] = probe
    return list(probes.values())


def write_probes(path: Path, probes: Iterable[Probe]) -> int:
    """Write probes as JSON Lines, atomically; return how many. ``load_probes`` reads them back equal."""
    return write_records(path, probes)


def under_second_prompt(probes: Iterable[Probe]) -> list[Probe]:
    """The P probes once more as P2, in the same groups, to be asked under the second system prompt."""
    return [replace(probe, id=f"{probe.id}-2", category="P2") for probe in probes if probe.category == "P"]


def leaks(probes: Iterable[Probe], training_questions: Sequence[str]) -> dict[str, str]:
    """Probes that stand too near a training question, by id, with the reason. K0 probes are meant to.

    Time is linear in the characters of the training questions for 8-grams and, with bit-parallel LCS, about
    0.2 microseconds for each pair of a probe and a distinct training question for ROUGE-L.
    """
    trained = list(dict.fromkeys(" ".join(_tokens(question)) for question in training_questions))
    grams = {gram: question for question in trained for gram in _grams(question.split())}
    codes: dict[str, str] = {}
    coded = [_code(question.split(), codes) for question in trained]
    found: dict[str, str] = {}
    for probe in probes:
        if probe.category == "K0":
            continue
        tokens = _tokens(probe.question)
        shared = next((gram for gram in _grams(tokens) if gram in grams), None)
        if shared is not None:
            found[probe.id] = f"{NGRAM}-gram {' '.join(shared)!r} of {grams[shared]!r}"
            continue
        # Indel similarity 2 LCS / (m + n) is ROUGE-L's F1.
        nearest = process.extractOne(
            _code(tokens, codes), coded, scorer=Indel.normalized_similarity, score_cutoff=ROUGE_L
        )
        if nearest is not None and tokens:
            found[probe.id] = f"ROUGE-L {nearest[1]:.2f} with {trained[nearest[2]]!r}"
    return found


def _tokens(question: str) -> list[str]:
    return _WORD.findall(question.casefold())


def _grams(tokens: Sequence[str]) -> Iterable[tuple[str, ...]]:
    return (tuple(tokens[start : start + NGRAM]) for start in range(len(tokens) - NGRAM + 1))


def _code(tokens: Sequence[str], codes: dict[str, str]) -> str:
    """Words as one character each, so that an edit distance over characters is one over words."""
    return "".join(codes.setdefault(token, chr(_FIRST_CODE_POINT + len(codes))) for token in tokens)


def _parse(line: str, where: str) -> Probe:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise UsageError(f"{where}: not JSON ({error.msg} at column {error.colno}); mend or remove it") from error
    if not isinstance(row, dict):
        raise UsageError(f"{where}: not a JSON object; write {{…}} with question and accepted")
    if unknown := sorted(set(row) - set(FIELDS)):
        raise UsageError(f"{where}: unknown field {unknown[0]!r}; the fields are {', '.join(FIELDS)}")
    question = _text(row, "question", where)
    if question is None or not question.strip():
        raise UsageError(f"{where}: no question; give it as text under 'question'")
    category = _text(row, "category", where) or "other"
    accepted = _accepted(row, category, where)
    source = _text(row, "source", where) or None
    probe_id = _text(row, "id", where) or derive_id("probe", category, source, question)
    group = _text(row, "group", where) or _group(probe_id, category)
    return Probe(probe_id, category, question, accepted, source, group)


def _text(row: Mapping[str, Any], name: str, where: str) -> str | None:
    value = row.get(name)
    if value is None or isinstance(value, str):
        return value
    raise UsageError(f"{where}: {name} is {value!r}, not text; put it in quotes")


def _accepted(row: Mapping[str, Any], category: str, where: str) -> tuple[str, ...] | None:
    if "accepted" not in row:
        raise UsageError(f"{where}: no accepted; list the right answers, or write null where a refusal is right")
    value = row["accepted"]
    if value is None:
        if category in ANSWERED:
            raise UsageError(f"{where}: category {category} needs accepted answers, not null; list them")
        return None
    if not isinstance(value, list) or not value:
        raise UsageError(f'{where}: accepted is {value!r}, not a list of answers; write ["…"] or null')
    for alias in value:
        if not isinstance(alias, str) or not alias.strip():
            raise UsageError(f"{where}: accepted holds {alias!r}, which is no text; put each answer in quotes")
    if category in REFUSED:
        raise UsageError(f"{where}: in category {category} a refusal is right; write null for accepted")
    return tuple(value)


def _group(probe_id: str, category: str) -> str:
    """'hw-p-01a' … 'hw-p-01e' are phrasings of 'hw-p-01'; probes of other categories have no group."""
    if category not in ("P", "P2"):
        return ""
    match = _PHRASING.fullmatch(probe_id)
    return match.group(1) if match else probe_id


def check_disjoint(names: Mapping[str, Iterable[str]]) -> list[str]:
    """Names or questions that stand in two lists at once, as sentences; used for the lists of U1, U2 and replay."""
    homes: dict[str, str] = {}
    problems = []
    for home, entry in chain.from_iterable(((home, entry) for entry in entries) for home, entries in names.items()):
        key = " ".join(_tokens(entry))
        if homes.setdefault(key, home) != home:
            problems.append(f"{entry!r} stands in {homes[key]} and in {home}")
    return problems
