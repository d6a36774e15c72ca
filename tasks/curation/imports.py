"""Foreign training files to examples: question-answer sets and general replay from elsewhere, through the same filters.

    alpaca      {"instruction": ..., "input": ..., "output": ...}           -> prompt "instruction\\n\\ninput", answer
    sharegpt    {"conversations": [{"from": "human", "value": ...}, ...]}   -> first exchange
    llama2      {"text": "<s>[INST] ... [/INST] ... </s>"}                  -> first exchange, Source tags taken off
    messages    {"messages": [{"role": "user", ...}, ...]}                  -> first exchange
    prompt-completion, and any other columns when they are named: Columns("frage", "antwort", system="rolle")

A file is JSON (a list), JSON Lines or CSV; a folder is a dataset of the ``datasets`` library. A row's shape decides how
it is read. Every exchange becomes an example or a rejection, and so does a row without one. Later turns of a
conversation depend on the earlier ones: they are rejected as ``later-turn``.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.config import CurationConfig
from tasks.curation.control import is_tag
from tasks.curation.filters import EXCERPT, TEXT_CHECKS, examine
from tasks.curation.formats import Turn, split_tags
from tasks.errors import StorageError, UsageError
from tasks.records import Example, Pair, Rejection, derive_id
from tasks.storage import iter_dicts

STAGE = "import"
_EXCHANGE = re.compile(
    r"\[INST\]\s*(?:<<SYS>>\s*(.*?)\s*<</SYS>>\s*)?(.*?)\s*\[/INST\]\s*(.*?)\s*(?=</s>|<s>|\[INST\]|\Z)", re.S
)
_HUMAN, _MODEL = ("human", "user"), ("gpt", "assistant", "chatgpt", "bing", "bard")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a row hold what. Empty names are not there."""

    question: str
    answer: str
    system: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """An example from elsewhere, and the file and row it came from."""

    example: Example
    ref: str


def import_examples(
    path: Path, config: CurationConfig, *, columns: Columns | None = None
) -> Iterator[Imported | Rejection]:
    """Read a file or folder, row by row: each exchange comes out as an example or as a rejection.

    Args:
        path: ``.json``, ``.jsonl``, ``.csv``, or a dataset folder.
        config: limits of the filters.
        columns: names of the columns; None when the rows are of one of the known shapes.

    Raises:
        UsageError: when the path is missing, of another kind, or its rows have no known shape.
        StorageError: when a file is damaged.
    """
    for number, row in enumerate(read_rows(path), 1):
        ref = f"{path.name}:{number}"
        turns = list(_named(row, columns) if columns else _recognised(row, path, number))
        if not turns:
            yield Rejection(STAGE, "no-exchange", ref, str(row)[:EXCERPT])
            continue
        yield from (Rejection(STAGE, "later-turn", ref, turn.prompt[:EXCERPT]) for turn in turns[1:])
        yield _judged(turns[0], ref, config)


def read_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a JSON, JSON Lines or CSV file, or of a dataset folder (its training split, if it has splits).

    Raises:
        UsageError: when there is nothing to read, or nothing of a known kind.
        StorageError: when a file is damaged.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    readers = {".jsonl": iter_dicts, ".json": _json_rows, ".csv": _csv_rows, ".tsv": _csv_rows}
    if not path.is_dir() and path.suffix not in readers:
        raise UsageError(f"{path}: not .json, .jsonl, .csv, .tsv or a dataset folder")
    try:
        yield from _folder_rows(path) if path.is_dir() else readers[path.suffix](path)
    except UnicodeDecodeError as error:
        raise StorageError(f"{path}: byte {error.start} is not UTF-8; convert the file") from error


def _csv_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.DictReader(stream, dialect="excel-tab" if path.suffix == ".tsv" else "excel", restkey="", restval="")
        try:
            yield from rows
        except csv.Error as error:
            raise StorageError(f"{path}: line {rows.line_num}: {error}") from error


