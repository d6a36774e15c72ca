"""A run's student tuned by several processes at once: what `accelerate launch` or `torchrun` starts.

    accelerate launch --config_file docs/fsdp.yaml -m flows.distributed generated/heron    the GPUs of a machine
    torchrun --nproc_per_node 2 -m flows.distributed generated/heron                       CPU processes (gloo)

The run must have its examples (`closedbook run` or `curate`). Afterwards `closedbook probe RUN` goes on from the
adapter as after `closedbook finetune`. Each process holds its share of every batch, and with FSDP its share of weights,
gradients and optimiser; the first one writes. Prefect takes no part: its server would be started once a process.
"""

import sys
from dataclasses import asdict
from pathlib import Path

import torch
from accelerate import PartialState

from flows.finetune import finish, make_room, settle, taught, tell_too_long
from flows.run_folder import measured, read_setup
from flows.terminal import hush
from tasks.errors import ClosedbookError
from tasks.storage import OUTCOME, write_json
from tasks.tuning.sft import finetune


def tune(run: Path) -> None:
    """Tune a run's student in every process, then let the first choose the refusal threshold and seal the adapter.

    Raises:
        ClosedbookError: when the run has no examples, or its student cannot be had.
    """
    config = read_setup(run).config
    state = PartialState(cpu=not torch.cuda.is_available())
    with state.main_process_first():
        wanted = not state.is_main_process or make_room(run, config)
    if not wanted:
        raise ClosedbookError(f"{run}: its adapter was made from the same examples by the same recipe; nothing to do")
    examples, statements = taught(run)
    if not state.is_main_process:
        finetune(examples, config.tuning, run, seed=config.seed, statements=statements)
        return
    with measured(run, "finetune"):
        tell_too_long(run, examples, config)
        done = finetune(examples, config.tuning, run, seed=config.seed, statements=statements)
        write_json(run / OUTCOME, asdict(done))
        settle.fn(run, config)
    finish(run, config)


def main() -> None:
    """Tune the run that the command line names."""
    hush()
    try:
        tune(Path(sys.argv[1]).resolve())
    except ClosedbookError as error:
        sys.exit(f"closedbook: {error}")


if __name__ == "__main__":
    main()
