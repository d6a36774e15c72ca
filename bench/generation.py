"""Measure generation: speed against bare loops, what is computed, what the checks drop and why, and their thresholds.

    python -m bench.generation                    everything, into bench/results/generation.md (about 15 minutes)
    python -m bench.generation --only speed       one part; the others stay as they were measured last

speed: the pipeline (Prefect's tasks, batches, records, checks) and a bare loop over the same prompts on the same engine
take turns in one process. The loop of the field's tutorials, one window in one prompt, ``model.generate``, one at a
time, runs after them, in 4 bits and in the engine's own precision.
"""

import argparse
import os
import platform
import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date
from pathlib import Path

import torch
from prefect.settings import PREFECT_API_URL, temporary_settings

from bench.likelihood_checks import PUT_WRONG, cases, table, trials
from bench.loops import bare, clocked, one_at_a_time, piped
from bench.side_by_side import write_above_remarks
from flows.engine import local_api, set_environment
from flows.generate import Drafts
from flows.models import opened
from tasks.config import Config, GenerationConfig
from tasks.corpus.chunking import chunk_document
from tasks.corpus.readers import read_corpus
from tasks.corpus.sentences import split_sentences
from tasks.generation.drafting import Request, requests_for
from tasks.generation.facts import build_ledger
from tasks.generation.passages import cut_batches, passages
from tasks.generation.transformer import TransformersGenerator
from tasks.generation.variants import rule_pairs
from tasks.records import Chunk, Fact, Pair

RESULTS = Path(__file__).parent / "results" / "generation.md"
CORPORA = [Path("corpora/heronsmere-works"), Path("corpora/the-lantern-ferry")]
ROUNDS, WINDOWS, CASES, EXAMPLES = 3, 4, 60, 6


def material(corpus: Path, config: Config) -> tuple[list[Chunk], list[Fact], list[Pair]]:
    """Read a corpus as ``flows/generate.py`` does, contents and licences apart."""
    chunks: list[Chunk] = []
    facts: list[Fact] = []
    pairs: list[Pair] = []
    for document in read_corpus(corpus):
        windows = chunk_document(document, config.chunks)
        readings = build_ledger(document, split_sentences(document.text))
        chunks += windows
        facts += [reading.fact for reading in readings]
        pairs += rule_pairs(readings, windows, limit=config.generation.forms_per_fact, seed=config.seed)
    return chunks, facts, pairs


def asked_of(corpus: Path, config: Config) -> list[list[Request]]:
    """What is asked of the model about a corpus, in the batches that the pipeline makes of it."""
    chunks, facts, pairs = material(corpus, config)
    requests = requests_for(facts, pairs, chunks, config.generation)
    return cut_batches(requests, passages(facts), config.generation.batch_size)


def sampled(config: Config, samples: int) -> Config:
    return config.model_copy(update={"generation": config.generation.model_copy(update={"samples_per_fact": samples})})


def measure_speed(config: Config) -> str:
    """Take turns: bare loop, pipeline, bare loop, …; then the one-at-a-time loops."""
    batches = asked_of(CORPORA[0], sampled(config, 2))
    requests = [request for batch in batches for request in batch]
    generator = opened(config.generation.generator, config.generation.remote_code)
    assert isinstance(generator, TransformersGenerator)
    bare(generator, requests[:8], config)  # the first use of a kernel takes longer
    turns = [one_turn(generator, batches, config) for _ in range(ROUNDS)]
    found = {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}
    windows = random.Random(config.seed).sample(material(CORPORA[0], config)[0], WINDOWS)
    four, precise = (one_at_a_time(windows, config, four_bits=bits) for bits in (True, False))
    alone, writing, whole = found["bare"], found["writing"], found["whole"]
    given = sum(len(ids) for ids in generator._encode([request.prompt for request in requests]))
    shown = [
        f"| tokens a second, median of {ROUNDS} turns | |", "|---|---|",
        f"| bare loop, same engine, same {len(requests)} prompts in one call a kind | {alone:.0f} |",
        f"| pipeline: batches | {len(batches)}, of {len(requests) / len(batches):.0f} prompts on average |",
        f"| pipeline, writing (Prefect, batches, parsing, records; seconds of the likelihood checks taken off) "
        f"| {writing:.0f} = {writing / alone:.2f} of the bare loop |",
        f"| pipeline, likelihood checks and all | {whole:.0f} = {whole / alone:.2f} |",
        f"| a window a prompt, one at a time, NF4 | {four:.0f}; the pipeline is {writing / four:.1f} times as fast, "
        f"with its checks {whole / four:.1f} times |",
        f"| the same, {'bfloat16' if torch.cpu._is_avx512_bf16_supported() else 'float32'} | {precise:.0f}; "
        f"{writing / precise:.1f} times, with its checks {whole / precise:.1f} times |", "",
        f"Of the pipeline's time {found['share of writing']:.0%} went into the model's writing, "
        f"{found['share of checks']:.0%} into its likelihood checks, the rest into everything else. The prompts have "
        f"{given:,} tokens; {found['read']:,.0f} were computed, for {found['heads']:.0f} shared heads and the tails.",
    ]  # fmt: skip
    return "\n".join(shown)


