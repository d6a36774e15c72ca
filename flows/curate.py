"""Candidate pairs to training examples: filters, duplicates, refusal twins, split, rendering-free examples.

candidates.jsonl  ->  pairs.jsonl train.jsonl valid.jsonl, and every loss in rejected.jsonl by its reason
imported files    ->  imported.jsonl (which example came from which row), and their examples in train.jsonl

A reviewer's decisions (``reviews.jsonl``) come before every filter; ``reviewed.json`` names those that are in.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import jsonlines
from prefect import flow, task

from flows.artifacts import show
from flows.elsewhere import anywhere
from flows.run_folder import account, measured, read_setup
from flows.terminal import wait
from tasks.config import Config
from tasks.curation.decisions import Decisions, read_decisions, reviews_hash
from tasks.curation.examples import to_examples
from tasks.curation.extra import IMPORTED, take_imports
from tasks.curation.inventing import Side
from tasks.curation.refusal_draw import make_refusals, outside_questions
from tasks.curation.refusals import Entity, RefusalMaker
from tasks.curation.reviews import (
    Reviewed,
    decisions_on,
    drop_other_duplicates,
    filter_reviewed,
    only_safe,
    review_pairs,
)
from tasks.curation.splits import assign_splits, check_splits
from tasks.errors import UnusableResult, UsageError
from tasks.probing.general import general_probes
from tasks.probing.probes import leaks, load_probes
from tasks.records import Document, Example, Fact, Pair, Probe, Rejection, Tally, to_json
from tasks.storage import iter_records, read_records, room_for, write_json, write_records

logger = logging.getLogger(__name__)
REVIEWED = "reviewed.json"
MEMORY_A_BYTE = 3.5
"""Bytes of memory that curating takes for a byte of ``candidates.jsonl`` (bench/results/large.md)."""


@flow(name="curate", flow_run_name="curate {run.name}")
@anywhere
def curate(run: Path, config: Config | None = None) -> Path:
    """Turn a run's candidate pairs into its training and validation examples.

    Args:
        run: a run that was begun, e.g. /data/runs/heron or s3://bucket/heron.
        config: what steers it; left out, what the run was begun with.
    """
    config = config or read_setup(run).config
    seen = reviews_hash(run)
    size = (run / "candidates.jsonl").stat().st_size if (run / "candidates.jsonl").is_file() else 0
    with measured(run, "curate"), wait("curating", size, work="curating"):
        select(run, config)
        refuse(run, config)
        compose(run, config)
        write_json(run / REVIEWED, {"reviews": seen})
    show(run, "funnel", "samples", "coverage")
    return run


def out_of_date(run: Path) -> bool:
    """Whether decisions were taken, or taken back, since the pairs were curated."""
    path = run / REVIEWED
    applied = json.loads(path.read_text(encoding="utf-8"))["reviews"] if path.is_file() else ""
    return bool(applied != reviews_hash(run))


@task(task_run_name="select {run.name}")
def select(run: Path, config: Config) -> None:
    """Keep the pairs that pass every filter and repeat no other; count the rest by reason."""
    documents = read_records(run / "documents.jsonl", Document)
    if beyond_memory(run, config):
        select_on_disk(run, documents, config)
        return
    candidates = read_records(run / "candidates.jsonl", Pair)
    decisions = decisions_on(read_decisions(run), "answerable")
    facts = {fact.id for fact in read_records(run / "facts.jsonl", Fact)} if decisions else set()
    reviewed = review_pairs(candidates, decisions, known=facts)
    good, unfit = filter_reviewed(reviewed, documents, config.curation)
    kept, repeated = drop_other_duplicates(good, reviewed.settled, config.curation)
    write_records(run / "pairs.jsonl", kept)
    tallies = [
        review_tally("review", reviewed, decisions),
        tally("filter", parsed=len(reviewed.pairs), kept=len(good), rejections=unfit),
        tally("dedup", parsed=len(good), kept=len(kept), rejections=repeated),
    ]
    account(run, tallies, [*reviewed.rejections, *unfit, *repeated])
    tell(run, len(candidates), len(kept), tallies)


def tell(run: Path, parsed: int, kept: int, tallies: Sequence[Tally]) -> None:
    """Say what was selected.

    Raises:
        UnusableResult: when that is nothing.
    """
    if not kept:
        raise UnusableResult(f"{run.name}: none of {parsed} pairs was kept; see rejected.jsonl for the reasons")
    reasons = {reason: count for tally in tallies for reason, count in tally.rejected.items()}
    lost = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items(), key=lambda item: -item[1]))
    logger.info(f"kept {kept:,} of {parsed:,} pairs ({lost or 'none lost'})")


def beyond_memory(run: Path, config: Config) -> bool:
    """Whether the candidates would take more memory than they may, by the size of their file."""
    return needed_mb(run) > config.curation.memory_mb


def needed_mb(run: Path) -> float:
    """Memory that it takes to curate a run's candidates all at once, by the size of their file."""
    path = run / "candidates.jsonl"
    return path.stat().st_size * MEMORY_A_BYTE / 2**20 if path.is_file() else 0.0


