"""What a run over a corpus would take here, before anything is begun: calls, tokens, minutes and memory.

    plan(Path("corpora/heron"), config)
    -> Estimate(calls=165, prompt_tokens=48_300, written_tokens=2_000, examples=618, steps=525, probes=502,
                stages=(Stage("generate", 88, "an earlier run"), …), memory_mb=7900)

The corpus is really read and its rule-made questions are really curated, in a temporary folder, so that calls, prompt
tokens, examples and probes are counted, not guessed; what the model will add is left out (a few per cent of the pairs).
Speeds are those of earlier runs on this machine (``flows/pace.py``), else measured now on a small part of the work.
"""

import math
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from flows.curate import compose, refuse, select
from flows.finetune import fresh_twins, tuning
from flows.generate import drafting, read
from flows.models import named, opened, resolve
from flows.pace import known_speed
from flows.probe import asking, collect, put_quietly
from flows.run_folder import begin
from flows.students import Student
from flows.terminal import wait
from tasks.config import Config
from tasks.curation.examples import statements_of
from tasks.generation.drafting import Request, complete_batch, pairs_from, requests_for
from tasks.generation.generators import Sampling
from tasks.records import Chunk, Document, Example, Fact, Pair, Probe
from tasks.storage import read_records

BEFORE, NOW, UNKNOWN = "an earlier run", "measured now", "unknown until the first run"
REQUESTS, PROBES = 16, 32
"""How much of the work is done to measure its speed; a whole batch of probes, for the memory that it takes."""
TOKENS_A_WORD = 1.4
"""Of English, for a model whose tokenizer is not here: 1.3 to 1.5 for Llama's and GPT's."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Seconds of one stage, None where they cannot be told, and where the figure comes from."""

    name: str
    seconds: float | None
    basis: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would take. Tokens are the generator's.

    ``memory_mb`` is the most that an earlier run held, or, where a stage was measured now, the least that one will: a
    run meets longer batches than the few that were tried. None is unknown.
    """

    words: int
    facts: int
    calls: int
    prompt_tokens: int
    written_tokens: int
    examples: int
    steps: int | None
    probes: int
    stages: tuple[Stage, ...]
    memory_mb: int | None

    @property
    def tried(self) -> bool:
        """Whether a model was tried now, so that a run may hold more memory than the estimate says."""
        models = [stage for stage in self.stages if stage.name in ("generate", "finetune", "probe")]
        return any(stage.basis == NOW and stage.seconds for stage in models)

    @property
    def minutes(self) -> float | None:
        """All stages together; None where one is unknown."""
        seconds = [stage.seconds for stage in self.stages]
        return None if None in seconds else sum(filter(None, seconds)) / 60


@dataclass(slots=True)
class Speeds:
    """Seconds a unit by what is known of this machine, or by trying; remembers what each rests on."""

    memory_mb: int = 0
    basis: dict[str, str] = field(default_factory=dict)
    tried: dict[str, float] = field(default_factory=dict)

    def of(self, stage: str, work: str, measure: Callable[[], float] | None) -> float | None:
        """Seconds a unit of the work; ``measure`` None: it cannot be tried here."""
        if work in self.tried:
            return self.tried[work]
        known = known_speed(work)
        if known is not None:
            self.memory_mb = max(self.memory_mb, known.memory_mb)
            self.basis[stage] = BEFORE
            return known.seconds
        self.basis[stage] = NOW if measure else UNKNOWN
        if measure is None:
            return None
        with wait("measuring", work=f"measuring {work}"):
            seconds = self.tried[work] = measure()
        self.memory_mb = max(self.memory_mb, peak_memory_mb())
        return seconds

    def stage(self, name: str, seconds: float | None) -> Stage:
        """A stage with what its time rests on."""
        return Stage(name, seconds, self.basis.get(name, NOW))


def peak_memory_mb() -> int:
    """The most memory this process has held: on a GPU the allocator's."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() // 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def plan(corpus: Path, config: Config) -> Estimate:
    """Estimate a run over a corpus.

    Raises:
        CorpusError: when the corpus cannot be used.
        ModelError: when a model that lies here cannot be loaded.
    """
    with tempfile.TemporaryDirectory(prefix="closedbook-plan-") as folder:
        return Planning(corpus.resolve(), Path(folder) / "run", config).estimate()


