"""Training examples to an adapter: supervised fine-tuning with TRL's SFTTrainer and LoRA.

    train.jsonl, valid.jsonl  ->  adapter/adapter_model.safetensors, training.jsonl (a row a logged step)

The loss is on the completion only (the answer and the end token). Batches hold examples of like length, so that few
positions are padding. On a CPU with bfloat16 in hardware, matrix products run in it; what else makes its steps fast is
in cpu_steps.py.
Training ends with its epochs or its minutes (pace.py); one that is killed goes on from its last checkpoint.
"""

import ctypes
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from accelerate.utils import DistributedType
from datasets import Dataset
from peft import LoraConfig, PeftModel
from peft.optimizers import create_loraplus_optimizer
from torch.optim.lr_scheduler import LambdaLR
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TrainerCallback,
    set_seed,
)
from transformers.pytorch_utils import Conv1D
from trl import SFTConfig, SFTTrainer

from tasks.config import TuningConfig
from tasks.errors import ModelError
from tasks.memory import peak_mb, reset_peak
from tasks.records import Example
from tasks.storage import RecordFile, room_for, write_records
from tasks.tuning.cpu_steps import attend_plainly, frozen_head_loss, fuse
from tasks.tuning.diary import DIARY, Diary, Step
from tasks.tuning.encoding import IGNORED, build_dataset, invocation, padding_share
from tasks.tuning.noise import each_noisy, takes
from tasks.tuning.pace import Pace
from tasks.tuning.rendering import Renderer, choose_template
from tasks.tuning.replay import replay_examples
from tasks.tuning.students import fast_bfloat16, load_student, load_tokenizer
from tasks.tuning.trackers import check_tracker, logging_to

