"""Training examples to an adapter: supervised fine-tuning with TRL's SFTTrainer and LoRA.

    train.jsonl, valid.jsonl  ->  adapter/adapter_model.safetensors, training.jsonl (a row a logged step)

The loss is on the completion only (the answer and the end token). Batches hold examples of like length, so that few
positions are padding. On a CPU with bfloat16 in hardware, matrix products run in it (twice as fast here, bench/).
Training ends with its epochs or its minutes (pace.py); one that is killed goes on from its last checkpoint.
"""

import ctypes
import math
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from datasets import Dataset
from peft import LoraConfig, PeftModel
from torch.optim.lr_scheduler import LambdaLR
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from trl import SFTConfig, SFTTrainer

from tasks.config import TuningConfig
from tasks.errors import UnusableResult
from tasks.records import Example
from tasks.storage import room_for, write_records
from tasks.tuning.noise import noisy_passes
from tasks.tuning.pace import Pace
from tasks.tuning.rendering import Renderer, choose_template, neutral
from tasks.tuning.replay import replay_examples
from tasks.tuning.students import fast_bfloat16, load_student, load_tokenizer

IGNORED = -100
"""Label of positions that bear no loss (PyTorch's cross entropy leaves them out)."""
LOG_EVERY = 10
MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
"""Names of mallopt's parameters in glibc's malloc.h."""


@dataclass(frozen=True, slots=True)
class Step:
    """One logged step of training. Memory is the process's peak (GPU: the allocator's), in MB."""

    step: int
    steps: int
    loss: float
    learning_rate: float
    grad_norm: float
    tokens_per_second: float
    memory_mb: float
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a training came to. ``padding`` is the share of computed positions that were padding."""

    steps: int
    epochs: float
    examples: int
    too_long: int
    tokens: int
    loss: float
    seconds: float
    trainable: int
    padding: float


def encode(example: Example, renderer: Renderer, tokenizer: PreTrainedTokenizerBase) -> dict[str, list[int]]:
    """Token ids and labels of one example: one begin token, the prompt masked, the end token last."""
    prompt = renderer.prompt(example.prompt, source=example.source, system=example.system)
    completion = renderer.completion(example.answer, source=example.source)
    own_begin = bool(tokenizer.bos_token) and prompt.startswith(str(tokenizer.bos_token))
    head: list[int] = tokenizer(prompt, add_special_tokens=not own_begin)["input_ids"]
    if head and head[-1] == tokenizer.eos_token_id and not prompt.endswith(str(tokenizer.eos_token)):
        head = head[:-1]  # some tokenizers close every text, and a prompt is open
    whole: list[int] = tokenizer(prompt + completion, add_special_tokens=not own_begin)["input_ids"]
    tail = (
        whole[len(head) :]
        if whole[: len(head)] == head
        else tokenizer(completion, add_special_tokens=False)["input_ids"]
    )
    if not tail or tail[-1] != tokenizer.eos_token_id:
        tail = [*tail, tokenizer.eos_token_id]
    return {"input_ids": head + tail, "labels": [IGNORED] * len(head) + tail}


def encode_text(text: str, tokenizer: PreTrainedTokenizerBase) -> dict[str, list[int]]:
    """Token ids and labels of plain text: every token but the first bears loss, the end token last."""
    ids: list[int] = tokenizer(neutral(text))["input_ids"]
    ids = ids if ids[-1] == tokenizer.eos_token_id else [*ids, tokenizer.eos_token_id]
    return {"input_ids": ids, "labels": [IGNORED, *ids[1:]]}


def build_dataset(
    examples: Sequence[Example],
    renderer: Renderer,
    tokenizer: PreTrainedTokenizerBase,
    *,
    longest: int,
    texts: Sequence[str] = (),
) -> tuple[Dataset, int]:
    """Encode examples and plain texts; return the dataset and how many were over ``longest`` tokens and left out."""
    rows = [encode(example, renderer, tokenizer) for example in examples]
    rows += [encode_text(text, tokenizer) for text in texts]
    kept = [row for row in rows if len(row["input_ids"]) <= longest]
    if not kept:
        raise UnusableResult(f"none of {len(rows)} examples fits {longest} tokens; raise --set tuning.max_length")
    return Dataset.from_list(kept), len(rows) - len(kept)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A training that can begin. ``resumed`` is the step that an interrupted one had come to, 0 for a fresh one."""

    trainer: "CompletionTrainer"
    dataset: Dataset
    passes: int
    too_long: int
    resumed: int

    @property
    def steps(self) -> int:
        """How many there are, unless the minutes end first."""
        return self.trainer.args.max_steps