@dataclass(slots=True)
class Planning:
    """One corpus on its way to an estimate; ``run`` is a folder that is thrown away."""

    corpus: Path
    run: Path
    config: Config
    speeds: Speeds = field(default_factory=Speeds)

    def estimate(self) -> Estimate:
        """Read, curate and measure."""
        begin(self.corpus, self.run, self.config)
        reading = seconds_of(lambda: read.fn(self.run, self.config))
        curating = seconds_of(self._curate)
        requests = self._requests()
        examples = read_records(self.run / "train.jsonl", Example)
        probes = read_records(self.run / "probes.jsonl", Probe)
        drafted, made, written = self._draft(requests)
        steps, tuned = self._tune(examples)
        return Estimate(
            words=sum(len(document.text.split()) for document in read_records(self.run / "documents.jsonl", Document)),
            facts=len(read_records(self.run / "facts.jsonl", Fact)),
            calls=made,
            prompt_tokens=count_tokens([request.prompt for request in requests[:made]], self.config),
            written_tokens=written,
            examples=len(examples),
            steps=steps,
            probes=len(probes),
            stages=(
                Stage("read", reading, NOW),
                self.speeds.stage("generate", drafted),
                Stage("curate", curating, NOW),
                self.speeds.stage("finetune", tuned),
                self.speeds.stage("probe", self._probe(probes)),
            ),
            memory_mb=self.speeds.memory_mb or None,
        )

    def _curate(self) -> None:
        for part in (select, refuse, compose, collect):
            part.fn(self.run, self.config)

    def _requests(self) -> list[Request]:
        """The requests of the first round; later rounds ask only for facts that stayed below the floor."""
        if self.config.generation.generator == "none":
            return []
        facts = read_records(self.run / "facts.jsonl", Fact)
        pairs = read_records(self.run / "candidates.jsonl", Pair)
        chunks = read_records(self.run / "chunks.jsonl", Chunk)
        return requests_for(facts, pairs, chunks, self.config.generation, round=0)

    def _draft(self, requests: Sequence[Request]) -> tuple[float | None, int, int]:
        """Seconds of drafting, calls within the budget, and tokens written: by a part that was tried, else at most."""
        wanted = self.config.generation
        if not requests:
            return 0.0, 0, 0
        sample = requests[:: math.ceil(len(requests) / REQUESTS)]
        tokens: list[int] = []

        def measure() -> float:
            generator = opened(wanted.generator, wanted.remote_code)
            sampling = Sampling(wanted.temperature, wanted.top_p, wanted.max_tokens, self.config.seed)
            started, before = time.monotonic(), generator.tokens_generated
            pairs_from(generator, complete_batch(generator, sample, sampling), sample, wanted)
            tokens.append(generator.tokens_generated - before)
            return (time.monotonic() - started) / len(sample)

        tried = measure if is_here(wanted.generator) else None
        unit = self.speeds.of("generate", drafting(self.config), tried)
        budget = 60 * wanted.budget_minutes
        # A batch that is begun within the budget is finished.
        whole = len(requests) if unit is None else math.ceil(budget / unit / wanted.batch_size) * wanted.batch_size
        made = min(len(requests), whole)
        written = round(made * (tokens[0] / len(sample) if tokens else wanted.max_tokens))
        return None if unit is None else unit * made, made, written

    def _tune(self, examples: Sequence[Example]) -> tuple[int | None, float | None]:
        """Steps and seconds of tuning: preparing it, the steps, and settling the threshold."""
        from tasks.tuning import sft, speed

        tuned = self.config.tuning
        taught = {example.pair_id for example in examples}
        statements = statements_of(read_records(self.run / "pairs.jsonl", Pair), taught)
        rows = len(examples) / (1 - tuned.replay(asleep=tuned.sleeps)) + len(statements) * tuned.statements
        steps = math.ceil(tuned.epochs * rows / tuned.batch_size)
        preparing: list[float] = []

        def measure() -> float:
            started = time.monotonic()
            bare = tuned.model_copy(update={"replay_share": 0.0})  # asking the general questions is counted below
            prepared = sft.prepare(examples, bare, self.run, seed=self.config.seed, statements=statements)
            preparing.append(time.monotonic() - started)
            return speed.seconds_per_step(prepared.trainer, prepared.dataset, tuned.batch_size)

        unit = self.speeds.of("finetune", tuning(self.config), measure if is_here(tuned.student) else None)
        if unit is None:
            return None, None
        steps = max(1, min(steps, int(60 * tuned.minutes / unit)))
        known = known_speed(f"preparing {named(self.config)}")
        replay = (rows - len(statements) * tuned.statements - len(examples)) * (self._probing() or 0.0)
        before = preparing[0] + replay if preparing else known.seconds if known else 0.0
        return steps, before + steps * unit + self._settle()

    def _settle(self) -> float:
        """Seconds of choosing the threshold: as long as so many probes take the tuned model."""
        valid = read_records(self.run / "valid.jsonl", Example)
        questions = len(valid) + len(fresh_twins(self.run, valid, self.config))
        known = known_speed(f"settling {named(self.config)}")
        unit = known.seconds if known else self._probing()
        return questions * (unit or 0.0)

    def _probe(self, probes: Sequence[Probe]) -> float | None:
        """Seconds of asking both models."""
        unit = self._probing()
        return None if unit is None else unit * len(probes)

    def _probing(self) -> float | None:
        """Seconds a probe; tried, where it must be, on the untuned student in both parts."""
        probes = read_records(self.run / "probes.jsonl", Probe)

        def measure() -> float:
            student = untuned(self.config)
            sample = probes[:: math.ceil(len(probes) / PROBES)]
            return seconds_of(lambda: put_quietly(student, sample)) / len(sample)

        return self.speeds.of("probe", asking(self.config), measure if is_here(self.config.tuning.student) else None)


