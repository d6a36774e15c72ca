"""Addresses are told from paths, hold no secret, and what goes wrong there is one line that names place and fix."""

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tasks.addresses import Location, address, location
from tasks.errors import LocationError, UsageError
from tasks.locations import (
    fetch,
    hidden,
    listing,
    put,
    read_bytes,
    remove,
    write_bytes,
)
from tests.s3 import ALL, Store, forget_connections

PLACE = Location("s3://heron/runs/mine")


@pytest.mark.parametrize(
    ("given", "url", "name"),
    [
        ("s3://heron/runs/mine", "s3://heron/runs/mine", "mine"),
        ("s3://heron/runs/mine/", "s3://heron/runs/mine", "mine"),
        ("s3://heron", "s3://heron", "heron"),
        ("gs://heron/a b/ü.txt", "gs://heron/a b/ü.txt", "ü.txt"),
        ("memory://heron/x", "memory://heron/x", "x"),
        ("file:///mnt/share/x", "file:///mnt/share/x", "x"),
        ("sftp://reader@host/texts", "sftp://reader@host/texts", "texts"),
    ],
)
def test_an_address_is_read_from_a_path(given: str, url: str, name: str) -> None:
    place = location(Path(given))
    assert place is not None
    assert (place.url, place.name, address(Path(given))) == (url, name, url)
    assert location(Path(place.url)) == place


@pytest.mark.parametrize("given", ["/mnt/share/x", "generated/mine", "a:b/c", "c:/x", "s3.txt", "notes: drafts/x"])
def test_a_path_of_this_machine_is_none(given: str) -> None:
    assert location(Path(given)) is None
    assert address(Path(given)) == str(Path(given).resolve())


@pytest.mark.parametrize(
    "given",
    [
        "s3://AKIA:hush@heron/x",
        "s3://hush@heron/x",
        "sftp://reader:hush@host/x",
        "s3://heron/x?X-Amz-Credential=hush&X-Amz-Signature=hush",
        "https://heron.example/x?sig=hush",
    ],
)
def test_an_address_with_a_secret_is_refused_and_not_repeated(given: str) -> None:
    with pytest.raises(UsageError, match="holds a password or a signature") as told:
        location(Path(given))
    assert "hush" not in str(told.value) and "AKIA" not in str(told.value)


def test_an_endpoint_with_a_secret_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://me:hush@127.0.0.1:9")
    with pytest.raises(UsageError, match="AWS_ENDPOINT_URL: holds a password") as told:
        listing(PLACE)
    assert "hush" not in str(told.value)


@pytest.fixture(params=["s3://heron/runs/mine", "memory://heron/runs/mine", "file"])
def place(request: pytest.FixtureRequest, store: Store, tmp_path: Path) -> Location:
    """Give a location of each kind that behaves in a way of its own."""
    MemoryFileSystem.store.clear()
    return Location(f"file://{tmp_path}/share/mine" if request.param == "file" else request.param)


