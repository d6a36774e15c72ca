"""A run's folder to an audit on the terminal: the counts of every stage by reason, and every check of the dataset."""

from pathlib import Path

from flows.run_folder import read_setup
from tasks.errors import UnusableResult
from tasks.reporting.audit import audit
from tasks.reporting.terminal import print_audit


def audit_run(run: Path) -> None:
    """Print the audit of a run's dataset; nothing is written.

    Raises:
        StorageError: when the run is not curated yet, or a file is damaged.
        UnusableResult: when a check fails.
    """
    checks = audit(run, read_setup(run).config)
    print_audit(run, checks)
    if failed := [check for check in checks if check.count]:
        raise UnusableResult(f"{run}: {failed[0].name}: {failed[0].problems[0]}; run `closedbook run` on it again")
