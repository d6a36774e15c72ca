"""What a reader finds elsewhere is whole, however the writer ended; what is here and there is told apart by content."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tasks.addresses import Location
from tasks.errors import LocationError, StorageError
from tasks.locations import listing, put, read_bytes, remove, write_bytes
from tasks.storage import file_hash
from tasks.working_copies import bring, check_whole, copy_of, here, is_behind, origin, publish

RUN = Location("failing://runs/mine")


class Failing(MemoryFileSystem):  # type: ignore[misc]
    """A store that notes what is done to it, and dies after so many deeds."""

    protocol = "failing"
    store: dict[str, Any] = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012
    deeds: list[str] = []  # noqa: RUF012
    left = 1_000

    def deed(self, name: str, path: str) -> None:
        if len(self.deeds) >= Failing.left:
            raise OSError(5, "the machine was killed")
        self.deeds.append(f"{name} {path.rpartition('/mine/')[2]}")

    def put_file(self, lpath: str, rpath: str, **kwargs: Any) -> None:
        super().put_file(lpath, rpath, **kwargs)

    def mv(self, path1: str, path2: str, **kwargs: Any) -> None:
        self.deed("put", path2)
        super().mv(path1, path2, **kwargs)

    def rm_file(self, path: str) -> None:
        if "partial" not in path:
            self.deed("remove", path)
        super().rm_file(path)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Failing]]:
    """Give an empty store, and a cache."""
    fsspec.register_implementation("failing", Failing, clobber=True)
    monkeypatch.setenv("CLOSEDBOOK_CACHE", str(tmp_path / "cache"))
    Failing.store.clear()
    Failing.deeds.clear()
    Failing.left = 1_000
    yield Failing
    Failing.left = 1_000


def make(texts: dict[str, str], *, sealed: bool = True) -> Path:
    """Write a run's files into its copy, the manifest last."""
    copy = copy_of(RUN)
    (copy / "manifest.json").unlink(missing_ok=True)
    for name, text in texts.items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(text)
    if sealed:
        outputs = {name: file_hash(copy / name) for name in texts}
        (copy / "manifest.json").write_text(json.dumps({"outputs": outputs}))
    return copy


def elsewhere() -> dict[str, str]:
    return {name: (read_bytes(RUN, name) or b"").decode() for name in listing(RUN)}


def is_true() -> bool:
    """Whether the manifest there, if any, names the files there."""
    files = elsewhere()
    named = json.loads(files["manifest.json"])["outputs"] if "manifest.json" in files else {}
    return all(hashlib.sha256(files[name].encode()).hexdigest() == digest for name, digest in named.items())


def another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str = "other") -> None:
    monkeypatch.setenv("CLOSEDBOOK_CACHE", str(tmp_path / name))


FIRST = {"config.json": "{}", "pairs.jsonl": "one", "adapter/model": "old", "dataset/old.parquet": "x"}
SECOND = {"config.json": "{}", "pairs.jsonl": "two", "adapter/model": "new", "dataset/new.parquet": "y"}


def test_the_manifest_is_the_last_to_go_there_and_the_first_to_be_taken_away(store: type[Failing]) -> None:
    make(FIRST)
    assert publish(RUN) == 5
    assert store.deeds[-1] == "put manifest.json"
    store.deeds.clear()
    copy = make(SECOND)
    (copy / "dataset/old.parquet").unlink()
    publish(RUN)
    assert store.deeds == [
        "remove manifest.json", "put pairs.jsonl", "put adapter/model", "put dataset/new.parquet",
        "remove dataset/old.parquet", "put manifest.json",
    ]  # fmt: skip
    assert is_true() and elsewhere().keys() == SECOND.keys() | {"manifest.json"}
    store.deeds.clear()
    assert publish(RUN) == 0 and store.deeds == []


