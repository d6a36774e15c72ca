"""Trackers that a training may report to, besides the run's own files: TensorBoard, trackio, wandb, MLflow.

    with logging_to(run):                    # TensorBoard's events go to run/tensorboard
        trainer = build_trainer(…)           # report_to="tensorboard"

None of them is required. The figures go out through transformers' own callbacks.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tasks.errors import UsageError

MODULES = {
    "mlflow": ("mlflow",),
    "tensorboard": ("tensorboard", "tensorboardX"),
    "trackio": ("trackio",),
    "wandb": ("wandb",),
}
TENSORBOARD = "TENSORBOARD_LOGGING_DIR"
"""Read by transformers; its own default lies in the checkpoints, which go when a training is done."""


def check_tracker(name: str) -> None:
    """See that a tracker is installed.

    Raises:
        UsageError: when it is not.
    """
    modules = MODULES.get(name, ())
    if modules and not any(find_spec(module) for module in modules):
        raise UsageError(
            f"--set tuning.report_to={name}: not installed; `pip install {modules[0]}`, or leave it 'none'"
        )


@contextmanager
def logging_to(folder: Path) -> Iterator[None]:
    """Have TensorBoard write below a folder, unless the user's environment names another."""
    given = os.environ.get(TENSORBOARD)
    os.environ.setdefault(TENSORBOARD, str(folder / "tensorboard"))
    try:
        yield
    finally:
        if given is None:
            del os.environ[TENSORBOARD]