def _json_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise StorageError(f"{path}: not JSON: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise StorageError(f"{path}: not a list of objects; name JSON Lines files .jsonl")
    yield from rows


def _folder_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    from datasets import DatasetDict, load_dataset, load_from_disk
    from datasets.exceptions import DatasetsError

    saved = (path / "dataset_dict.json").is_file() or (path / "state.json").is_file()
    try:
        data = load_from_disk(str(path)) if saved else load_dataset(str(path))
    except (FileNotFoundError, DatasetsError) as error:
        raise UsageError(f"{path}: no dataset folder: {str(error).splitlines()[0]}") from error
    if isinstance(data, DatasetDict):
        data = data["train"] if "train" in data else next(iter(data.values()))
    yield from data


def _named(row: Mapping[str, Any], columns: Columns) -> Iterator[Turn]:
    for name in (columns.question, columns.answer, columns.system, columns.source):
        if name and name not in row:
            raise UsageError(f"no column {name!r}; there are {', '.join(map(repr, row))}")
    system, source = (_text(row[name]) if name else "" for name in (columns.system, columns.source))
    question, answer = _text(row[columns.question]), _text(row[columns.answer])
    if question and answer:
        yield Turn(system, source, question, answer)


def _recognised(row: Mapping[str, Any], path: Path, number: int) -> Iterator[Turn]:
    """The exchanges of a row of a known shape."""
    if "conversations" in row:
        yield from _exchanges(row["conversations"], "from", "value", _text(row.get("system")))
    elif "messages" in row:
        yield from _exchanges(row["messages"], "role", "content", "")
    elif "instruction" in row and "output" in row:
        asked = "\n\n".join(part for part in (_text(row["instruction"]), _text(row.get("input"))) if part)
        yield from _turn(_text(row.get("system")), asked, _text(row["output"]))
    elif "prompt" in row and "completion" in row:
        yield from _marked(f"{row['prompt']} {row['completion']}", row)
    elif "[INST]" in str(row.get("text", "")):
        yield from _marked(str(row["text"]), row)
    else:
        names = ", ".join(map(repr, row))
        raise UsageError(f"{path}: row {number} has columns {names}; name which hold question and answer")


def _marked(text: str, row: Mapping[str, Any]) -> Iterator[Turn]:
    """Exchanges marked by [INST]; a prompt and completion without marks are taken as they are."""
    if "[INST]" not in text:
        yield from _turn(_text(row.get("system")), _text(row["prompt"]), _text(row["completion"]))
    for match in _EXCHANGE.finditer(text):
        yield from _turn(match.group(1) or "", match.group(2), match.group(3))


def _exchanges(said: Any, speaker: str, content: str, system: str) -> Iterator[Turn]:
    """Each question with the answer right after it."""
    asked = ""
    for message in said if isinstance(said, list) else []:
        if not isinstance(message, dict):
            continue
        who, text = _text(message.get(speaker)), _text(message.get(content))
        if who == "system":
            system = text
        elif who in _HUMAN:
            asked = text
        elif who in _MODEL and asked:
            yield from _turn(system, asked, text)
            asked = ""


def _turn(system: str, user: str, assistant: str) -> Iterator[Turn]:
    if user.strip() and assistant.strip():
        yield split_tags(system.strip(), user.strip(), assistant.strip())


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else "" if value is None else str(value)


def _judged(turn: Turn, ref: str, config: CurationConfig) -> Imported | Rejection:
    """The same filters as for our own pairs, where they need no text to stand on."""
    finding = examine(as_pair(turn), "", config, TEXT_CHECKS)
    if finding is not None:
        return Rejection(STAGE, finding.reason, ref, finding.detail[:EXCERPT])
    if turn.source and not is_tag(turn.source):
        return Rejection(STAGE, "bad-tag", ref, turn.source[:EXCERPT])
    identity = derive_id("import", turn.system, turn.source, turn.prompt, turn.answer)
    return Imported(Example(identity, "", turn.system, turn.prompt, turn.answer, turn.source, "train"), ref)


def as_pair(turn: Turn | Example) -> Pair:
    """An imported exchange as the pair that filters and the search for duplicates look at."""
    return Pair.create(
        chunk_id="", fact_id="", source=turn.source, question=turn.prompt, answer=turn.answer, evidence_start=-1,
        evidence_end=-1, form="instruction", kind="answerable", statement=turn.system, generator="import",
    )  # fmt: skip
