"""What a night generates: ``python -m bench.nights FOLDER``, on the demo corpora with a scripted generator.

Seven nights into one run's folder: the first, the same again, a file added, one paragraph changed, a paragraph put in
front of everything, the file removed, another temperature. Counted: batches, those generated anew, and pairs by file.
"""

import logging
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

WORKS, FERRY = Path("corpora/heronsmere-works"), Path("corpora/the-lantern-ferry")
NEW = "The old lamp house was pulled down by Edric Vane in 1797."


def main(folder: Path) -> None:
    """Run the nights and print the table."""
    from prefect.settings import PREFECT_RESULTS_LOCAL_STORAGE_PATH, temporary_settings

    from flows import batches
    from flows.generate import generate
    from flows.run_folder import begin
    from tasks.config import Config
    from tasks.records import Pair
    from tasks.storage import read_records
    from tests.flows.killing import SCRIPTED, Repeater

    repeater = Repeater()
    batches.opened = lambda *names: repeater  # type: ignore[assignment]
    batches.identity = lambda name: name  # type: ignore[assignment]
    corpus, run = folder / "corpus", folder / "run"
    corpus.mkdir(parents=True)
    run.mkdir()
    text = {path.name: path.read_text(encoding="utf-8") for path in (*WORKS.glob("*.txt"), *FERRY.glob("*.txt"))}
    works, ferry = sorted(text, key=lambda name: "lantern" in name or "ferry" in name)
    changed = re.sub(r"\b1909\b", "1911", text[works], count=1)
    nights: list[tuple[str, dict[str, str], float]] = [
        ("the first", {works: text[works]}, 0.6),
        ("the same again", {works: text[works]}, 0.6),
        ("a file added", {works: text[works], ferry: text[ferry]}, 0.6),
        ("a year changed in one paragraph", {works: changed, ferry: text[ferry]}, 0.6),
        ("a paragraph put in front", {works: f"{NEW}\n\n{changed}", ferry: text[ferry]}, 0.6),
        ("the file removed", {works: f"{NEW}\n\n{changed}"}, 0.6),
        ("another temperature", {works: f"{NEW}\n\n{changed}"}, 0.7),
    ]
    print("| night | batches | generated anew | pairs by file |\n|---|---|---|---|")
    for name, texts, temperature in nights:
        for path in corpus.iterdir():
            path.unlink()
        for file, content in texts.items():
            (corpus / file).write_text(content, encoding="utf-8")
        config = Config.model_validate({"generation": SCRIPTED | {"temperature": temperature}})
        with temporary_settings({PREFECT_RESULTS_LOCAL_STORAGE_PATH: folder / "results"}):
            begin(corpus, run, config)
            told = watched(lambda: generate(run, config))  # noqa: B023  # called at once
        pairs = Counter(pair.source for pair in read_records(run / "candidates.jsonl", Pair))
        print(f"| {name} | {told[1]} | {told[0]} | {', '.join(f'{n:,} {s}' for s, n in pairs.items())} |", flush=True)


def watched(work: Callable[[], object]) -> tuple[str, str]:
    """Do the work; return what its log says: batches generated anew, and batches."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("flows.generate").addHandler(handler)
    work()
    logging.getLogger("flows.generate").removeHandler(handler)
    found = re.search(r"(\d+) of (\d+) batches generated", "\n".join(lines))
    assert found is not None
    return found[1], found[2]


if __name__ == "__main__":
    from flows.engine import local_api, set_environment

    set_environment()
    with local_api() as api:
        api.wait()
        main(Path(sys.argv[1]))