LOG_EVERY = 10
FLATTENING = ("opt",)
"""Families whose layers see [batch x tokens, features], on which PEFT's activated LoRA (0.21.2) cannot tell rows."""
ENDLESS = 1e9
"""Seconds: several processes go by their epochs, since each has a clock of its own and all must stop at one step."""
Examples = Sequence[Example] | RecordFile[Example]
MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
"""Names of mallopt's parameters in glibc's malloc.h."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a training came to. ``padding`` is the share of computed positions that were padding.

    ``longest`` counts the tokens of the longest answer or sentence that was taught, its end token among them.

    ``loss`` is the mean over all steps, ``final_loss`` that of the last logged steps; ``weights`` counts the model's,
    the adapter's among them, ``trainable`` those that were trained; ``memory_mb`` is the peak while training.
    """

    steps: int
    epochs: float
    examples: int
    too_long: int
    tokens: int
    loss: float
    final_loss: float
    seconds: float
    tokens_per_second: float
    memory_mb: float
    weights: int
    trainable: int
    padding: float
    longest: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A training that can begin.

    ``resumed`` is the step that an interrupted one had come to, 0 for a fresh one; ``woken_by`` are the token ids
    behind which alone the adapter will act, none for one that always does.
    """

    trainer: "CompletionTrainer"
    dataset: Dataset
    passes: int
    too_long: int
    resumed: int
    woken_by: list[int]

    @property
    def steps(self) -> int:
        """How many there are, unless the minutes end first."""
        return self.trainer.args.max_steps


def finetune(
    examples: Examples,
    config: TuningConfig,
    folder: Path,
    *,
    seed: int,
    statements: Sequence[str] = (),
    report: Callable[[Step], None] | None = None,
) -> Outcome:
    """Tune the configured student and save its adapter (or, for ``full``, the whole model).

    Args and errors are those of ``prepare`` and ``train``.
    """
    return train(prepare(examples, config, folder, seed=seed, statements=statements), config, folder, report=report)


def prepare(
    examples: Examples, config: TuningConfig, folder: Path, *, seed: int, statements: Sequence[str] = ()
) -> Prepared:
    """Load the student, ask it the general questions, and encode the examples.

    Args:
        examples: training rows.
        folder: the run. A checkpoint left in its ``checkpoints/`` by a killed training of the same data is gone on
            from.
        statements: sentences to be learnt as plain text beside the examples, ``config.statements`` times each.

    Raises:
        ModelError: when the student cannot be loaded.
        UnusableResult: when no example is short enough.
    """
    set_seed(seed)
    reset_peak()
    keep_freed_memory()
    check_tracker(config.report_to)
    tokenizer = load_tokenizer(config.student, remote_code=config.remote_code)
    model = load_student(config.student, method=config.method, remote_code=config.remote_code)
    passes = max(1, round(config.epochs)) if config.question_dropout else 1
    renderer = Renderer(tokenizer, choose_template(tokenizer, config.template, config.student))
    woken_by = wakers(model, renderer, examples, config)
    share = config.replay(asleep=bool(woken_by))
    rows = rows_to_learn(model, tokenizer, examples, config, passes=passes, replay=share, seed=seed)
    texts = list(statements) * config.statements * passes
    encoded = folder / "checkpoints" / f"encoded-{os.environ.get('RANK', '0')}"  # processes of one training share none
    dataset, too_long = build_dataset(
        rows, renderer, tokenizer, longest=config.max_length, texts=texts, woken_by=woken_by, folder=encoded
    )
    with logging_to(folder):
        trainer = build_trainer(model, config, dataset, tokenizer, folder, seed=seed)
    rows_a_step = config.batch_size * trainer.accelerator.num_processes
    trainer.args.max_steps = math.ceil(config.epochs / passes * len(dataset) / rows_a_step)
    checkpoint = latest_checkpoint(folder)
    resumed = int(checkpoint.rpartition("-")[2]) if checkpoint else 0
    return Prepared(trainer, dataset, passes, too_long, resumed, woken_by)


def wakers(model: PreTrainedModel, renderer: Renderer, examples: Examples, config: TuningConfig) -> list[int]:
    """Token ids behind which alone the adapter is to act; none where it always has to.

    It has to where imported examples are taught under another system prompt than the closed-domain one, or none.
    """
    closed = all(example.system.startswith(config.system) for example in examples)
    sleeps = config.sleeps and closed and model.config.model_type not in FLATTENING
    return invocation(renderer, config.system) if sleeps else []


def rows_to_learn(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: Examples,
    config: TuningConfig,
    *,
    passes: int,
    replay: float,
    seed: int,
) -> Iterator[Example]:
    """The examples ``passes`` times over, with other words left out and other refusals each time, and general replay.

    Of the rows ``replay`` is the share of the latter.
    """
    extra = round(len(examples) * replay / (1 - replay))
    general = replay_examples(model, tokenizer, config, extra, seed=seed) if extra else []
    parts = min(takes(examples, config.refusal_share), passes)
    noisy = each_noisy(examples, config.question_dropout, passes, seed=seed, parts=parts)
    return chain(noisy, general * passes)


def train(
    prepared: Prepared, config: TuningConfig, folder: Path, *, report: Callable[[Step], None] | None = None
) -> Outcome:
    """Train to the end of the epochs or minutes; write ``adapter/`` and ``training.jsonl`` into the run's folder.

    Args:
        report: called with every logged step.

    Raises:
        StorageError: when the disk is full.
        ModelError: when the student does not fit the GPU's memory.
    """
    trainer = prepared.trainer
    diary = Diary(trainer.pace, folder / "checkpoints" / DIARY, report)
    trainer.add_callback(diary)
    set_seed(trainer.args.seed)
    try:
        with room_for(folder):
            trainer.train(resume_from_checkpoint=latest_checkpoint(folder))
            save(trainer, folder / "adapter", prepared.woken_by)
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"{config.student}: out of GPU memory in training; --set tuning.method=qlora, "
            f"tuning.activation_checkpointing=true or a tuning.batch_size below {config.batch_size}"
        ) from error
    if trainer.is_world_process_zero():
        write_records(folder / "training.jsonl", diary.rows)
    return outcome(prepared, diary, config)


def outcome(prepared: Prepared, diary: Diary, config: TuningConfig) -> Outcome:
    """What a training came to; the dataset holds the examples ``passes`` times over."""
    trainer, dataset, passes = prepared.trainer, prepared.dataset, prepared.passes
    tuned: Any = trainer.model
    steps, rows_a_step = trainer.state.global_step, config.batch_size * trainer.accelerator.num_processes
    seconds, tokens = diary.seconds, trainer.state.num_input_tokens_seen
    trainable, weights = (tuned.num_parameters(only_trainable=only) for only in (True, False))
    lengths = [len(row) for row in dataset["input_ids"]]
    return Outcome(
        steps, steps * rows_a_step / len(dataset) * passes, len(dataset) // passes, prepared.too_long // passes,
        tokens, diary.mean_loss, diary.rows[-1]["loss"], seconds, tokens / seconds, peak_mb(), weights, trainable,
        padding_share(lengths, config.batch_size), max(len(row) - row.count(IGNORED) for row in dataset["labels"]),
    )  # fmt: skip


def save(trainer: "CompletionTrainer", folder: Path, woken_by: Sequence[int] = ()) -> None:
    """Write the adapter (or the whole model) in safetensors, with the tokenizer; of several processes the first does.

    With ``woken_by`` it is an activated LoRA: whoever loads it with PEFT has it act behind these token ids alone.

    Weights that FSDP spread over processes are brought together first, which all of them take part in.
    """
    tuned: Any = trainer.model
    tokenizer: Any = trainer.processing_class
    if woken_by:
        tuned.peft_config[tuned.active_adapter].alora_invocation_tokens = list(woken_by)
    spread = trainer.accelerator.distributed_type == DistributedType.FSDP
    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped) if spread else None
    if trainer.is_world_process_zero():
        tuned.save_pretrained(str(folder), safe_serialization=True, state_dict=weights)
        tokenizer.save_pretrained(str(folder))
    trainer.accelerator.wait_for_everyone()


def build_trainer(
    model: PreTrainedModel,
    config: TuningConfig,
    dataset: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    *,
    seed: int,
) -> "CompletionTrainer":
    """The trainer with LoRA on every linear layer, or on the whole model for ``full``."""
    model.config.use_cache = False
    adapter = LoraConfig(
        r=config.rank, lora_alpha=config.alpha, lora_dropout=config.dropout, target_modules="all-linear",
        task_type="CAUSAL_LM", fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
    )  # fmt: skip
    cuda = torch.cuda.is_available()
    arguments = SFTConfig(
        output_dir=str(folder / "checkpoints"), seed=seed, data_seed=seed, max_length=None, packing=False,
        per_device_train_batch_size=config.batch_size, learning_rate=config.learning_rate,
        lr_scheduler_type=config.schedule, warmup_steps=config.warmup, weight_decay=config.weight_decay,
        max_grad_norm=1.0, adam_beta2=0.99, num_train_epochs=config.epochs, optim=optimiser(config.method),
        train_sampling_strategy="group_by_length", logging_steps=LOG_EVERY, logging_first_step=True,
        save_strategy="no", save_total_limit=1, report_to=config.report_to, run_name=folder.name, disable_tqdm=True,
        include_num_input_tokens_seen="non_padding",
        use_cpu=not cuda, bf16=fast_bfloat16(), activation_checkpointing=config.activation_checkpointing,
        ddp_find_unused_parameters=False, dataloader_num_workers=0, dataset_num_proc=None, dataloader_pin_memory=cuda,
    )  # fmt: skip
    pace = Pace(60 * config.minutes if arguments.world_size == 1 else ENDLESS)
    trainer = CompletionTrainer(
        model=model, args=arguments, train_dataset=dataset, processing_class=tokenizer,
        peft_config=None if config.method == "full" else adapter, pace=pace,
        loraplus_lr_ratio=config.loraplus_lr_ratio,
    )  # fmt: skip
    if not cuda:
        attend_plainly(model, config.max_length)
        adapted: Any = trainer.model
        fuse(adapted, torch.bfloat16 if arguments.bf16 else torch.float32)
    trainer.remove_callback(_printer())
    return trainer


class CompletionTrainer(SFTTrainer):
    """SFTTrainer, with the vocabulary head computed on a CPU where a label stands and nowhere else.

    SFTTrainer's own head saves a GPU's memory: it computes the logits in tiles, twice, and multiplies in float32. On
    a CPU that costs more than half of the speed (bench/results/tuning.md). The learning rate follows ``pace``; that of
    an adapter's B matrices is ``loraplus_lr_ratio`` times that of its A matrices.
    """

    def __init__(self, *, pace: Pace, loraplus_lr_ratio: float = 1.0, **arguments: Any) -> None:
        self.pace = pace
        self.loraplus_lr_ratio = loraplus_lr_ratio
        self._frozen_head: torch.Tensor | None = None
        super().__init__(callbacks=[pace], **arguments)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """The configured optimiser, over A and B matrices apart where there is an adapter (LoRA+, arXiv:2402.12354)."""
        tuned: Any = self.model if model is None else model
        if self.optimizer is None and isinstance(self.model, PeftModel):
            kind, options = self.get_optimizer_cls_and_kwargs(self.args, tuned)
            self.optimizer = create_loraplus_optimizer(
                tuned, kind, loraplus_lr_ratio=self.loraplus_lr_ratio, loraplus_weight_decay=self.args.weight_decay,
                **options,
            )  # fmt: skip
        return super().create_optimizer(model)

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> torch.optim.lr_scheduler.LRScheduler:
        """The configured schedule, over the steps or the minutes, whichever end first."""
        scheduler = super().create_scheduler(num_training_steps, optimizer)
        if isinstance(scheduler, LambdaLR):
            self.pace.follow(scheduler, num_training_steps)
        return scheduler

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Mean cross entropy over the positions that bear a label."""
        if self.accelerator.num_processes > 1:  # gradients are joined by the wrapped model's own forward pass
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)  # type: ignore[no-untyped-call]
        reshaped = any(model.config.to_dict().get(name) for name in ("final_logit_softcapping", "logit_scale"))
        if self.args.device.type != "cpu" or reshaped:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)  # type: ignore[no-untyped-call]
        language_model: Any = model.get_base_model() if isinstance(model, PeftModel) else model
        labels = inputs["labels"][:, 1:]
        borne = labels != IGNORED
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.args.bf16):
            decoder = language_model.get_decoder()
            hidden = decoder(inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False)[0]
            said = hidden[:, :-1][borne]
            head = language_model.get_output_embeddings()
            if head.weight.requires_grad or head.bias is not None:
                summed = F.cross_entropy(head(said).float(), labels[borne], reduction="sum")
            else:
                summed = frozen_head_loss(said, self._cast_once(head.weight), labels[borne])
        return summed / (num_items_in_batch if num_items_in_batch is not None else borne.sum().clamp(min=1))

    def _cast_once(self, weight: torch.Tensor) -> torch.Tensor:
        """The frozen head as it is multiplied with."""
        if self._frozen_head is None:
            self._frozen_head = weight.detach().to(torch.bfloat16 if self.args.bf16 else weight.dtype)
        return self._frozen_head


def keep_freed_memory() -> None:
    """Have glibc keep freed memory for the next step: fresh pages cost a third of a CPU step, more under gVisor."""
    try:
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(MMAP_THRESHOLD, 2**30)
        library.mallopt(TRIM_THRESHOLD, 2**31 - 1)
    except (OSError, AttributeError):  # another C library: only slower
        return


def _printer() -> type[TrainerCallback]:
    from transformers.trainer_callback import PrinterCallback

    return PrinterCallback


def optimiser(method: str) -> str:
    """AdamW; paged in 8 bits for QLoRA on a GPU, where memory is what runs out (QLoRA, sec. 3)."""
    return "paged_adamw_8bit" if method == "qlora" and torch.cuda.is_available() else "adamw_torch_fused"


def latest_checkpoint(folder: Path) -> str | None:
    """The newest complete checkpoint of an interrupted training, or None."""
    found = [path for path in (folder / "checkpoints").glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return str(max(found, key=lambda path: int(path.name.rpartition("-")[2]))) if found else None
