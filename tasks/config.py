"""What steers a run: one frozen model, every default in this file, every threshold with its source.

``Config.build("quick", ["tuning.epochs=3"])`` gives the ``quick`` preset with one value changed.
Unknown names and values out of range are refused, never ignored.
"""

import json
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tasks.errors import UsageError


class Section(BaseModel):
    """Base of all configuration sections: frozen, and strict about unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _same_name(setting: str, named: str, role: str, model: str) -> None:
    if named and named != model:
        raise UsageError(f"--set {setting}={named}: the {role} is {model}; code runs only for the model that is named")


class ChunkConfig(Section):
    """The sliding window over sentences."""

    unit: Literal["words", "tokens"] = Field("words", description="what window and stride count")
    window: int = Field(160, ge=8, description="size of a window; whole sentences are packed up to it")
    stride: int = Field(120, ge=1, description="how far a window moves; window - stride is the overlap")

    @model_validator(mode="after")
    def _windows_touch(self) -> "ChunkConfig":
        if self.stride > self.window:
            raise UsageError(
                f"chunks.stride={self.stride} is larger than chunks.window={self.window}: the text between two windows "
                f"would be lost; set chunks.stride to {self.window} or less"
            )
        return self


class GenerationConfig(Section):
    """How completions are made. The floor and the budget decide how long generation goes on."""

    generator: str = Field(
        "auto",
        description="'auto' (Llama-2-7b-chat where CUDA and the weights are there, else 'embedded'), 'embedded', "
        "'none' (rule forms only), a Hugging Face name or folder, a .gguf file, or http(s)://server/v1",
    )
    remote_code: str = Field("", description="the generator's name again, if code from its repository is to run")
    samples_per_fact: int = Field(1, ge=0, le=64, description="candidate questions asked of the model for each fact")
    floor: int = Field(4, ge=1, description="accepted questions a fact must reach before generation leaves it alone")
    rounds: int = Field(1, ge=1, le=16, description="top-up rounds over facts below the floor")
    temperature: float = Field(0.6, ge=0.0, le=2.0, description="0 is greedy")
    top_p: float = Field(0.95, gt=0.0, le=1.0, description="nucleus: the likeliest tokens of this share are drawn from")
    max_tokens: int = Field(48, ge=4, le=2048, description="longest completion, in tokens of the generator")
    batch_size: int = Field(64, ge=1, le=1024, description="prompts a batch; the unit that resume never repeats")
    budget_minutes: float = Field(2.0, gt=0, description="generation stops topping up after this many minutes")
    budget_tokens: int = Field(2_000_000, ge=1, description="… or after this many generated tokens")
    forms_per_fact: int = Field(4, ge=1, le=64, description="rule-made forms kept for one fact at most")
    kinds: tuple[Literal["rewrite", "question", "free"], ...] = Field(
        ("rewrite", "free"), description="what the model is asked for; a strong model is good at all three"
    )
    # The likelihood checks of drafted questions, in nats; all measured: bench/results/generation.md.
    least_fluency: float = Field(-1.8, le=0, description="log P(question | its sentence), a word")
    least_margin: float = Field(4.0, description="… minus the same under the passage's other sentences")
    least_answer: float = Field(-3.6, le=0, description="log P(answer | sentence, question)")
    most_drop: float = Field(0.8, ge=0, description="how far that may stay behind the rule's own question")
    least_lead: float = Field(2.0, description="… minus the same of other spans of the sentence")
    least_gain: float = Field(2.0, description="… minus log P(answer | question alone)")

    @model_validator(mode="after")
    def _code_is_of_this_model(self) -> "GenerationConfig":
        _same_name("generation.remote_code", self.remote_code, "generator", self.generator)
        return self


class CurationConfig(Section):
    """Filters and near-duplicates."""

    # Self-Instruct drops instructions of 3 words or fewer, or more than 150 (arXiv:2212.10560, its filter of generated
    # instructions). "Who is Odo?" is a question of 3; one about a single fact has no use for more than 40.
    question_words: tuple[int, int] = Field((3, 40), description="fewest and most words of a question")
    # An answer is a span of a sentence or a recited sentence. Tokens have a limit of their own: tuning.max_length.
    answer_words: tuple[int, int] = Field((1, 60), description="fewest and most words of an answer")
    # Grounding by content words is the precision side of ROUGE-1 (Lin 2004) without its stop words.
    grounding: float = Field(0.8, ge=0, le=1, description="share of the answer's content words found in the evidence")
    # Jaccard 0.8 over shingles is the usual near-duplicate threshold (Lee et al. 2022, arXiv:2107.06499, sec. 4.2).
    duplicate_similarity: float = Field(0.8, gt=0, le=1, description="Jaccard over word shingles: same question")
    # The filter of C4-like corpora asks for a language score; a question is too short for one, letters are not.
    foreign_letters: float = Field(0.3, ge=0, le=1, description="most letters of another script than Latin, as a share")
    # One foreign small word is a name ("Der Blaue Reiter"): there have to be more, and more of them than English ones.
    foreign_words: int = Field(2, ge=1, description="fewest small words of another language that make it that language")
    # 1 - (1 - s^r)^b is the chance to be found (Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, sec. 3.4.2).
    missed_duplicates: float = Field(
        0.01, gt=0, lt=1, description="most chance to miss a duplicate at the very threshold; sets the LSH bands"
    )
    # The longer the signature, the finer the choice of bands; 256 gives 32 bands of 8 at a threshold of 0.8.
    minhash_permutations: int = Field(256, ge=16, le=1024, description="length of a MinHash signature")
    # Half goes to the database, which does not work on less than some 64 MB.
    memory_mb: int = Field(
        4096, ge=128, description="candidates that need more are sorted on the disk, in so much (needs duckdb)"
    )


class RefusalConfig(Section):
    """Refusal pairs: minimal twins of answerable ones."""

    # A quarter to a third: R-Tuning (arXiv:2311.09677) and the Idk datasets (arXiv:2401.13275) over-refuse above it.
    share: float = Field(0.33, ge=0, lt=1, description="refusals as a share of all pairs")
    kinds: tuple[Literal["fictitious", "near-miss", "moved", "foreign", "unstated", "tag", "outside"], ...] = Field(
        ("fictitious", "near-miss", "moved", "foreign", "unstated", "tag", "outside"),
        description="which twins are made; 'foreign', of another document's entities, where there are several",
    )


class ImportConfig(Section):
    """Examples from elsewhere that are trained on too: general replay, or an existing question-answer set."""

    path: str = Field(min_length=1, description="a .json, .jsonl, .csv or .tsv file, or a dataset folder")
    question: str = Field("", description="name of the column; '' where the rows have one of the known shapes")
    answer: str = Field("", description="… of the answer; the two are named together")
    system: str = Field("", description="… of the system prompt")
    source: str = Field("", description="… of the Source tag")
    closed: bool = Field(False, description="asked under the closed-domain system prompt, not the rows' own or none")
    most: int = Field(1000, ge=1, description="examples taken; the file is not read any further")

    @classmethod
    def parse(cls, text: str) -> "ImportConfig":
        """Read 'faq.csv,question=ask,answer=say,closed=true'; a path is made absolute, since a stage may run later.

        Raises:
            UsageError: for a value that does not fit.
        """
        path, *options = re.split(rf",(?=(?:{'|'.join(cls.model_fields)})=)", text)
        try:
            return cls(path=str(Path(path).resolve()), **dict(option.split("=", 1) for option in options))
        except ValidationError as error:
            first = error.errors()[0]
            raise UsageError(f"--extra {text}: {first['loc'][0]}={first['input']!r}: {first['msg']}") from error

    @model_validator(mode="after")
    def _both_are_named(self) -> "ImportConfig":
        if bool(self.question) != bool(self.answer) or ((self.system or self.source) and not self.question):
            raise UsageError(
                f"imports of {self.path}: name the columns of the question and of the answer, e.g. "
                f"--extra {self.path},question=ask,answer=say"
            )
        return self


class SplitConfig(Section):
    """Facts, not rows, are split."""

    valid: float = Field(0.08, ge=0, lt=0.5, description="share of a fact's question forms kept for validation")
    withheld: float = Field(0.0, ge=0, lt=0.9, description="share of facts never taught, for U4 probes")


REPLAY = 0.06
"""Share of general replay for weights that are always on."""


class TuningConfig(Section):
    """The student and how it is trained."""

    student: str = Field("embedded", description="'embedded', or a Hugging Face name or folder")
    remote_code: str = Field("", description="the student's name again, if code from its repository is to run")
    method: Literal["lora", "qlora", "full"] = Field(
        "lora", description="an adapter; an adapter on 4-bit weights; every weight"
    )
    system: str = Field("Closed book.", description="the closed-domain system prompt")
    template: Literal["auto", "llama2", "chat"] = Field(
        "auto", description="'auto': [INST] for Llama-2, the tokenizer's own chat template for any other that has one"
    )
    answer_style: Literal["short", "statement", "short-then-statement", "statement-then-short"] = Field(
        "statement", description="what an answer says: the value, the sentence that holds it, or both"
    )
    statements: int = Field(1, ge=0, le=16, description="times that each recited sentence is also learnt as plain text")
    question_dropout: float = Field(0.25, ge=0, lt=1, description="share of a question's words left out in training")
    refusal_share: float = Field(
        0.2,
        gt=0,
        le=1,
        description="of refusals in a pass over the examples; where there are more, each pass has others",
    )
    tag_share: float = Field(0.6, ge=0, le=1, description="share of items that show the Source tag")
    rank: int = Field(32, ge=1, le=1024, description="of the adapter's matrices")
    alpha: int = Field(64, ge=1, description="the adapter is scaled by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="of the adapter's inputs")
    # Few steps: hence the fast rate, LoRA+ and small batches (bench/results/recipes.md).
    learning_rate: float = Field(
        8.5e-4, gt=0, description="at its highest, after the warm-up; of an adapter that of its A matrices"
    )
    loraplus_lr_ratio: float = Field(
        8.0, ge=1, description="the adapter's B matrices learn at this many times the rate of its A matrices (LoRA+)"
    )
    warmup: float = Field(0.05, ge=0, lt=1, description="share of the steps")
    schedule: str = Field("cosine", description="a scheduler name of transformers")
    epochs: float = Field(6.0, gt=0, description="passes over the examples")
    minutes: float = Field(
        7.5, gt=0, description="training ends here at the latest, its schedule stretched to end with it"
    )
    batch_size: int = Field(8, ge=1, description="examples a step")
    max_length: int = Field(256, ge=16, description="tokens; longer examples are rejected, never cut")
    activated: bool = Field(
        True, description="the adapter acts behind the closed-domain system prompt alone; other prompts get the base"
    )
    replay_share: float | None = Field(
        None, ge=0, lt=1, description="general items from the base itself, against forgetting; None: 0.06 where the "
        "tuned weights are always on, else none"
    )  # fmt: skip
    weight_decay: float = Field(0.0, ge=0, description="of AdamW")
    # Below the presets' goals (15 and 6%): with 0.15 people saw 23% refused (bench/results/recipes.md).
    most_refused: float = Field(
        0.1, ge=0, le=1, description="answerable validation questions that the calibrated margin may refuse at most"
    )
    activation_checkpointing: bool = Field(False, description="recompute activations: slower, far less memory")
    report_to: Literal["none", "mlflow", "tensorboard", "trackio", "wandb"] = Field(
        "none", description="a tracker that is installed; the run's own files hold the figures in any case"
    )

    @property
    def sleeps(self) -> bool:
        """Whether what is tuned acts behind the closed-domain system prompt alone."""
        return self.activated and self.method != "full" and bool(self.system)

    def replay(self, *, asleep: bool) -> float:
        """The share of general replay, settled; ``asleep``: other prompts than the closed-domain get the base."""
        return self.replay_share if self.replay_share is not None else 0.0 if asleep else REPLAY

    @model_validator(mode="after")
    def _code_is_of_this_model(self) -> "TuningConfig":
        _same_name("tuning.remote_code", self.remote_code, "student", self.student)
        return self


class ProbeConfig(Section):
    """Asking the base and the tuned model."""

    batch_size: int = Field(32, ge=1, description="probes asked at once")
    max_new_tokens: int = Field(
        48, ge=1, description="longest answer in tokens of the student; the tuned model's are as long as those taught"
    )
    recitals: int = Field(8, ge=0, le=64, description="answers recalled and compared before one is given; 0: greedy")
    drawn: int = Field(12, ge=0, description="generated probes of each category, besides the hand-written ones")
    margin_threshold: float | None = Field(
        None, description="refuse when the refusal margin exceeds this; None: the value chosen on validation"
    )
    gate_hpa: float = Field(0.0, ge=0, le=1, description="the run fails when HPA stays below")


class RunnerConfig(Section):
    """Where batches are generated: no part of ``Config``, since a dataset is the same wherever it was made."""

    kind: Literal["threads", "dask", "ray"] = Field(
        "threads", description="this process, or the worker processes of a Dask or Ray cluster"
    )
    address: str = Field("", description="of a cluster that runs; '' starts workers on this machine")
    workers: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="batches under way at once; left out: one here, a worker for each GPU or four cores on this "
        "machine, all workers of a running Dask cluster, one a GPU or node of a running Ray cluster",
    )

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "RunnerConfig":
        if self.address and self.kind == "threads":
            raise UsageError(f"--address {self.address}: --runner threads has none; give --runner dask or --runner ray")
        if self.address and self.kind == "dask" and self.workers:
            raise UsageError(
                f"--workers {self.workers}: the Dask cluster at {self.address} has the workers that were started; "
                "leave it out"
            )
        return self


class Config(Section):
    """Everything a run depends on, besides its texts."""

    preset: Literal["quick", "full"] = Field(
        "quick", description="quick: minutes, full: an hour; the values that are not given come from it"
    )
    seed: int = Field(17, ge=0, description="of every draw: another seed, another dataset")
    chunks: ChunkConfig = ChunkConfig()
    generation: GenerationConfig = GenerationConfig()
    curation: CurationConfig = CurationConfig()
    refusals: RefusalConfig = RefusalConfig()
    split: SplitConfig = SplitConfig()
    imports: tuple[ImportConfig, ...] = Field((), description="files of examples to train on too")
    tuning: TuningConfig = TuningConfig()
    probing: ProbeConfig = ProbeConfig()

    @model_validator(mode="before")
    @classmethod
    def _under_its_preset(cls, given: Any) -> Any:
        """Put what is given over the values of its preset, wherever the configuration comes from."""
        if not isinstance(given, dict):
            return given
        sections = PRESETS.get(given.get("preset", "quick"), {})
        merged = {
            name: part | given.get(name, {}) for name, part in sections.items() if isinstance(given.get(name, {}), dict)
        }
        return given | merged

    @classmethod
    def build(cls, preset: str = "quick", overrides: list[str] | None = None) -> "Config":
        """Resolve a preset and ``section.name=value`` overrides (values are JSON, or plain text).

        Raises:
            UsageError: for an unknown preset or name, or a value that does not fit.
        """
        if preset not in PRESETS:
            raise UsageError(f"--preset {preset}: unknown; choose one of {', '.join(PRESETS)}")
        values: dict[str, Any] = {"preset": preset}
        for override in overrides or []:
            _assign(values, override)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            if first["type"] == "extra_forbidden":
                raise UsageError(f"--set {name}: no such setting; {_nearest(name)}") from error
            raise UsageError(f"--set {name}={first['input']!r}: {first['msg']}; see tasks/config.py") from error


PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "quick": {},
    "full": {
        "generation": {"samples_per_fact": 6, "rounds": 3, "budget_minutes": 12.0, "forms_per_fact": 24},
        "tuning": {
            "epochs": 12.0,
            "minutes": 38.0,
            "most_refused": 0.02,
            "learning_rate": 4e-4,
        },
        "probing": {"recitals": 16, "drawn": 24},
    },
}


def setting_names() -> list[str]:
    """Every name that ``--set`` takes: "seed", "tuning.epochs", …"""
    names = [name for name, field in Config.model_fields.items() if not _is_section(field.annotation)]
    for section, field in Config.model_fields.items():
        if _is_section(field.annotation):
            names += [f"{section}.{key}" for key in field.annotation.model_fields]  # type: ignore[union-attr]
    return names


def _nearest(name: str) -> str:
    """'tuning.epoch' -> 'did you mean tuning.epochs?', or the names there are."""
    close = get_close_matches(name, setting_names(), n=1)
    return f"did you mean {close[0]}?" if close else "the settings stand in tasks/config.py"


def _is_section(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _assign(values: dict[str, Any], override: str) -> None:
    name, separator, text = override.partition("=")
    if not separator or not name:
        raise UsageError(f"--set {override}: not of the form section.name=value, e.g. --set tuning.epochs=3")
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    section, dot, key = name.partition(".")
    if not dot:
        values[section] = value
    elif isinstance(part := values.setdefault(section, {}), dict):
        part[key] = value
