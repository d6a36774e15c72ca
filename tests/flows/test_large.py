"""A run whose candidates are more than may be in memory: the same files, by way of the disk."""

from pathlib import Path

import pytest

from flows import curate
from flows.generate import read
from flows.run_folder import begin
from flows.terminal import Bar
from tasks.config import Config
from tasks.curation.decisions import Decision, journal
from tasks.errors import StorageError, UsageError
from tasks.records import Document, Pair
from tasks.storage import read_records, write_records

TEXT = """The Tolvash Works was founded by Isolde Marrick in 1871. The tower bell weighs 130 kilograms.

The pump Old Margery lifts 240 litres a minute. Corwin Asple oils the pump every Thursday with hazel oil.
"""
CONFIG = Config.build("quick", ["generation.generator=none", "curation.memory_mb=128"])
FILES = ("pairs", "rejected")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "tolvash.txt").write_text(TEXT)
    folder = tmp_path / "run"
    begin(tmp_path / "tolvash.txt", folder, CONFIG)
    read.fn(folder, CONFIG)
    pairs = read_records(folder / "candidates.jsonl", Pair)
    others = [Pair.create(**values_of(pair) | {"question": f"And {pair.question}"}) for pair in pairs[::2]]
    short = Pair.create(**values_of(pairs[0]) | {"question": "What?"})
    asked = {"question": "Which of them is at work there?"}
    two = [Pair.create(**values_of(pairs[-1]) | asked | {"answer": told}) for told in ("Corwin Asple", "hazel oil")]
    write_records(folder / "candidates.jsonl", [*pairs, *two, *others, *pairs[:3], short])
    return folder


def values_of(pair: Pair) -> dict[str, object]:
    return {name: getattr(pair, name) for name in Pair.__slots__ if name != "id"}


def selected(run: Path) -> dict[str, bytes]:
    curate.select.fn(run, CONFIG)
    return {path.name: path.read_bytes() for path in sorted(run.glob("*.json*")) if path.name != "stages.json"}


def test_more_candidates_than_memory_holds_give_the_same_files(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = selected(run)
    assert not curate.beyond_memory(run, CONFIG)
    size = (run / "candidates.jsonl").stat().st_size
    monkeypatch.setattr(curate, "MEMORY_A_BYTE", 129 * 2**20 / size)
    assert curate.beyond_memory(run, CONFIG)
    assert not curate.beyond_memory(run, Config.build("quick", ["curation.memory_mb=130"]))
    assert selected(run) == in_memory
    reasons = in_memory["rejected.jsonl"].decode()
    assert all(reason in reasons for reason in ('"duplicate"', '"contradicts-another"', '"question-length"'))
    assert not [path for path in run.iterdir() if path.name in (".spill", ".unfit.jsonl")]


def test_reviewed_pairs_beyond_memory_are_told_in_one_line(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curate, "MEMORY_A_BYTE", 1e9)
    with journal(run) as opened:
        opened.append(Decision.on(read_records(run / "candidates.jsonl", Pair)[0], "reject"))
    with pytest.raises(UsageError, match=r"raise --set curation\.memory_mb=128 above"):
        curate.select.fn(run, CONFIG)


def test_a_damaged_line_is_named_and_what_was_there_stays(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = selected(run)
    monkeypatch.setattr(curate, "MEMORY_A_BYTE", 1e9)
    with (run / "candidates.jsonl").open("a") as stream:
        stream.write('{"id": "7b2b\n')
    lines = len((run / "candidates.jsonl").read_text().splitlines())
    with pytest.raises(StorageError, match=rf"candidates\.jsonl: line {lines} is not a JSON object"):
        curate.select.fn(run, CONFIG)
    assert (run / "pairs.jsonl").read_bytes() == before["pairs.jsonl"]
    assert not (run / ".spill").exists() and not (run / ".unfit.jsonl").exists()


def test_hundreds_of_files_are_told_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cards").mkdir()
    for number in range(120):
        (tmp_path / "cards" / f"card-{number:03d}.txt").write_text(f"The bell of shed {number} weighs {number} pounds.")
    moves: list[tuple[float, float | None, str]] = []

    def to(shown: Bar, done: float, total: float | None = None, note: str = "", *, resumed: bool = False) -> None:
        moves.append((done, total, note))
        moved(shown, done, total, note, resumed=resumed)

    moved = Bar.to
    monkeypatch.setattr(Bar, "to", to)
    begin(tmp_path / "cards", tmp_path / "run", CONFIG)
    read.fn(tmp_path / "run", CONFIG)
    notes = list(dict.fromkeys(note for *_, note in moves))
    assert notes == [f"file {number} of 120" for number in range(1, 121)]
    done = [done for done, *_ in moves]
    assert done == sorted(done)
    characters = sum(len(document.text) for document in read_records(tmp_path / "run" / "documents.jsonl", Document))
    totals = [total for _, total, _ in moves if total is not None]
    assert totals[-1] == done[-1] == characters
    assert all(abs(total - characters) < 0.05 * characters for total in totals)
    told = [record.message for record in caplog.records if record.message.startswith("reading file")]
    assert told[0] == "reading file 1 of 120" and told[-1] == "reading file 120 of 120"