def test_files_go_there_whole_and_come_back(place: Location, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("salt")
    put(place, "a.txt", tmp_path / "a.txt")
    put(place, "deep/er/ü b#%.txt", tmp_path / "a.txt")
    before = listing(place)
    assert before.keys() == {"a.txt", "deep/er/ü b#%.txt"}
    assert listing(Location(f"{place}/a.txt")).keys() == {""}
    (tmp_path / "a.txt").write_text("brine")
    put(place, "a.txt", tmp_path / "a.txt")
    after = listing(place)
    assert after["a.txt"] != before["a.txt"] and len(after) == 2  # nothing temporary is left
    fetch(place, {name: tmp_path / "back" / name for name in after})
    assert (tmp_path / "back" / "deep/er/ü b#%.txt").read_text() == "salt"
    assert (tmp_path / "back" / "a.txt").read_text() == "brine"
    assert len(list((tmp_path / "back").iterdir())) == 2
    remove(place, ["a.txt", "never-there.txt"])
    assert listing(place).keys() == {"deep/er/ü b#%.txt"}


def test_only_one_creates_a_file_and_hidden_ones_are_not_listed(place: Location) -> None:
    assert write_bytes(place, ".lease/1", b"mine", anew=True)
    assert not write_bytes(place, ".lease/1", b"theirs", anew=True)
    assert read_bytes(place, ".lease/1") == b"mine" and read_bytes(place, ".lease/2") is None
    assert write_bytes(place, ".lease/1", b"still mine") and read_bytes(place, ".lease/1") == b"still mine"
    assert write_bytes(Location(f"{place}2"), "a.txt", b"a neighbour's")
    assert (listing(place), hidden(place, ".lease"), hidden(place, ".none")) == ({}, ["1"], [])


@pytest.mark.parametrize("key", ["../../passwd", "a/../../b.txt", "a//b.txt", "./b.txt"])
def test_a_name_that_would_lead_out_of_a_folder_is_refused(store: Store, key: str) -> None:
    store.write(f"runs/mine/{key}", b"root")
    with pytest.raises(LocationError, match=r"cannot be that of a file; rename the object"):
        listing(PLACE)


def act(deed: str, file: Path) -> None:
    texts = Location("s3://heron/texts")
    if deed == "list":
        listing(texts)
    elif deed == "read":
        fetch(texts, {"a.txt": file})
    elif deed == "write":
        put(texts, "b.txt", file)
    else:
        remove(texts, ["a.txt"])


@pytest.mark.parametrize(("deed", "right"), list(zip(("list", "read", "write", "remove"), ALL, strict=True)))
def test_a_right_that_is_missing_is_named(store: Store, tmp_path: Path, deed: str, right: str) -> None:
    (tmp_path / "file").write_text("x")
    store.write("texts/a.txt", b"salt")
    store.allow(*(set(ALL) - {right}))
    with pytest.raises(LocationError) as told:
        act(deed, tmp_path / "file")
    assert str(told.value) == (
        f"s3://heron/texts: no right to {deed} there; s3://heron must grant {right}, then run the same command again"
    )
    store.allow(*ALL)
    act(deed, tmp_path / "file")


@pytest.mark.parametrize("deed", ["list", "write"])
def test_a_bucket_that_is_not_there_is_named(store: Store, tmp_path: Path, deed: str) -> None:
    (tmp_path / "a").write_text("x")
    nowhere = Location("s3://herron/runs/mine")
    with pytest.raises(LocationError, match="s3://herron: no such bucket or folder; create it, or correct the name"):
        listing(nowhere) if deed == "list" else put(nowhere, "a", tmp_path / "a")


@pytest.fixture
def unconnected() -> Iterator[None]:
    """Let S3 look into the environment anew, now and after the test."""
    forget_connections()
    yield
    forget_connections()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "mine: http://127.0.0.1:9 does not answer; check AWS_"),
        ({"AWS_ACCESS_KEY_ID": "AKIAHUSH"}, "the credentials are not accepted (InvalidAccessKeyId); set AWS_"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "s3://heron: no credentials found; set AWS_"),
    ],
)  # fmt: skip
def test_what_the_environment_lacks_is_told(
    store: Store, unconnected: None, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], said: str
) -> None:
    for name, value in changed.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    with pytest.raises(LocationError) as told:
        listing(PLACE)
    assert said in str(told.value)
    assert "HUSH" not in str(told.value) and store.secret not in str(told.value)


class FullShare(MemoryFileSystem):  # type: ignore[misc]
    """A share with no room."""

    protocol = "fullshare"
    store: dict[str, Any] = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012

    def put_file(self, lpath: str, rpath: str, **kwargs: Any) -> None:
        self.store[rpath] = MemoryFileSystem().open("/torn", "wb")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_share_is_told_and_keeps_what_it_has(tmp_path: Path) -> None:
    fsspec.register_implementation("fullshare", FullShare, clobber=True)
    share = Location("fullshare://mine")
    write_bytes(share, "a.txt", b"old")
    (tmp_path / "a.txt").write_text("new")
    with pytest.raises(LocationError, match=r"fullshare://mine: no space left there; free some and run the same"):
        put(share, "a.txt", tmp_path / "a.txt")
    assert set(listing(share)) == {"a.txt"} and read_bytes(share, "a.txt") == b"old"


@pytest.mark.parametrize(
    ("url", "module", "said"),
    [
        ("s3://heron/x", "s3fs", r"s3:// needs a package that is missing; `pip install 'closedbook\[s3\]'`"),
        ("gs://heron/x", "gcsfs", r"gs:// needs a package that is missing; `pip install 'closedbook\[gs\]'`"),
    ],
)
def test_a_missing_extra_is_told_with_the_command(
    monkeypatch: pytest.MonkeyPatch, url: str, module: str, said: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, url.partition(":")[0], raising=False)
    with pytest.raises(LocationError, match=said):
        listing(Location(url))


def test_an_unknown_scheme_is_told() -> None:
    with pytest.raises(UsageError, match="bucket:// is no kind of location"):
        listing(Location("bucket://heron/x"))