def select_on_disk(run: Path, documents: Sequence[Document], config: Config) -> None:
    """Do what ``select`` does, to the same files, with a bounded number of pairs in memory.

    Raises:
        UsageError: when a reviewer has decided on pairs: decisions are looked up among all candidates at once.
    """
    from tasks.curation.large import sift_large  # needs duckdb, which small runs do without

    if decisions_on(read_decisions(run), "answerable"):
        raise UsageError(
            f"{run.name}: reviewed pairs are curated in memory, and its candidates need more than they may; "
            f"raise --set curation.memory_mb={config.curation.memory_mb} above {needed_mb(run):,.0f}"
        )
    tallies = {stage: Tally(stage) for stage in ("filter", "dedup")}
    unfit = run / ".unfit.jsonl"
    judged = sift_large(iter_records(run / "candidates.jsonl", Pair), documents, config.curation, run / ".spill")
    try:
        tallies["dedup"].kept = write_records(run / "pairs.jsonl", parted(judged, unfit, tallies))
        tallies["dedup"].parsed = tallies["dedup"].kept + sum(tallies["dedup"].rejected.values())
        tallies["filter"].kept = tallies["dedup"].parsed
        tallies["filter"].parsed = tallies["filter"].kept + sum(tallies["filter"].rejected.values())
        account(run, list(tallies.values()), iter_records(unfit, Rejection))
    finally:
        unfit.unlink(missing_ok=True)
    tell(run, tallies["filter"].parsed, tallies["dedup"].kept, list(tallies.values()))


def parted(judged: Iterable[Pair | Rejection], unfit: Path, tallies: Mapping[str, Tally]) -> Iterator[Pair]:
    """Yield the pairs of a stream; count its rejections, and write them to a file."""
    with room_for(unfit.parent), jsonlines.open(unfit, "w") as writer:
        for one in judged:
            if isinstance(one, Pair):
                yield one
            else:
                tallies[one.stage].reject(one.reason)
                writer.write(to_json(one))


def tally(stage: str, *, parsed: int, kept: int, rejections: Iterable[Rejection]) -> Tally:
    """Count one stage."""
    counts = Tally(stage, parsed, kept)
    for rejection in rejections:
        counts.reject(rejection.reason)
    return counts


def review_tally(stage: str, reviewed: Reviewed, decisions: Decisions) -> Tally:
    """Count what a reviewer did at a stage; an empty tally, which is left out, where nothing was decided."""
    if not decisions:
        return Tally(stage)
    return tally(stage, parsed=reviewed.parsed, kept=len(reviewed.pairs), rejections=reviewed.rejections)


def corpus_text(run: Path) -> str:
    """Return the texts of a run, joined."""
    return "\n".join(document.text for document in read_records(run / "documents.jsonl", Document))


def refusal_maker(run: Path, side: Side) -> RefusalMaker:
    """Make the maker of refusals that knows a run's corpus; training and probing use disjoint invented names."""
    texts = {document.source: document.text for document in read_records(run / "documents.jsonl", Document)}
    statements = [fact.statement or fact.text for fact in read_records(run / "facts.jsonl", Fact)]
    gold = "\n".join(probe.question for probe in gold_probes(read_setup(run).corpus))
    return RefusalMaker(texts, read_records(run / "entities.jsonl", Entity), statements, side, taken=gold)


def gold_probes(corpus: Path) -> list[Probe]:
    """Read the hand-written probes beside a corpus, if it has any."""
    path = (corpus if corpus.is_dir() else corpus.parent) / "probes.jsonl"
    return load_probes(path) if path.is_file() else []


@task(task_run_name="refuse {run.name}")
def refuse(run: Path, config: Config) -> None:
    """Add refusal twins of the kept pairs, checked against the whole corpus."""
    kept = [pair for pair in read_records(run / "pairs.jsonl", Pair) if pair.kind == "answerable"]
    maker, outside = refusal_maker(run, "train"), outside_questions(corpus_text(run))
    made, unfit = make_refusals(kept, maker, outside, config.refusals, seed=config.seed, curation=config.curation)
    drawn = len(made) + len(unfit)
    decisions = decisions_on(read_decisions(run), "refusal")
    reviewed = review_pairs(made, decisions, known={pair.id for pair in kept}, stage="refusals")
    safe, unsafe = only_safe(reviewed, config.curation)
    write_records(run / "pairs.jsonl", [*kept, *safe])
    counts = review_tally("refusals", replace(reviewed, pairs=safe, rejections=reviewed.rejections + unsafe), decisions)
    tallies = [tally("refuse", parsed=drawn, kept=len(made), rejections=unfit), counts]
    account(run, tallies, [*unfit, *reviewed.rejections, *unsafe])
    logger.info(f"made {len(safe):,} refusals of {drawn:,} drawn")


@task(task_run_name="compose {run.name}")
def compose(run: Path, config: Config) -> None:
    """Split the pairs by fact and write them as examples."""
    pairs = read_records(run / "pairs.jsonl", Pair)
    splits = assign_splits(pairs, config.split, config.seed, curation=config.curation)
    if problems := check_splits(pairs, splits, curation=config.curation):
        raise UnusableResult(f"{run.name}: {problems[0]}")
    examples = to_examples(pairs, splits, config.tuning, seed=config.seed) + bring(run, pairs, config)
    for side in ("train", "valid"):
        write_records(run / f"{side}.jsonl", [example for example in examples if example.split == side])
    account(run, [], [])  # counts the examples
    logger.info(f"composed {len(examples):,} examples")


def bring(run: Path, pairs: Sequence[Pair], config: Config) -> list[Example]:
    """Read what the configuration imports; write where each example came from, and count the rest by reason."""
    probes = [*gold_probes(read_setup(run).corpus), *general_probes("")]
    known = [probe.question for probe in probes]

    def near(asked: Sequence[str]) -> dict[str, str]:
        return leaks([Probe(question, "import", question, None, None) for question in asked], known)

    taken, unfit = take_imports(config.imports, pairs, config.curation, system=config.tuning.system, near=near)
    write_records(run / IMPORTED, [{"example_id": one.example.id, "ref": one.ref} for one in taken])
    if config.imports:
        parsed = len(taken) + len(unfit)
        account(run, [tally("import", parsed=parsed, kept=len(taken), rejections=unfit)], unfit)
        logger.info(f"imported {len(taken):,} examples of {parsed:,} read")
    return [one.example for one in taken]
