"""The whole chain: a text in, a model out that was asked before and after. The file to read first.

    corpus ─► windows, facts ─► candidate pairs ─► examples ─► tuned model ─► probe results ─► report, manifest
              generate                  curate          finetune       probe            publish

Each stage is a flow of its own that reads and writes files of the run's folder (``generated/<run>/``), so that it can
be run alone; stages exchange nothing else. What is done already is not done again: batches of generation are kept by
Prefect under keys made of their content, and a student is tuned anew only when its examples or its recipe changed.
"""

from pathlib import Path

from prefect import flow, task

from flows.curate import curate
from flows.elsewhere import anywhere
from flows.finetune import finetune
from flows.generate import generate
from flows.models import check_needs
from flows.probe import probe
from flows.publishing import publish_dataset
from flows.reaching import check_runner
from flows.run_folder import begin, held, seal
from flows.terminal import wait
from tasks.config import Config, RunnerConfig


@flow(name="self-instruct", flow_run_name="self-instruct {run.name}")
@anywhere
def self_instruct(corpus: Path, run: Path, config: Config = Config(), runner: RunnerConfig = RunnerConfig()) -> Path:
    """Make a dataset from a corpus, tune a model on it, measure it before and after, and report.

    Args:
        corpus: a text, or a folder of texts, on the machine that runs this or elsewhere (s3://bucket/texts).
        run: what gets everything, e.g. /data/runs/heron or s3://bucket/heron; an earlier run is brought up to date.
        config: what steers it; the default is the quick preset.
        runner: where batches are generated; the default is this process.
    """
    check_needs(config)
    check_runner(runner, config)
    with held(run):
        begin(corpus, run, config)
        generate(run, config, runner)
        curate(run, config)
        finetune(run, config)
        probe(run, config)
        publish_dataset(run, config)
        conclude(run)
    return run


@task(task_run_name="conclude {run.name}")
def conclude(run: Path) -> None:
    """Write the report, and last the manifest, which makes the folder a finished run."""
    from tasks.reporting.page import render_report  # draws with matplotlib: a second to import

    with wait("reporting", work="reporting"):
        render_report(run)
        seal(run)
