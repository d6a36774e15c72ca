"""A finished run's dataset is published as a transaction: whole and checked, or not at all.

    run/.dataset/      written beside what is there
      audit.json       the checks of the audit; those that are laws hold, and the folder loads with a row an example
    run/dataset/       it takes the place of the one published before, which otherwise stays as it was

So whoever reads ``dataset/`` while a nightly run is under way, or after one has failed, reads the last good one.
"""

import logging
import shutil
from pathlib import Path

from prefect import task
from prefect.transactions import Transaction, transaction

from tasks.config import Config
from tasks.errors import UnusableResult
from tasks.reporting.audit import write_audit
from tasks.reporting.laws import broken_laws

logger = logging.getLogger(__name__)
PUBLISHED = "dataset"


def publish_dataset(run: Path, config: Config) -> None:
    """Publish a run's dataset to ``run/dataset``.

    Raises:
        UnusableResult: when a law does not hold; what was published before stays.
    """
    with transaction() as shared:
        shared.set("run", str(run))
        stage(run)
        check(run, config)
    logger.info(f"published {run / PUBLISHED}")


@task(task_run_name="stage {run.name}")
def stage(run: Path) -> None:
    """Write the dataset folder where nobody looks for it."""
    from tasks.curation.hub import write_folder  # loads datasets

    write_folder(run, staged(run))


def staged(run: Path) -> Path:
    """Where the folder waits for its check."""
    return run / f".{PUBLISHED}"


@stage.on_commit
def take_its_place(done: Transaction) -> None:
    """Put the checked folder in place of the earlier one, which is gone only when that is done."""
    run = Path(str(done.get("run")))
    earlier = run / f".{PUBLISHED}.earlier"
    shutil.rmtree(earlier, ignore_errors=True)
    if (run / PUBLISHED).exists():
        (run / PUBLISHED).rename(earlier)
    staged(run).rename(run / PUBLISHED)
    shutil.rmtree(earlier, ignore_errors=True)


@stage.on_rollback
def withdraw(failed: Transaction) -> None:
    """Remove what did not pass."""
    shutil.rmtree(staged(Path(str(failed.get("run")))), ignore_errors=True)


@task(task_run_name="check {run.name}")
def check(run: Path, config: Config) -> None:
    """Audit the dataset, and hold it against its laws."""
    if broken := broken_laws(write_audit(run, config), run, staged(run)):
        more = f", and {len(broken) - 1:,} more" if len(broken) > 1 else ""
        raise UnusableResult(f"{run.name}: the dataset is not published: {broken[0]}{more}")
