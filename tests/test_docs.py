"""What README and docs tell people to type is what the commands take; what they name is there."""

import re
import shlex
from pathlib import Path

import click
import pytest

from flows.cli import closedbook
from tasks.config import Config, setting_names

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "bench" / "results" / "readers.md"])
ASSIGNMENT = re.compile(r"[A-Z_]+=\S*$")
SECTIONS = {name.partition(".")[0] for name in setting_names() if "." in name}


WRONG_ON_PURPOSE = {"tuning.epoch"}  # a page shows how it is refused


def code_lines(page: Path) -> list[str]:
    """The indented and fenced lines of a page, and what stands in backticks, without comments."""
    lines, fenced = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            lines.append(line.strip())
        else:
            lines += re.findall(r"`([^`]+)`", line)
    return [re.split(r"\s{2,}#|\s#\s|\s{4,}", line)[0] for line in lines]


def typed(program: str) -> list[tuple[str, list[str]]]:
    """Every command of a program on the pages: (page, words after its name)."""
    found = []
    for page in PAGES:
        for line in code_lines(page):
            try:
                words = shlex.split(line)
            except ValueError:
                continue  # a record or a piece of text, not a command
            while words and ASSIGNMENT.match(words[0]):
                words = words[1:]
            if len(words) > 1 and words[0].removeprefix(".venv/bin/") == program:
                found.append((page.name, words[1:]))
    return found


@pytest.mark.parametrize(("page", "words"), typed("closedbook"), ids=lambda value: " ".join(value)[:60])
def test_a_closedbook_command_of_the_pages_is_one_that_the_parser_takes(page: str, words: list[str]) -> None:
    command: click.Command = closedbook
    while isinstance(command, click.Group):
        assert words and words[0] in command.commands, f"{page}: closedbook {' '.join(words)}"
        command, words = command.commands[words[0]], words[1:]
    if any(word.isupper() or word == "…" for word in words) or not words:
        return  # `closedbook ask RUN "question"` names its arguments; a bare name is only mentioned
    context = command.make_context(command.name, words[: words.index(">>")] if ">>" in words else words)
    if "settings" in context.params:
        Config.build(context.params["preset"], list(context.params["settings"]))


@pytest.mark.parametrize(("page", "words"), typed("make"), ids=lambda value: " ".join(value)[:60])
def test_a_make_target_of_the_pages_is_there(page: str, words: list[str]) -> None:
    assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M), page


@pytest.mark.parametrize(("page", "words"), typed("python"), ids=lambda value: " ".join(value)[:60])
def test_a_module_of_the_pages_is_there(page: str, words: list[str]) -> None:
    assert words[0] == "-m", page
    path = ROOT.joinpath(*words[1].split("."))
    assert path.with_suffix(".py").is_file() or path.is_dir(), f"{page}: {words[1]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_pictures_and_settings_of_a_page_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        assert target.startswith("http") or (page.parent / target).exists(), target
    for name in re.findall(rf"`((?:{'|'.join(SECTIONS)})\.[a-z_]+)", text):
        assert name in setting_names() or name in WRONG_ON_PURPOSE or (ROOT / name).exists(), name
    for name, value in re.findall(rf"^\| `((?:{'|'.join(SECTIONS)})\.[a-z_]+)`[^|]*\| ([^|]+) \|", text, re.M):
        section, key = name.split(".")
        assert str(getattr(getattr(Config(), section), key)) in (value, f"{value}.0"), name


def test_the_pages_hold_commands() -> None:
    assert len(typed("closedbook")) > 15 and len(typed("make")) > 4
