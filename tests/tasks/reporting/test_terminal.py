"""The end of a run on the terminal: the same figures, plain in a pipe."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from tasks.records import Probe, ProbeResult, Tally
from tasks.reporting.funnel import save_funnel
from tasks.reporting.page import render_report
from tasks.reporting.terminal import default_console, print_summary
from tasks.storage import write_records
from tests.tasks.reporting.synthetic import build_run


def printed(run: Path, console: Console | None = None) -> str:
    stream = io.StringIO()
    print_summary(run, console or Console(file=stream, width=240, color_system=None))
    return stream.getvalue()


def test_the_summary_shows_headline_probes_funnel_and_where_the_report_lies(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    render_report(run)
    text = printed(run)
    assert "Knows: 17 of 20, 85%" in text
    assert "base 0 of 20, 0%" in text
    assert "a taught fact, in words no training item uses" in text
    assert "3: 2 ungrounded, 1 echo" in text
    assert text.rstrip().endswith(f"Report: {run / 'report.html'}")


def test_a_pipe_gets_no_escape_sequences_and_no_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(build_run(tmp_path / "run"), default_console())
    text = capsys.readouterr().out
    assert "\x1b" not in text and not any("\u2500" <= char <= "\u257f" for char in text)


def test_a_terminal_gets_colours(tmp_path: Path) -> None:
    stream = io.StringIO()
    print_summary(build_run(tmp_path / "run"), Console(file=stream, width=100, force_terminal=True))
    assert "\x1b[" in stream.getvalue()


def test_a_run_that_has_written_nothing_prints_nothing(tmp_path: Path) -> None:
    assert printed(tmp_path) == ""


def test_names_from_files_cannot_steer_the_terminal(tmp_path: Path) -> None:
    write_records(tmp_path / "probes.jsonl", [Probe("p", "\x1b]0;owned\x07[red]X", "?", None, None)])
    write_records(tmp_path / "results.jsonl", [ProbeResult("p", "tuned", "", "refused", 0.0)])
    text = printed(tmp_path)
    assert "\x1b" not in text and "\x07" not in text
    assert "[red]X" in text


def test_a_leak_is_shown(tmp_path: Path) -> None:
    save_funnel(tmp_path, [Tally("filter", 3, 2)])
    assert "does not add up: filter: parsed 3 is not kept 2 + rejected 0" in printed(tmp_path)
