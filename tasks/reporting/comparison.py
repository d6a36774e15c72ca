"""Several students of one dataset turn into one table: ``compare.json`` into ``compare.md`` and ``compare.html``.

    {"students": [{"name": "a", "training": {…}, "metrics": {…}, "held_out": {…}, …}, {"name": "b", "error": "gated"}]}

    |                | a            | b            |
    |----------------|--------------|--------------|
    | trained weights| 9,768,960    | …            |
    | training time  | 6 min 2 s    | …            |
    | HPA            | 49% (39-58%) | …            |

What came from a corpus or a model is text: escaped by the template, and in Markdown by ``plain``.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tasks.probing.metrics import mcnemar_p
from tasks.reporting import plots
from tasks.reporting.metric_rows import metric_rows
from tasks.storage import write_json, write_text

TEMPLATES = Path(__file__).parent / "templates"
ABSENT = "\N{EN DASH}"
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of one student, and below it, smaller, its interval or the base's figure."""

    value: str
    below: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of all students, in their order."""

    name: str
    meaning: str
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Answers:
    """One question, what is right, and each student's answers: (base, tuned), each (text, verdict)."""

    question: str
    right: str
    given: list[tuple[tuple[str, str], tuple[str, str]] | None]


def write_comparison(out: Path, found: dict[str, Any]) -> Path:
    """Write ``compare.json``, ``compare.md`` and ``compare.html`` into a folder; return the page's path."""
    write_json(out / "compare.json", found)
    write_text(out / "compare.md", markdown(found))
    write_text(out / "compare.html", page(found))
    return out / "compare.html"


def training_rows(students: Sequence[dict[str, Any]]) -> list[Row]:
    """What each training took and came to."""
    return [
        _row("weights", "of the model, with the adapter", students, lambda s: f"{s['training']['weights']:,}"),
        _row("trained", "weights that were trained", students, lambda s: f"{s['training']['trainable']:,}", _share),
        _row("training time", "without loading", students, lambda s: duration(s["training"]["seconds"])),
        _row("steps", "", students, lambda s: f"{s['training']['steps']:,}", _epochs),
        _row("tokens a second", "", students, lambda s: f"{s['training']['tokens_per_second']:,.0f}"),
        _row("peak memory", "while training", students, lambda s: f"{s['training']['memory_mb']:,.0f} MB"),
        _row("final loss", "on the answers, mean of the last logged steps", students, _loss),
    ]


def surprise_rows(students: Sequence[dict[str, Any]]) -> list[Row]:
    """Perplexity, and what can be compared over tokenizers: bits per byte."""
    texts = {
        "held_out": "answers to questions held out of training",
        "general": "a general text, no part of any corpus",
    }
    rows = []
    for key, text in texts.items():
        name = key.replace("_", "-")
        rows.append(_row(f"{name} perplexity", f"{text}; by token", students, *_before_after(key, "perplexity", ".3g")))
        rows.append(_row(f"{name} bits per byte", "the same, by byte", students, *_before_after(key, "bits", ".3f")))
    return rows


def probe_rows(students: Sequence[dict[str, Any]]) -> list[Row]:
    """The probes' figures of the tuned models with their intervals."""
    tables = [{row.name: row for row in metric_rows(student.get("metrics") or {})} for student in students]
    names = {name: row.meaning for table in tables for name, row in table.items() if "tuned" in row.figures}
    shown = [name for name in names if name not in ("perplexity", "perplexity change")]

    def cell(table: dict[str, Any], name: str) -> Cell:
        figure = table[name].figures.get("tuned") if name in table else None
        return Cell(ABSENT) if figure is None else Cell(figure.value, figure.interval)

    return [Row(name, names[name], [cell(table, name) for table in tables]) for name in shown]


def answer_rows(found: dict[str, Any]) -> list[Answers]:
    """Side by side: what each student said to each question."""
    rows = []
    for entry in found["answers"]:
        right = "to decline" if entry["accepted"] is None else " / ".join(entry["accepted"])
        given = [entry["answers"].get(student["name"]) for student in found["students"]]
        rows.append(
            Answers(
                entry["question"],
                right,
                [(tuple(said["base"]), tuple(said["tuned"])) if said else None for said in given],
            )
        )
    return rows


