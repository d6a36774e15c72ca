"""Text to candidate pairs: windows, a ledger of facts, rule-made forms, and questions that a model drafts in batches.

    corpus/heron.txt  ->  documents.jsonl chunks.jsonl facts.jsonl completions.jsonl candidates.jsonl

A batch of requests about one passage is the unit of resuming (``flows/batches.py``): the same batch is never generated
twice, in this run or a later one. Passages end where the text says so, so that a changed paragraph has its own passage
generated anew and no other, a new file its own, and a removed one takes its pairs along.
"""

import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect import flow, task

from flows.artifacts import progress
from flows.batches import batch_key
from flows.elsewhere import anywhere, keep_batch
from flows.limits import device
from flows.models import close_generators, resolve, short
from flows.reaching import check_runner
from flows.run_folder import account, measured, read_setup
from flows.runners import Job, Place, workers
from flows.terminal import Bar, bar
from tasks.config import Config, RunnerConfig
from tasks.corpus.chunking import chunk_document
from tasks.corpus.cleaning import boilerplate
from tasks.corpus.readers import Advance, read_on
from tasks.corpus.sentences import split_sentences
from tasks.curation.refusals import Entity
from tasks.errors import CorpusError
from tasks.generation.drafting import Request, requests_for
from tasks.generation.facts import build_ledger, entities
from tasks.generation.passages import cut_batches, passages, unplaced
from tasks.generation.variants import rule_pairs
from tasks.records import Chunk, Completion, Document, Fact, Pair, Rejection, Tally
from tasks.storage import read_records, write_records

logger = logging.getLogger(__name__)
PARSING = 0.65
"""Share of reading that goes into parsing; the rest phrases questions (bench/results/time-left.md)."""
MANY, SAYING = 100, 15.0
"""From so many files on, a line in the log says how far reading is; every so many seconds."""


@flow(name="generate", flow_run_name="generate {run.name}")
@anywhere
def generate(run: Path, config: Config | None = None, runner: RunnerConfig = RunnerConfig()) -> Path:
    """Read a run's corpus and make its candidate pairs; only what is new or changed is generated.

    Args:
        run: a run that was begun, e.g. /data/runs/heron or s3://bucket/heron.
        config: what steers it; left out, what the run was begun with.
        runner: where batches are generated; the default is this process.
    """
    config = config or read_setup(run).config
    check_runner(runner, config)
    with measured(run, "read"):
        read(run, config)
    with measured(run, "generate"):
        draft(run, config, runner)
    return run


@task(task_run_name="read {run.name}")
def read(run: Path, config: Config) -> None:
    """Write the documents, windows, facts, entities and rule-made pairs of a run's corpus."""
    documents: list[Document] = []
    chunks: list[Chunk] = []
    facts: list[Fact] = []
    named: list[Entity] = []
    pairs: list[Pair] = []
    rejections: list[Rejection] = []
    sentences = 0
    with bar("reading", "characters", work="reading") as progress:
        for document, place in _told(read_on(read_setup(run).corpus)):
            documents.append(document)
            parsed, phrased = _shares(progress, document, place)
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


def _told(documents: Iterable[tuple[Document, Advance]]) -> Iterator[tuple[Document, Advance]]:
    """Say now and then, where a bar may not be seen, how far the reading of many files is."""
    said = -math.inf
    for document, place in documents:
        if place.files >= MANY and (time.monotonic() - said > SAYING or place.file == place.files):
            logger.info(f"reading file {place.file:,} of {place.files:,}")
            said = time.monotonic()
        yield document, place


def _shares(progress: Bar, document: Document, at: Advance) -> tuple[Callable[[float], None], Callable[[float], None]]:
    """What is called as the parts of reading a document go on: parsing its sentences, and phrasing its questions.

    How many characters there are in all is told by those read so far, and by the share of the bytes that they were.
    """
    before, length = progress.pace.done, len(document.text)
    total = round((before + length) / at.share)
    note = f"file {at.file:,} of {at.files:,}" if at.files > 1 else ""
    progress.to(before, total, note)
    return (
        lambda share: progress.to(before + round(PARSING * share * length), note=note),
        lambda share: progress.to(before + round((PARSING + (1 - PARSING) * share) * length), note=note),
    )


def _passed_over(document: Document, start: int, end: int, kind: str) -> Rejection:
    return Rejection("sentences", kind, f"{document.id}:{start}", document.text[start:end][:200])


def draft(run: Path, config: Config, runner: RunnerConfig) -> None:
    """Let the model draft questions for facts that have too few, and add them to the candidates."""
    pairs, drafts = read_records(run / "candidates.jsonl", Pair), Drafts()
    if config.generation.generator != "none":
        ask(run, pairs, config, runner, drafts)
    tally = Tally("draft", len(drafts.pairs) + len(drafts.rejections), len(drafts.pairs))
    for rejection in drafts.rejections:
        tally.reject(rejection.reason)
    write_records(run / "completions.jsonl", drafts.completions)
    write_records(run / "candidates.jsonl", pairs + drafts.pairs)
    account(run, [tally], drafts.rejections)
    logger.info(
        f"drafted {tally.kept:,} pairs in {len(drafts.completions):,} completions: {drafts.anew:,} of "
        f"{drafts.batches:,} batches generated, the others were kept"
    )


