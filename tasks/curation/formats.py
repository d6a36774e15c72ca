"""Examples to the formats that trainers read, and back: one canonical record, five renderings, each with its inverse.

    Example(system="Answer from the book only.", source="heron", prompt="Who built the pump?", answer="Odo Marrick.")
    llama2             {"text": "<s>[INST] Source:heron Who built the pump? [/INST] Source:heron Odo Marrick. </s>"}
    prompt-completion  {"prompt": "[INST] Source:heron Who built the pump? [/INST]",
                        "completion": " Source:heron Odo Marrick."}
    messages           {"messages": [{"role": "system", ...}, {"role": "user", ...}, {"role": "assistant", ...}]}
    alpaca             {"instruction": "Source:heron Who built ...", "input": "", "output": ..., "system": ...}
    sharegpt           {"id": ..., "conversations": [{"from": "human", "value": ...}, {"from": "gpt", ...}]}

``source`` "" leaves the tag out on both sides. ``llama2`` is the guanaco form; it and ``prompt-completion`` show the
system prompt only when asked (``<<SYS>>``, as Llama-2-chat was trained). Text that holds a control sequence of a chat
format cannot be rendered: the filters reject it upstream, and rendering raises.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasks.curation.control import control_token, is_tag
from tasks.errors import UnusableResult, UsageError
from tasks.records import Example
from tasks.storage import RecordFile, write_records

Row = dict[str, Any]

_TAGGED = re.compile(r"Source:(\S+) (.*)", re.DOTALL)
_PROMPT = re.compile(r"\[INST\] (?:<<SYS>>\n(.*?)\n<</SYS>>\n\n)?(.*) \[/INST\]", re.DOTALL)
_LLAMA2 = re.compile(r"<s>(\[INST\] .* \[/INST\]) (.*) </s>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a rendering carries of an example: one question and its answer. ``system`` is '' where none is shown."""

    system: str
    source: str
    prompt: str
    answer: str

    def bare(self) -> "Turn":
        """The same without its system prompt, as the forms that do not show it carry it."""
        return replace(self, system="")


def turn_of(example: Example) -> Turn:
    """The parts of an example that a rendering shows, checked.

    Raises:
        UnusableResult: for an empty or untrimmed text, a control sequence, or a tag that is not one word.
    """
    for name, text in (("prompt", example.prompt), ("answer", example.answer), ("system", example.system)):
        if token := control_token(text):
            raise UnusableResult(
                f"example {example.id}: {name} holds {token!r}; run `closedbook curate` on the run again"
            )
        if text != text.strip() or (not text and name != "system"):
            raise UnusableResult(f"example {example.id}: {name} {text!r} is empty or not trimmed; was the file edited?")
    if example.source and not is_tag(example.source):
        raise UnusableResult(f"example {example.id}: Source:{example.source} is not one word; rename the text file")
    return Turn(example.system, example.source, example.prompt, example.answer)


def render_prompt_completion(example: Example, *, system: bool = False) -> Row:
    """What a trainer reads: no ``<s>`` and ``</s>``, which tokenizer and trainer add."""
    turn = turn_of(example)
    block = f"<<SYS>>\n{turn.system}\n<</SYS>>\n\n" if system and turn.system else ""
    return {"prompt": f"[INST] {block}{_user(turn)} [/INST]", "completion": f" {_assistant(turn)}"}


def parse_prompt_completion(row: Row) -> Turn:
    """The inverse of ``render_prompt_completion``."""
    match = _PROMPT.fullmatch(row["prompt"])
    if match is None or not row["completion"].startswith(" "):
        raise UsageError(f"{str(row)[:80]!r}: not of the form [INST] … [/INST], space, answer")
    return split_tags(match.group(1) or "", match.group(2), row["completion"][1:])


def render_llama2(example: Example, *, system: bool = False) -> Row:
    """One ``text`` column, as in guanaco-llama2."""
    row = render_prompt_completion(example, system=system)
    return {"text": f"<s>{row['prompt']}{row['completion']} </s>"}


def parse_llama2(row: Row) -> Turn:
    """The inverse of ``render_llama2``."""
    match = _LLAMA2.fullmatch(row["text"])
    if match is None:
        raise UsageError(f"{row['text'][:80]!r}: not of the form <s>[INST] … [/INST] … </s>")
    return parse_prompt_completion({"prompt": match.group(1), "completion": f" {match.group(2)}"})


