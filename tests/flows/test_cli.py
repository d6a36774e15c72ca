"""The console command: every bad input is one clear line and an exit code."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import execute
from flows.commands import running
from flows.commands.running import default_run

TEXT = "The pump was built by Odo Marrick in 1829. It lifts brine."


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder with one good text and several bad ones."""
    (tmp_path / "good.txt").write_text(TEXT)
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)) * 8)
    (tmp_path / "latin.txt").write_bytes(b"The pump was painted in caf\xe9 brown in 1829.")
    (tmp_path / "dashes.txt").write_text("--- *** ---")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "no-texts").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "letters.doc").write_text("mine")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("run", 2, "Missing argument 'CORPUS'"),
        ("run nowhere.txt", 2, "nowhere.txt: no such file or folder"),
        ("run empty.txt", 1, "empty.txt: is empty"),
        ("run binary.txt", 1, "binary.txt"),
        ("run latin.txt", 1, "27"),
        ("run dashes.txt", 1, "holds no sentence"),
        ("run picture.png", 2, "unknown format .png"),
        ("run no-texts", 1, "no text in this folder"),
        ("run good.txt --frobnicate", 2, "--frobnicate"),
        ("run good.txt --preset huge", 2, "--preset huge: unknown; choose one of quick, full"),
        ("run good.txt --set tuning", 2, "--set tuning: not of the form"),
        ("run good.txt --set tuning.epochs=0", 2, "tuning.epochs=0"),
        ("run good.txt --set tuning.epoch=3", 2, "tuning.epoch: no such setting; did you mean tuning.epochs?"),
        ("run good.txt --set colour=blue", 2, "colour"),
        ("run good.txt --generator none --set generation.floor=-1", 2, "generation.floor=-1"),
        ("run good.txt --runner spark", 2, "--runner spark"),
        ("run good.txt --workers 0 --runner dask", 2, "--workers 0"),
        ("run good.txt --address tcp://10.0.0.5:8786", 2, "--runner threads has none; give --runner dask"),
        ("run good.txt --generator none --workers 2", 2, "--workers 2: a model in this process"),
        ("run good.txt --generator none --runner dask --address tcp://127.0.0.1:1", 1, "nothing answers there"),
        ("generate nowhere --runner dask", 1, "nowhere: no run in it"),
        ("frob", 2, "No such command 'frob'"),
        ("ask nowhere question", 1, "nowhere: no run in it"),
        ("curate nowhere", 1, "nowhere: no run in it"),
        ("probe nowhere --probes p.jsonl --out o.jsonl", 1, "nowhere: no run in it"),
        ("export nowhere --format csv", 2, "--format csv: unknown; choose one of llama2"),
        ("fetch gutenberg seventeen", 2, "'seventeen' is not a valid integer"),
        ("fetch gutenberg 0", 2, "gutenberg 0: not the number of a book"),
        ("fetch gutenberg 17 --mirror http://host/book.txt", 2, "has no {number} in it"),
        ("plan nowhere.txt", 2, "nowhere.txt: no such file or folder"),
        ("plan good.txt --preset huge", 2, "--preset huge: unknown"),
        ("plan empty.txt --json", 1, "empty.txt: is empty"),
        ("completion ksh", 2, "completion ksh: unknown shell; choose one of bash, zsh, fish"),
        ("ask nowhere question --threshold much", 2, "'much' is not a valid float"),
        ("ask nowhere question --json", 1, "nowhere: no run in it"),
        ("probe nowhere --json", 1, "nowhere: no run in it"),
        ("run good.txt --json --debugg", 2, "--debugg"),
    ],
)
def test_bad_input_is_one_clear_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: str, code: int, said: str
) -> None:
    assert execute(arguments.split()) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("closedbook: ") and captured.err.count("\n") == 1
    assert said in captured.err


def test_a_full_disk_is_told_by_name(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/run/chunks.jsonl")

    monkeypatch.setattr(running, "configuration", full)
    assert execute(["run", "good.txt"]) == 1
    assert capsys.readouterr().err == (
        "closedbook: /data/run/chunks.jsonl: no space left; free some and run the same command again\n"
    )


def test_debug_shows_the_traceback(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["run", "empty.txt", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_help_loads_neither_torch_nor_prefect() -> None:
    code = (
        "import sys\nfrom flows.cli import execute\nexecute(['run', '--help'])\n"
        "print([name for name in ('torch', 'prefect', 'spacy', 'transformers') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("corpus", "name"),
    [("corpora/Heron & Co.txt", "heron-co-quick"), ("corpora/pg17921", "pg17921-quick"), ("日本.txt", "corpus-quick")],
)
def test_a_run_is_named_after_its_corpus(corpus: str, name: str) -> None:
    assert default_run(Path(corpus), "quick") == Path("generated") / name
