"""Writing: a full disk is told by one line, whatever library met it; other errors are left alone."""

import errno
import os
from pathlib import Path

import pytest
from safetensors import SafetensorError

from tasks.errors import StorageError
from tasks.storage import atomic, room_for


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 606912 vs 606800"),
    ],
)
def test_a_full_disk_is_known_by_what_each_library_says(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(StorageError, match="no space left on the disk; free some"), room_for(tmp_path):
        raise error


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), RuntimeError("shapes do not fit")])
def test_other_errors_pass(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, room_for(tmp_path):
        raise error
    assert caught.value is error


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("before")
    with pytest.raises(StorageError, match=r"a\.txt: no space left"), atomic(tmp_path / "a.txt") as partial:
        partial.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "before"
