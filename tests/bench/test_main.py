"""``python -m bench``: lists what there is, runs what is named, refuses the rest."""

from pathlib import Path

import pytest

import bench.__main__ as entry


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "speed.py").write_text('"""Measure speed: fast.\n\nMore."""\n\ndef main() -> None:\n    """Run."""\n')
    (tmp_path / "material.py").write_text('"""No bench."""\n')
    monkeypatch.setattr(entry, "HERE", tmp_path)
    return tmp_path


def test_modules_with_a_main_are_benches_each_with_its_first_line(folder: Path) -> None:
    assert entry.benches() == {"speed": "Measure speed: fast."}


def test_without_a_name_they_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main([]) == 0
    assert capsys.readouterr().out.split() == ["speed", "Measure", "speed:", "fast."]


def test_a_name_that_is_none_of_them_is_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        entry.main(["sped"])
    assert ended.value.code == 2 and "sped: no such bench; choose from speed" in capsys.readouterr().err


def test_a_bench_runs_in_a_process_of_its_own_with_the_options_behind_the_dashes(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert entry.main(["dedup", "--", "--help"]) == 0
    assert "--pairs" in capfd.readouterr().out
    assert entry.main(["dedup", "--", "--nonsense"]) == 2


def test_the_project_s_own_benches_are_found() -> None:
    assert {"dedup", "generation", "recipes", "side_by_side"} <= set(entry.benches())
