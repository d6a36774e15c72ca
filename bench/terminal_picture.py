"""A recorded terminal turns into a picture: ``python -m bench.terminal_picture RUN.log RUN.timing 95 run.svg``.

    script -f -T RUN.timing -c "closedbook run …" RUN.log        records what a command writes to a terminal, and when

docs/images/terminal.svg is the summary of a run of the quick preset, and a chat with its model. The screen is shown as
it stood after so many seconds, bars and colours included. Only the sequences that rich's live display writes are
known here: colours, cursor up, erase line.
"""

import io
import re
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

FONT = re.compile(r"\s*@font-face \{.*?\n    \}", re.S)
SEQUENCE = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|\r\n|\n|\r|[^\x1b\r\n]+")


def until(log: bytes, timing: str, seconds: float) -> str:
    """What had been written after so many seconds; the first line of a log is ``script``'s own."""
    body = log[log.index(b"\n") + 1 :]
    clock, length = 0.0, 0
    for line in timing.splitlines():
        delay, count = line.split()[-2:]
        clock += float(delay)
        if clock > seconds:
            break
        length += int(count)
    return body[:length].decode("utf-8", "ignore").partition("\nScript done on")[0]


def screen(written: str) -> list[str]:
    """The lines as they stand after everything was written, colours kept as escape sequences."""
    lines, row = [""], 0
    for match in SEQUENCE.finditer(written):
        piece, (numbers, kind) = match.group(), match.groups()
        if piece in ("\r\n", "\n"):
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif piece == "\r":
            pass  # rich erases the line before it writes it anew
        elif kind == "A":
            row = max(0, row - int(numbers or 1))
        elif kind == "K":
            lines[row] = ""
        elif kind is None or kind == "m":
            lines[row] += piece
    return lines


@click.command()
@click.argument("log", type=click.Path(path_type=Path, exists=True))
@click.argument("timing", type=click.Path(path_type=Path, exists=True))
@click.argument("seconds", type=float)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--command", default="", help="Shown as typed, above.")
@click.option("--width", default=100)
def main(log: Path, timing: Path, seconds: float, out: Path, command: str, width: int) -> None:
    """Write the screen of LOG after SECONDS to OUT."""
    lines = screen(until(log.read_bytes(), timing.read_text(), seconds))
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    if command:
        console.print(Text.assemble(("$ ", "green"), command))
    for line in lines:
        if line.strip():
            console.print(Text.from_ansi(line), soft_wrap=True)
    picture = console.export_svg(title="closedbook")
    out.write_text(FONT.sub("", picture), encoding="utf-8")  # no picture of ours fetches a font from elsewhere


if __name__ == "__main__":
    main()
