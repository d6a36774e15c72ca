"""Text to candidate pairs: windows, a ledger of facts, rule-made forms, and questions that a model drafts in batches.

    corpus/heron.txt  ->  documents.jsonl chunks.jsonl facts.jsonl completions.jsonl candidates.jsonl

A batch is the unit of resuming. Its result is kept by Prefect as JSON under a key made of what it depends on: prompts,
sampling, model and seed. The same batch is never generated twice, in this run or a later one; a result torn by a
kill is not valid JSON, counts as missing, and is made again. Batches are cut by content, so that a paragraph put
into a text changes its own batch and leaves the others as they are.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.context import TaskRunContext

from flows.models import identity, opened, short
from flows.run_folder import account, measured, read_setup
from flows.terminal import Bar, bar
from tasks.config import Config
from tasks.corpus.chunking import chunk_document
from tasks.corpus.cleaning import boilerplate
from tasks.corpus.readers import read_corpus
from tasks.corpus.sentences import split_sentences
from tasks.curation.refusals import Entity
from tasks.errors import CorpusError
from tasks.generation.drafting import Request, complete_batch, pairs_from, requests_for
from tasks.generation.facts import build_ledger, entities
from tasks.generation.generators import Sampling
from tasks.generation.variants import rule_pairs
from tasks.records import Chunk, Completion, Document, Fact, Pair, Rejection, Tally, derive_id
from tasks.storage import read_records, write_records

logger = logging.getLogger(__name__)
PARSING = 0.65
"""Share of reading that goes into parsing; the rest phrases questions (bench/results/time-left.md)."""


@flow(name="generate", flow_run_name="generate {run.name}")
def generate(run: Path, config: Config) -> Path:
    """Read a run's corpus and make its candidate pairs."""
    with measured(run, "read"):
        read(run, config)
    with measured(run, "generate"):
        draft(run, config)
    return run


@task(task_run_name="read {run.name}")
def read(run: Path, config: Config) -> None:
    """Write the documents, windows, facts, entities and rule-made pairs of a run's corpus."""
    documents = read_corpus(read_setup(run).corpus)
    chunks: list[Chunk] = []
    facts: list[Fact] = []
    named: list[Entity] = []
    pairs: list[Pair] = []
    rejections: list[Rejection] = []
    sentences = 0
    with bar("reading", "characters", sum(len(document.text) for document in documents), work="reading") as progress:
        for document in documents:
            parsed, phrased = _shares(progress, document)
            spans = split_sentences(document.text)
            passed = boilerplate(document.text, spans)
            rejections += [_passed_over(document, span.start, span.end, span.kind) for span in passed]
            skipped = {(span.start, span.end) for span in passed if span.kind != "heading"}
            readings = build_ledger(document, [span for span in spans if span not in skipped], parsed)
            windows = chunk_document(document, config.chunks)
            limit = config.generation.forms_per_fact
            sentences += len(spans)
            chunks += windows
            facts += [reading.fact for reading in readings]
            named += [Entity(text, proper, person) for text, proper, person in entities(readings)]
            pairs += rule_pairs(readings, windows, limit=limit, seed=config.seed, report=phrased)
            phrased(1.0)
    if not facts:
        raise CorpusError(f"{run.name}: no sentence in it that states a fact; give a text in whole sentences")
    for name, records in (("documents", documents), ("chunks", chunks), ("facts", facts), ("entities", named)):
        write_records(run / f"{name}.jsonl", records)
    write_records(run / "candidates.jsonl", pairs)
    tally = Tally("sentences", sentences, sentences - len(rejections))
    for rejection in rejections:
        tally.reject(rejection.reason)
    account(run, [tally], rejections, sentences)
    words = sum(len(document.text.split()) for document in documents)
    logger.info(f"read {words:,} words: {len(chunks)} windows, {len(facts):,} facts, {len(pairs):,} rule-made pairs")
    if rejections:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in tally.rejected.items())
        logger.info(f"passed over {len(rejections):,} of {sentences:,} sentences: {reasons}")


def _shares(progress: Bar, document: Document) -> tuple[Callable[[float], None], Callable[[float], None]]:
    """What is called as the parts of reading a document go on: parsing its sentences, and phrasing its questions."""
    before, length = progress.pace.done, len(document.text)
    return (
        lambda share: progress.to(before + round(PARSING * share * length)),
        lambda share: progress.to(before + round((PARSING + (1 - PARSING) * share) * length)),
    )


def _passed_over(document: Document, start: int, end: int, kind: str) -> Rejection:
    return Rejection("sentences", kind, f"{document.id}:{start}", document.text[start:end][:200])