def ask(run: Path, pairs: list[Pair], config: Config, runner: RunnerConfig, drafts: "Drafts") -> None:
    """Ask the model round by round; each after the first is about the facts that are still below the floor."""
    # What "auto" stands for is settled by this machine, not by each worker.
    settled = config.generation.model_copy(update={"generator": resolve(config.generation.generator)})
    config = config.model_copy(update={"generation": settled})
    facts, chunks = read_records(run / "facts.jsonl", Fact), read_records(run / "chunks.jsonl", Chunk)
    passage = passages(facts)
    # Workers elsewhere are shared out by their own cluster; what computes here waits for this machine's device.
    with device("none" if runner.address else settled.generator), workers(runner, config) as place:
        for number in range(settled.rounds):
            requests = requests_for(facts, pairs + drafts.pairs, chunks, settled, round=number)
            complete(cut_batches(requests, passage, settled.batch_size), config, drafts, place)
            if drafts.beyond(config):
                break
        close_generators()


@dataclass(slots=True)
class Drafts:
    """What the model has given so far. ``anew`` counts the batches that were generated and not found kept.

    A kept batch costs what it cost when it was made, so that a resumed run meets its budget where it would have.
    """

    completions: list[Completion] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    batches: int = 0
    anew: int = 0
    seconds: float = 0.0
    tokens: int = 0

    def add(self, result: dict[str, Any], batch: Iterable[Request], *, anew: bool) -> None:
        """Add a batch's result, as ``complete_one`` returns it, and put its records where their facts stand."""
        home = {request.fact_id: request for request in batch}
        for row in result["completions"]:
            fact_ids = tuple(row["fact_ids"])
            self.completions.append(Completion(**row | {"fact_ids": fact_ids, "chunk_id": home[fact_ids[0]].chunk_id}))
        for row in result["pairs"]:
            place = home[row["fact_id"]]
            span = {"evidence_start": place.evidence_start, "evidence_end": place.evidence_end}
            self.pairs.append(Pair(**row | span | {"chunk_id": place.chunk_id}))
        self.rejections += [Rejection(**row) for row in result["rejections"]]
        self.batches, self.anew = self.batches + 1, self.anew + anew
        self.seconds += result["seconds"]
        self.tokens += result["tokens"]

    def beyond(self, config: Config) -> bool:
        """Whether a budget is used up."""
        wanted = config.generation
        return self.seconds >= 60 * wanted.budget_minutes or self.tokens >= wanted.budget_tokens


def complete(batches: Sequence[Sequence[Request]], config: Config, drafts: Drafts, place: Place) -> None:
    """Generate batch by batch, until done or over budget; show how far it is.

    The budget is counted in the order of the batches, wherever they were made, so that it ends after the same one.
    """
    asked, budget = sum(map(len, batches)), 60 * config.generation.budget_minutes
    keys: deque[str] = deque()
    with (
        progress("generating", "requests", asked, work=f"{drafting(config)} {place.name}".rstrip()) as shown,
        contextlib.closing(place.results(_jobs(batches, config, keys))) as results,
    ):
        for number, batch in enumerate(batches, 1):
            slots = place.slots()
            shown.pace.most = (budget - drafts.seconds) / max(1, slots)
            if drafts.beyond(config):
                left = sum(map(len, batches[number - 1 :]))
                logger.warning(f"generation ends at its budget, with {left:,} of {asked:,} requests left")
                break
            started = time.monotonic()
            result, kept = next(results)
            drafts.add(result, batch, anew=not kept)
            keep_batch(keys.popleft())
            if not kept and not place.name:  # loading the model tells nothing about its speed
                shown.pace.started += max(0.0, time.monotonic() - started - result["seconds"])
            speed = slots * drafts.tokens / max(drafts.seconds, 0.01)
            shown.to(
                sum(map(len, batches[:number])),
                note=f"{len(drafts.pairs):,} pairs  {speed:,.0f} tokens/s",
                resumed=kept,
            )


def _jobs(batches: Iterable[Sequence[Request]], config: Config, keys: deque[str]) -> Iterator[Job]:
    """What ``complete_one`` takes for each batch; the keys are noted in this order, which is that of the results."""
    for batch in batches:
        bare = [unplaced(request) for request in batch]
        keys.append(batch_key(bare, config))
        yield keys[-1], bare, config


def drafting(config: Config) -> str:
    """Name the work of drafting with this generator, for ``speeds.json``."""
    return f"generating {short(config.generation.generator)} {config.generation.batch_size}"