def finetune(
    examples: Sequence[Example],
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
    examples: Sequence[Example], config: TuningConfig, folder: Path, *, seed: int, statements: Sequence[str] = ()
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
    keep_freed_memory()
    tokenizer = load_tokenizer(config.student)
    renderer = Renderer(tokenizer, choose_template(tokenizer, config.template, config.student))
    model = load_student(config.student, method=config.method)
    extra = round(len(examples) * config.replay_share / (1 - config.replay_share))
    replay = replay_examples(model, tokenizer, config, extra, seed=seed) if extra else []
    passes = max(1, round(config.epochs)) if config.question_dropout else 1
    rows = noisy_passes(examples, config.question_dropout, passes, seed=seed) + replay * passes
    texts = list(statements) * config.statements * passes
    dataset, too_long = build_dataset(rows, renderer, tokenizer, longest=config.max_length, texts=texts)
    trainer = build_trainer(model, config, dataset, tokenizer, folder, seed=seed)
    trainer.args.max_steps = math.ceil(config.epochs / passes * len(dataset) / config.batch_size)
    checkpoint = latest_checkpoint(folder)
    resumed = int(checkpoint.rpartition("-")[2]) if checkpoint else 0
    return Prepared(trainer, dataset, passes, too_long, resumed)


def train(
    prepared: Prepared, config: TuningConfig, folder: Path, *, report: Callable[[Step], None] | None = None
) -> Outcome:
    """Train to the end of the epochs or minutes; write ``adapter/`` and ``training.jsonl`` into the run's folder.

    Args:
        report: called with every logged step.

    Raises:
        StorageError: when the disk is full.
    """
    trainer, dataset, passes = prepared.trainer, prepared.dataset, prepared.passes
    diary = Diary(dataset, trainer.pace, report)
    trainer.add_callback(diary)
    set_seed(trainer.args.seed)
    started = time.monotonic()
    with room_for(folder):
        result = trainer.train(resume_from_checkpoint=latest_checkpoint(folder))
        seconds = time.monotonic() - started
        tuned: Any = trainer.model
        tuned.save_pretrained(str(folder / "adapter"), safe_serialization=True)
        tokenizer: Any = trainer.processing_class
        tokenizer.save_pretrained(str(folder / "adapter"))
    write_records(folder / "training.jsonl", diary.rows)
    trainable = sum(int(p.numel()) for p in tuned.parameters() if p.requires_grad)
    steps = trainer.state.global_step
    lengths = [len(row) for row in dataset["input_ids"]]
    return Outcome(
        steps, steps * config.batch_size / len(dataset) * passes, len(dataset) // passes,
        prepared.too_long // passes,
        diary.tokens, result.training_loss, seconds, trainable, padding_share(lengths, config.batch_size),
    )  # fmt: skip


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
        task_type="CAUSAL_LM",
    )  # fmt: skip
    cuda = torch.cuda.is_available()
    arguments = SFTConfig(
        output_dir=str(folder / "checkpoints"), seed=seed, data_seed=seed, max_length=None, packing=False,
        per_device_train_batch_size=config.batch_size, learning_rate=config.learning_rate,
        lr_scheduler_type=config.schedule, warmup_steps=config.warmup, weight_decay=config.weight_decay,
        max_grad_norm=1.0, adam_beta2=0.99, num_train_epochs=config.epochs, optim=optimiser(config.method),
        train_sampling_strategy="group_by_length", logging_steps=LOG_EVERY, logging_first_step=True,
        save_strategy="no", save_total_limit=1, report_to=config.report_to, disable_tqdm=True,
        use_cpu=not cuda, bf16=fast_bfloat16(), activation_checkpointing=config.activation_checkpointing,
        dataloader_num_workers=0, dataset_num_proc=None, dataloader_pin_memory=cuda,
    )  # fmt: skip
    trainer = CompletionTrainer(
        model=model, args=arguments, train_dataset=dataset, processing_class=tokenizer,
        peft_config=None if config.method == "full" else adapter, pace=Pace(60 * config.minutes),
    )  # fmt: skip
    trainer.remove_callback(_printer())
    return trainer