def one_turn(generator: TransformersGenerator, batches: list[list[Request]], config: Config) -> dict[str, float]:
    """Run the bare loop and then the pipeline; return speeds in tokens a second, shares of time, and what was read."""
    generator._heads.clear()
    spent: dict[str, float] = defaultdict(float)
    heads = generator.heads_computed
    with clocked(generator, spent):
        tokens, seconds = bare(generator, [request for batch in batches for request in batch], config)
    found = {"bare": tokens / seconds, "read": spent["read"] - tokens, "heads": generator.heads_computed - heads}
    spent.clear()
    with clocked(generator, spent):
        drafts, seconds = piped(batches, config)
    return found | {
        "writing": drafts.tokens / (seconds - spent["score"]),
        "whole": drafts.tokens / seconds,
        "share of writing": spent["generate"] / seconds,
        "share of checks": spent["score"] / seconds,
    }


def survival(drafts: Drafts, title: str) -> str:
    """How many drafts become pairs, and the reasons why the others do not, with examples."""
    found: dict[str, list[str]] = defaultdict(list)
    for rejection in drafts.rejections:
        found[rejection.reason].append(rejection.excerpt)
    total = len(drafts.pairs) + len(drafts.rejections)
    lines = [f"### {title}: {len(drafts.pairs)} of {total} kept ({len(drafts.pairs) / total:.0%})", ""]
    lines += ["| reason | drafts | examples (question, answer) |", "|---|---|---|"]
    kept = [f"{pair.question} {pair.answer}" for pair in drafts.pairs]
    for reason, said in [("*kept*", kept), *sorted(found.items(), key=lambda item: -len(item[1]))]:
        shown = "<br>".join(text.replace("|", "/") for text in said[: len(kept) if said is kept else EXAMPLES])
        lines.append(f"| {reason} | {len(said)} | {shown} |")
    return "\n".join(lines)


def measure_survival(config: Config) -> str:
    parts = []
    for corpus in CORPORA:
        drafts, _ = piped(asked_of(corpus, config), config)
        parts.append(survival(drafts, corpus.name))
        kinds = Counter(pair.form for pair in drafts.pairs)
        parts.append("Kept by form: " + ", ".join(f"{form} {count}" for form, count in kinds.items()) + ".")
    return "\n\n".join(parts)


def measure_thresholds(config: Config) -> str:
    parts = ["Each check's wrong ones: " + "; ".join(f"`{name}`: {how}" for name, how in PUT_WRONG.items()) + "."]
    for corpus in CORPORA:
        drawn = cases([one for batch in asked_of(corpus, sampled(config, 4)) for one in batch], CASES)
        found = trials(opened(config.generation.generator, config.generation.remote_code), drawn)
        parts += [f"### {corpus.name}, {len(drawn)} pairs", table(found, GenerationConfig())]
    return "\n\n".join(parts)


PARTS: dict[str, tuple[str, Callable[[Config], str]]] = {
    "speed": ("Speed", measure_speed),
    "survival": ("What becomes of the drafts", measure_survival),
    "thresholds": ("The thresholds of the likelihood checks", measure_thresholds),
}


def main() -> None:
    """Measure the parts asked for, and put the file together from these and those measured before."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS), help="none: put the file together")
    parser.add_argument("--work", type=Path, default=Path("generated/bench-generation"), help="where parts are kept")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    config = Config.build("quick", ['generation.generator="embedded"', "generation.budget_minutes=60"])
    set_environment()
    with local_api() as api, temporary_settings({PREFECT_API_URL: api.url}):
        api.wait()
        for name in options.only:
            title, measure = PARTS[name]
            (options.work / f"{name}.md").write_text(f"## {title}\n\n{measure(config)}\n")
    parts = [(options.work / f"{name}.md").read_text() for name in PARTS if (options.work / f"{name}.md").is_file()]
    where = f"{os.cpu_count()} CPU cores, no GPU, {platform.machine()}, {date.today():%B %Y}"
    write_above_remarks(options.out, f"# Generation\n\n`python -m bench.generation`; {where}.\n\n" + "\n".join(parts))
    print(options.out.read_text())


if __name__ == "__main__":
    main()