def paired(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """McNemar's test of every student against the first, over the probes that both were asked.

    Each entry has ``right``, a map of probe ids to whether the tuned model was right.
    """
    rows: list[dict[str, Any]] = []
    for other in found[1:]:
        first = found[0]["right"]
        both = [(first[probe], right) for probe, right in other["right"].items() if probe in first]
        gained, lost = sum(b and not a for a, b in both), sum(a and not b for a, b in both)
        row = {"first": found[0]["name"], "other": other["name"], "n": len(both), "n01": gained, "n10": lost}
        rows.append(row | {"p": mcnemar_p(gained, lost)})
    return rows


def markdown(found: dict[str, Any]) -> str:
    """The comparison as one Markdown document."""
    students = found["students"]
    names = [plain(student["name"]) for student in students]
    parts = [f"# Students of {plain(found['corpus'])}", f"{plain(found['dataset'])}"]
    for student in students:
        if student["error"]:
            parts.append(f"{plain(student['name'])} failed: {plain(student['error'])}")
    for title, rows in _tables(students).items():
        lines = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
        for row in rows:
            cells = [f"{plain(cell.value)}{f' ({plain(cell.below)})' if cell.below else ''}" for cell in row.cells]
            lines.append(f"| {plain(row.name)} | {' | '.join(cells)} |")
        parts += [f"## {title}", "\n".join(lines)]
    parts += [f"- {plain(sentence(pair))}" for pair in found["pairs"]]
    parts.append("## Answers side by side")
    for said in answer_rows(found):
        lines = [f"**{plain(said.question)}**{f' (right: {plain(said.right)})' if said.right else ''}", ""]
        for name, given in zip(names, said.given, strict=True):
            for model, (text, verdict) in zip(("base", "tuned"), given or (), strict=False):
                lines.append(f"- {name}, {model}: {plain(text) or '(nothing)'}{f' ({verdict})' if verdict else ''}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def page(found: dict[str, Any]) -> str:
    """The comparison as one self-contained page: no script, no network."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    students = found["students"]
    logs = {student["name"]: student["curves"] for student in students if student["curves"]}
    return environment.get_template("compare.html.j2").render(
        found=found,
        students=students,
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        tables=_tables(students),
        pairs=[sentence(pair) for pair in found["pairs"]],
        answers=answer_rows(found),
        curves={title: Markup(svg) for title, svg in plots.overlay(logs).items()},
    )


def sentence(pair: dict[str, Any]) -> str:
    """McNemar's test in words."""
    chance = "p < 0.0001" if pair["p"] < 0.0001 else f"p = {pair['p']:.4f}"
    return (
        f"On the same {pair['n']:,} probes {pair['other']} was right on {pair['n01']:,} that {pair['first']} missed, "
        f"and missed {pair['n10']:,} that it had right (McNemar's {chance})."
    )


def plain(text: str) -> str:
    """Text as one line of Markdown that means nothing but itself."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def duration(seconds: float) -> str:
    """362.4 -> '6 min 2 s'."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _tables(students: Sequence[dict[str, Any]]) -> dict[str, list[Row]]:
    return {
        "Training": training_rows(students),
        "Held-out text": surprise_rows(students),
        "Probes, after tuning": probe_rows(students),
    }


def _row(
    name: str,
    meaning: str,
    students: Sequence[dict[str, Any]],
    value: Callable[[dict[str, Any]], str],
    below: Callable[[dict[str, Any]], str] = lambda student: "",
) -> Row:
    return Row(name, meaning, [Cell(ABSENT) if s["error"] else Cell(value(s), below(s)) for s in students])


def _share(student: dict[str, Any]) -> str:
    return f"{student['training']['trainable'] / student['training']['weights']:.2%}"


def _epochs(student: dict[str, Any]) -> str:
    return f"{student['training']['epochs']:.1f} epochs"


def _loss(student: dict[str, Any]) -> str:
    return f"{student['training']['final_loss']:.3f}"


def _before_after(
    text: str, figure: str, shown: str
) -> tuple[Callable[[dict[str, Any]], str], Callable[[dict[str, Any]], str]]:
    def of(model: str) -> Callable[[dict[str, Any]], str]:
        def cell(student: dict[str, Any]) -> str:
            found = student[text].get(model)
            return ABSENT if found is None else f"{'base ' if model == 'base' else ''}{found[figure]:{shown}}"

        return cell

    return of("tuned"), of("base")