class CompletionTrainer(SFTTrainer):
    """SFTTrainer, with the vocabulary head computed on a CPU where a label stands and nowhere else.

    SFTTrainer's own head saves a GPU's memory: it computes the logits in tiles, twice, and multiplies in float32. On
    a CPU that took more than half of a step (bench/results/tuning.md). The learning rate follows ``pace``.
    """

    def __init__(self, *, pace: Pace, **arguments: Any) -> None:
        self.pace = pace
        super().__init__(callbacks=[pace], **arguments)

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
        reshaped = any(model.config.to_dict().get(name) for name in ("final_logit_softcapping", "logit_scale"))
        if self.args.device.type != "cpu" or reshaped:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)  # type: ignore[no-untyped-call]
        language_model: Any = model.get_base_model() if isinstance(model, PeftModel) else model
        labels = inputs["labels"][:, 1:]
        borne = labels != IGNORED
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.args.bf16):
            decoder = language_model.get_decoder()
            hidden = decoder(inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False)[0]
            logits = language_model.get_output_embeddings()(hidden[:, :-1][borne])
        summed = F.cross_entropy(logits.float(), labels[borne], reduction="sum")
        return summed / (num_items_in_batch if num_items_in_batch is not None else borne.sum().clamp(min=1))


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


def padding_share(lengths: Sequence[int], batch_size: int) -> float:
    """Share of padding when examples are batched by length, as the trainer's sampler does."""
    order = sorted(lengths)
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    computed = sum(len(batch) * max(batch) for batch in batches)
    return 1 - sum(lengths) / computed


class Diary(TrainerCallback):
    """Turns the trainer's logs into rows: loss, learning rate, gradient norm, speed and memory."""

    def __init__(self, dataset: Dataset, pace: Pace, report: Callable[[Step], None] | None) -> None:
        self.rows: list[dict[str, Any]] = []
        self.tokens = 0
        self._mean = sum(len(row) for row in dataset["input_ids"]) / len(dataset)
        self._pace = pace
        self._report = report
        self._started = time.monotonic()
        self._last = (self._started, 0)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock; rows of an interrupted training are taken over from its checkpoint."""
        self._started = time.monotonic()
        self._last = (self._started, state.global_step)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Add one row for each logged training step."""
        if not logs or "loss" not in logs:
            return
        now = time.monotonic()
        then, before = self._last
        self._last = (now, state.global_step)
        tokens = (state.global_step - before) * args.per_device_train_batch_size * self._mean
        self.tokens += int(tokens)
        steps = round(state.global_step / self._pace.progress)
        step = Step(
            state.global_step, steps, float(logs["loss"]), float(logs.get("learning_rate", 0.0)),
            float(logs.get("grad_norm", 0.0)), round(tokens / max(now - then, 1e-6), 1), round(peak_memory_mb(), 1),
            round(now - self._started, 2),
        )  # fmt: skip
        self.rows.append(asdict(step))
        if self._report is not None:
            self._report(step)


def peak_memory_mb() -> float:
    """Peak memory so far in MB: of the GPU's allocator where there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