@pytest.mark.parametrize("deeds", range(7))
def test_a_writer_that_dies_leaves_no_false_manifest_and_goes_on(store: type[Failing], deeds: int) -> None:
    make(FIRST)
    publish(RUN)
    copy = make(SECOND)
    (copy / "dataset/old.parquet").unlink()
    store.deeds.clear()
    Failing.left = deeds
    if deeds < 6:
        with pytest.raises(LocationError):
            publish(RUN)
    else:
        publish(RUN)
    assert is_true()
    assert ("manifest.json" in elsewhere()) == (deeds in (0, 6))
    assert not [path for path in Failing.store if "partial" in path]
    Failing.left = 1_000
    publish(RUN)  # the same machine, whose files are newer
    assert is_true() and elsewhere().keys() == SECOND.keys() | {"manifest.json"}


def test_another_machine_gets_what_is_there_and_only_what_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(FIRST)
    publish(RUN)
    another_machine(monkeypatch, tmp_path)
    assert is_behind(RUN) and bring(RUN) == 5 and not is_behind(RUN)
    copy = make(SECOND)
    (copy / "dataset/old.parquet").unlink()
    publish(RUN)
    another_machine(monkeypatch, tmp_path, "cache")
    assert is_behind(RUN) and bring(RUN) == 4  # config.json is as it was
    copy = copy_of(RUN)
    assert {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()} == elsewhere().keys()
    check_whole(RUN)


def test_a_file_written_anew_with_the_same_bytes_does_not_go_there_again(store: type[Failing]) -> None:
    make(FIRST)
    publish(RUN)
    store.deeds.clear()
    make(FIRST)
    assert publish(RUN) == 0 and store.deeds == []


def test_what_no_manifest_names_goes_there_beside_a_finished_run(store: type[Failing]) -> None:
    copy = make(FIRST)
    publish(RUN)
    store.deeds.clear()
    (copy / "reviews.jsonl").write_text("accepted")
    assert publish(RUN) == 1 and store.deeds == ["put reviews.jsonl"]


def test_a_stage_done_again_takes_a_manifest_away_that_is_no_longer_true(store: type[Failing]) -> None:
    copy = make(FIRST)
    publish(RUN)
    (copy / "pairs.jsonl").write_text("other")
    publish(RUN)
    assert "manifest.json" not in elsewhere()


def test_a_reader_in_between_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(FIRST)
    publish(RUN)
    (tmp_path / "changed").write_text("changed while it was read")
    put(RUN, "pairs.jsonl", tmp_path / "changed")
    another_machine(monkeypatch, tmp_path)
    bring(RUN)
    with pytest.raises(StorageError, match=r"pairs\.jsonl is not the one its manifest names: a run is at work"):
        check_whole(RUN)


def test_a_corpus_is_fetched_file_by_file_and_only_what_changed(tmp_path: Path) -> None:
    texts = Location("failing://texts")
    for number in range(5):
        write_bytes(texts, f"part/{number}.txt", str(number).encode())
    write_bytes(texts, "film.mp4", b"large")

    def wanted(name: str) -> bool:
        return name.endswith(".txt")

    assert bring(texts, wanted) == 5 and bring(texts, wanted) == 0
    write_bytes(texts, "part/3.txt", b"changed")
    remove(texts, ["part/4.txt"])
    assert bring(texts, wanted) == 1
    copy = copy_of(texts)
    assert sorted(path.name for path in copy.rglob("*.*")) == ["0.txt", "1.txt", "2.txt", "3.txt"]
    assert (copy / "part" / "3.txt").read_text() == "changed"


def test_a_copy_and_its_address_name_each_other(tmp_path: Path) -> None:
    write_bytes(RUN, "a.txt", b"x")
    bring(RUN)
    path = Path("failing://runs/mine")
    assert here(path) == copy_of(RUN) and origin(here(path)) == origin(path) == RUN.url
    assert here(tmp_path) == tmp_path and origin(tmp_path) == str(tmp_path)