def render_messages(example: Example) -> Row:
    """Roles and contents, for every tokenizer with a chat template (TRL, axolotl ``chat_template``)."""
    turn = turn_of(example)
    said = [("system", turn.system)] if turn.system else []
    said += [("user", _user(turn)), ("assistant", _assistant(turn))]
    return {"messages": [{"role": role, "content": content} for role, content in said]}


def parse_messages(row: Row) -> Turn:
    """The inverse of ``render_messages``."""
    said = {message["role"]: message["content"] for message in row["messages"]}
    return split_tags(said.get("system", ""), said["user"], said["assistant"])


def render_alpaca(example: Example) -> Row:
    """Instruction, input, output (axolotl ``alpaca``), with the system column that LLaMA-Factory documents."""
    turn = turn_of(example)
    return {"instruction": _user(turn), "input": "", "output": _assistant(turn), "system": turn.system}


def parse_alpaca(row: Row) -> Turn:
    """The inverse of ``render_alpaca``."""
    return split_tags(row["system"], row["instruction"], row["output"])


def render_sharegpt(example: Example) -> Row:
    """Vicuna's conversations (LLaMA-Factory ``sharegpt``, axolotl ``chat_template`` with from/value)."""
    turn = turn_of(example)
    said = [("system", turn.system)] if turn.system else []
    said += [("human", _user(turn)), ("gpt", _assistant(turn))]
    return {"id": example.id, "conversations": [{"from": speaker, "value": value} for speaker, value in said]}


def parse_sharegpt(row: Row) -> Turn:
    """The inverse of ``render_sharegpt``."""
    said = {message["from"]: message["value"] for message in row["conversations"]}
    return split_tags(said.get("system", ""), said["human"], said["gpt"])


RENDERERS: dict[str, Callable[[Example], Row]] = {
    "llama2": render_llama2,
    "prompt-completion": render_prompt_completion,
    "messages": render_messages,
    "alpaca": render_alpaca,
    "sharegpt": render_sharegpt,
}


def export(run: Path, format: str, out: Path | None = None) -> Path:
    """Write a run's examples in one format.

    Args:
        run: a run's folder, curated at least.
        format: a name of ``RENDERERS``, or "hf".
        out: a folder for ``train.jsonl`` and ``valid.jsonl``, or a file ending in ``.jsonl`` for the training
            examples alone; ``hf`` takes a folder. ``run/export/<format>`` when None.

    Returns:
        What was written.

    Raises:
        UsageError: for an unknown format, or a file where a folder is due.
        StorageError: when the run has no examples yet.
        UnusableResult: when an example cannot be rendered.
    """
    out = out or run / "export" / format
    if format == "hf":
        from tasks.curation.hub import write_folder  # loads datasets

        return write_folder(run, out)
    if format not in RENDERERS:
        raise UsageError(f"--format {format}: unknown; choose one of {', '.join([*RENDERERS, 'hf'])}")
    render = RENDERERS[format]
    if out.suffix == ".jsonl":
        write_records(out, map(render, RecordFile(run / "train.jsonl", Example)))
        return out
    if out.is_file():
        raise UsageError(f"--out {out}: a file; give a folder, or a name ending in .jsonl for the training examples")
    for side in ("train", "valid"):
        if len(examples := RecordFile(run / f"{side}.jsonl", Example)):
            write_records(out / f"{side}.jsonl", map(render, examples))
    return out


def _user(turn: Turn) -> str:
    return _tagged(turn.source, turn.prompt)


def _assistant(turn: Turn) -> str:
    return _tagged(turn.source, turn.answer)


def _tagged(source: str, text: str) -> str:
    return f"Source:{source} {text}" if source else text


def split_tags(system: str, user: str, assistant: str) -> Turn:
    """Take ``Source:`` off both sides, if both have the same one."""
    asked, said = _TAGGED.fullmatch(user), _TAGGED.fullmatch(assistant)
    if asked is None or said is None or asked.group(1) != said.group(1):
        return Turn(system, "", user, assistant)
    return Turn(system, asked.group(1), asked.group(2), said.group(2))