def draft(run: Path, config: Config) -> None:
    """Let the model draft questions for facts that have too few, round by round, and add them to the candidates."""
    wanted = config.generation
    facts = read_records(run / "facts.jsonl", Fact)
    chunks = read_records(run / "chunks.jsonl", Chunk)
    pairs = read_records(run / "candidates.jsonl", Pair)
    drafts = Drafts()
    for number in range(0 if wanted.generator == "none" else wanted.rounds):
        requests = requests_for(facts, pairs + drafts.pairs, chunks, wanted, round=number)
        complete(requests, config, drafts)
        if drafts.beyond(config):
            break
    tally = Tally("draft", len(drafts.pairs) + len(drafts.rejections), len(drafts.pairs))
    for rejection in drafts.rejections:
        tally.reject(rejection.reason)
    write_records(run / "completions.jsonl", drafts.completions)
    write_records(run / "candidates.jsonl", pairs + drafts.pairs)
    account(run, [tally], drafts.rejections)
    logger.info(f"drafted {tally.kept:,} pairs in {len(drafts.completions):,} completions")


@dataclass(slots=True)
class Drafts:
    """What the model has given so far.

    A kept batch costs what it cost when it was made, so that a resumed run meets its budget where it would have.
    """

    completions: list[Completion] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    seconds: float = 0.0
    tokens: int = 0

    def add(self, result: dict[str, Any]) -> None:
        """Add a batch's result, as ``complete_one`` returns it."""
        self.completions += [Completion(**row | {"fact_ids": tuple(row["fact_ids"])}) for row in result["completions"]]
        self.pairs += [Pair(**row) for row in result["pairs"]]
        self.rejections += [Rejection(**row) for row in result["rejections"]]
        self.seconds += result["seconds"]
        self.tokens += result["tokens"]

    def beyond(self, config: Config) -> bool:
        """Whether a budget is used up."""
        wanted = config.generation
        return self.seconds >= 60 * wanted.budget_minutes or self.tokens >= wanted.budget_tokens


def complete(requests: Sequence[Request], config: Config, drafts: Drafts) -> None:
    """Generate what the requests ask for, batch by batch, until done or over budget; show a bar."""
    batches = cut_batches(requests, config.generation.batch_size)
    with bar("generating", "requests", len(requests), work=drafting(config)) as progress:
        progress.pace.most = 60 * config.generation.budget_minutes - drafts.seconds
        for number, batch in enumerate(batches, 1):
            if drafts.beyond(config):
                left = sum(map(len, batches[number - 1 :]))
                logger.warning(f"generation ends at its budget, with {left:,} of {len(requests):,} requests left")
                break
            started, before = time.monotonic(), drafts.seconds
            drafts.add(complete_one(batch_key(batch, config), batch, config))
            idle = time.monotonic() - started - (drafts.seconds - before)  # loading the model; below 0: not made anew
            kept = idle < 0 and -2 * idle > drafts.seconds - before
            progress.pace.started += max(0.0, idle)
            note = f"{len(drafts.pairs):,} pairs  {drafts.tokens / max(drafts.seconds, 0.01):,.0f} tokens/s"
            progress.pace.most = 60 * config.generation.budget_minutes - drafts.seconds
            progress.to(sum(map(len, batches[:number])), note=note, resumed=kept)


def drafting(config: Config) -> str:
    """Name the work of drafting with this generator, for ``speeds.json``."""
    return f"generating {short(config.generation.generator)} {config.generation.batch_size}"


def cut_batches(requests: Sequence[Request], size: int) -> list[list[Request]]:
    """Cut requests into batches of ``size`` at most, where their content says so: equal runs of requests cut alike."""
    batches: list[list[Request]] = [[]]
    for request in requests:
        batches[-1].append(request)
        filled = len(batches[-1])
        if filled == size or (filled >= size / 2 and int(request.id, 16) % max(1, size // 2) == 0):
            batches.append([])
    return [batch for batch in batches if batch]


def batch_key(batch: Iterable[Request], config: Config) -> str:
    """Name all that a batch's result depends on."""
    wanted = config.generation.model_dump_json(exclude={"generator", "rounds", "budget_minutes", "budget_tokens"})
    return "batch-" + derive_id(identity(config.generation.generator), config.seed, wanted, *map(asdict, batch))


def _by_key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    return str(parameters["key"])


@task(
    task_run_name="generate {key}",
    cache_policy=CacheKeyFnPolicy(cache_key_fn=_by_key),
    persist_result=True,
    result_serializer="json",
)
def complete_one(key: str, batch: list[Request], config: Config) -> dict[str, Any]:
    """Generate and check one batch; return its records, tokens and seconds as JSON values."""
    wanted = config.generation
    generator = opened(wanted.generator)
    sampling = Sampling(wanted.temperature, wanted.top_p, wanted.max_tokens, config.seed)
    started, before = time.monotonic(), generator.tokens_generated
    completions = complete_batch(generator, batch, sampling)
    pairs, rejections = pairs_from(generator, completions, batch, wanted)
    return {
        "completions": [asdict(completion) for completion in completions],
        "pairs": [asdict(pair) for pair in pairs],
        "rejections": [asdict(rejection) for rejection in rejections],
        "tokens": generator.tokens_generated - before,
        "seconds": time.monotonic() - started,
    }
