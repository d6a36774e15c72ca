"""Every page of help fits a terminal of 80 by 24, and every command's page holds an example that the parser takes."""

import shlex

import click
import pytest
from click.testing import CliRunner

from flows.cli import closedbook

ROWS, COLUMNS = 24, 80


def commands(group: click.Group, path: tuple[str, ...] = ()) -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        words = (*path, name)
        found |= commands(command, words) if isinstance(command, click.Group) else {" ".join(words): command}
    return found


COMMANDS = commands(closedbook)


def page(words: str) -> list[str]:
    result = CliRunner().invoke(closedbook, [*words.split(), "--help"], prog_name="closedbook", terminal_width=COLUMNS)
    assert result.exit_code == 0
    return result.output.splitlines()


@pytest.mark.parametrize("words", ["", "fetch", *COMMANDS])
def test_help_fits_a_screen(words: str) -> None:
    lines = page(words)
    assert len(lines) < ROWS  # one row is the prompt's
    assert max(map(len, lines)) <= COLUMNS
    assert not any(line.endswith("...") for line in lines[1:])  # cut short


@pytest.mark.parametrize("words", [*COMMANDS])
def test_the_examples_of_a_command_are_ones_that_it_takes(words: str) -> None:
    examples = [
        line.partition("closedbook ")[2] for line in page(words) if line.lstrip().startswith(("Example:", "closedbook"))
    ]
    assert examples
    for example in examples:
        given = shlex.split(example.partition(" >> ")[0])
        assert given[: len(words.split())] == words.split()
        COMMANDS[words].make_context(words, given[len(words.split()) :])