def seconds_of(work: Callable[[], object]) -> float:
    """How long the work took."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def is_here(name: str) -> bool:
    """Whether a model's speed can be tried without downloading it, or paying a server for it."""
    name = resolve(name)
    if name == "embedded" or Path(name).exists():
        return True
    return not name.startswith("http") and isinstance(try_to_load_from_cache(name, "config.json"), str)


def count_tokens(prompts: Sequence[str], config: Config) -> int:
    """Tokens of the prompts by the generator's own tokenizer, or by their words where it has none here."""
    name = resolve(config.generation.generator)
    if prompts and is_here(name) and not name.endswith(".gguf"):
        from tasks.tuning.students import load_tokenizer

        return sum(len(ids) for ids in load_tokenizer(name)(list(prompts))["input_ids"])
    return round(TOKENS_A_WORD * sum(len(prompt.split()) for prompt in prompts))


def untuned(config: Config) -> Student:
    """The student before any training, in both parts: as fast as the tuned one."""
    import torch

    from tasks.probing.decoding import Decoding
    from tasks.tuning.rendering import Renderer, choose_template
    from tasks.tuning.students import fast_bfloat16, load_student, load_tokenizer

    tuning, probing = config.tuning, config.probing
    model = load_student(tuning.student, dtype=torch.bfloat16 if fast_bfloat16() else None)
    tokenizer = load_tokenizer(tuning.student)
    return Student(
        tuned=model,
        base=model,
        tokenizer=tokenizer,
        renderer=Renderer(tokenizer, choose_template(tokenizer, tuning.template, tuning.student)),
        decoding=Decoding(probing.batch_size, probing.max_new_tokens, recitals=probing.recitals),
        system=tuning.system,
        sources=frozenset(),
    )
