"""A run's dataset to what forbids its publication: the checks of the audit that are laws, and a folder that loads.

    broken_laws(checks, run, run / ".dataset")   []
    broken_laws(checks, run, run / ".dataset")   ["counts add up: filter: parsed 1,033 is not kept 890 + rejected 140"]

The other checks of the audit are shown in the report and judged by its reader: a contradiction that the filters missed
is a flaw of the dataset, a row without its sentence is none of ours.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tasks.records import Example
from tasks.reporting.audit import Check
from tasks.storage import read_records

LAWS = (
    "counts add up",
    "every loss has a reason",
    "every example leads to its sentence",
    "no leak between the splits",
)
SPLITS = {"train": "train", "valid": "validation"}


def broken_laws(checks: Sequence[Check], run: Path, dataset: Path) -> list[str]:
    """Return a line for each breach; empty for a dataset that may be published.

    Args:
        checks: the audit of the run.
        run: its folder.
        dataset: the dataset folder made from it.
    """
    audited = [f"{check.name}: {problem}" for check in checks if check.name in LAWS for problem in check.problems]
    return [*audited, *_incomplete(run, dataset)]


def _incomplete(run: Path, dataset: Path) -> Iterator[str]:
    from datasets import load_from_disk  # a second to import

    loaded = load_from_disk(str(dataset))
    for side, name in SPLITS.items():
        examples = read_records(run / f"{side}.jsonl", Example)
        rows = loaded[name].num_rows if name in loaded else 0
        if rows != len(examples):
            yield f"{name}: {rows:,} rows for {len(examples):,} examples"
