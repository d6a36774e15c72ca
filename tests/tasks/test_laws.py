"""The two laws, over random texts and random model output, garbage included.

Conservation: what comes into a stage is kept or rejected with a reason, and nothing else comes out. Provenance: every
example leads to a pair, a window and a span of its document. Whatever a model writes, nothing crashes.
"""

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.config import ChunkConfig, Config
from tasks.corpus.chunking import chunk_document
from tasks.corpus.sentences import split_sentences
from tasks.curation.control import control_token
from tasks.curation.dedup import drop_duplicates
from tasks.curation.examples import to_examples
from tasks.curation.filters import filter_pairs
from tasks.curation.formats import RENDERERS
from tasks.curation.refusal_draw import make_refusals, outside_questions
from tasks.curation.refusals import Entity, RefusalMaker
from tasks.curation.splits import assign_splits, check_splits
from tasks.generation.drafting import Request, complete_batch, pairs_from, requests_for
from tasks.generation.facts import build_ledger, entities
from tasks.generation.generators import Sampling, ScriptedGenerator
from tasks.generation.prompts import parse
from tasks.generation.variants import rule_pairs
from tasks.records import Chunk, Document, Example, Fact, Pair, Rejection

CONFIG = Config.build("quick", ['generation.kinds=["rewrite","question","free"]', "split.withheld=0.2"])

NAMES = ["Odo Marrick", "the heron pump", "Isolde Vane", "the oil store", "the Badger kiln", "it", "the gate lodge"]
VERBS = ["built", "lifts", "keeps", "was painted by", "stands behind", "burns", "is older than"]
THINGS = ["the red crane", "240 litres of brine", "twenty-two stokers", "peat in 1873", "a green cord", "nothing"]
GARBAGE = [
    "[INST] Do not. [/INST]", "</s>", "<|im_start|>system", "Source:x", "\ufffd\u202e", "\n\n", "THE PUMPS\n\n", "...",
    "Dr. X. said", "\u0416\u0443\u043a \u043f\u043e\u043b\u0437.", "\u4e2d\u6587\u3002", "a" * 400, "1.", "\x00", "?!",
]  # fmt: skip
SPOKEN = [
    "Question:", "Answer:", "Q1:", "A:", "**Q:**", "Who built the heron pump?", " What does the heron pump lift?",
    "Odo Marrick", "In other words:", "the passage", "\n", "\n\n", "?", "1829", "240 litres", "he", "not",
    "### Human:", "\u2028", "\t", *GARBAGE,
]  # fmt: skip

sentences = st.builds(
    lambda who, does, what, end: f"{who[:1].upper()}{who[1:]} {does} {what}{end}",
    st.sampled_from(NAMES), st.sampled_from(VERBS), st.sampled_from(THINGS),
    st.sampled_from([". ", ".\n", "; ", ".\n\n"]),
)  # fmt: skip
texts = st.lists(sentences | sentences | st.sampled_from(GARBAGE), min_size=1, max_size=8).map(" ".join)
completions = st.lists(st.sampled_from(SPOKEN) | st.text(max_size=12), max_size=8).map(" ".join)


@dataclass
class Chain:
    """What came of a text at every stage."""

    document: Document
    chunks: list[Chunk]
    facts: list[Fact] = field(default_factory=list)
    named: list[Entity] = field(default_factory=list)
    made: list[Pair] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)


def read(text: str) -> Chain:
    document = Document.create("heron", text)
    chain = Chain(document, chunk_document(document, ChunkConfig(window=16, stride=8)))
    readings = build_ledger(document, split_sentences(text))
    chain.facts = [reading.fact for reading in readings]
    chain.named = [Entity(*entity) for entity in entities(readings)]
    chain.made = list(rule_pairs(readings, chain.chunks, limit=4, seed=1))
    return chain


def draft(requests: Sequence[Request], said: Sequence[str]) -> tuple[list[Pair], list[Rejection]]:
    """Let a model say what it will, and check that each thing it said became a pair or a rejection."""
    if not said:
        return [], []
    script = deque(said[place % len(said)] for place in range(len(requests)))
    generator = ScriptedGenerator(script, scores=False)
    written = complete_batch(generator, requests, Sampling())
    pairs, rejections = pairs_from(generator, written, requests, CONFIG.generation)
    found = [len(parse(request.kind, one.text)) for request, one in zip(requests, written, strict=True)]
    assert len(pairs) + len(rejections) == sum(max(1, count) for count in found)
    assert all(one.reason and one.ref for one in rejections)
    return pairs, rejections


def curate(chain: Chain, candidates: list[Pair]) -> None:
    """Filters, duplicates, refusals, split and examples, each conserving what it was given."""
    good, unfit = filter_pairs(candidates, [chain.document], CONFIG.curation)
    assert sorted([one.id for one in good] + [one.ref for one in unfit]) == sorted(one.id for one in candidates)
    kept, repeated = drop_duplicates(good, CONFIG.curation)
    assert sorted([one.id for one in kept] + [one.ref for one in repeated]) == sorted(one.id for one in good)
    statements = [fact.statement or fact.text for fact in chain.facts]
    maker = RefusalMaker({"heron": chain.document.text}, chain.named, statements, "train")
    outside = outside_questions(chain.document.text)[:5]
    refusals, ruled_out = make_refusals(kept, maker, outside, CONFIG.refusals, seed=1, curation=CONFIG.curation)
    assert all(one.reason and one.ref and one.excerpt for one in [*unfit, *repeated, *ruled_out])
    chain.pairs = [*kept, *refusals]
    splits = assign_splits(chain.pairs, CONFIG.split, 1, curation=CONFIG.curation)
    assert check_splits(chain.pairs, splits, curation=CONFIG.curation) == []
    chain.examples = to_examples(chain.pairs, splits, CONFIG.tuning, seed=1)
    assert len(chain.examples) == sum(splits[one.id] != "withheld" for one in chain.pairs)


def check_provenance(chain: Chain) -> None:
    text = chain.document.text
    assert all(chunk.text == text[chunk.start : chunk.end] for chunk in chain.chunks)
    facts, pairs = {fact.id for fact in chain.facts}, {pair.id: pair for pair in chain.pairs}
    for example in chain.examples:
        pair = pairs[example.pair_id]
        if pair.kind == "refusal":
            assert pair.twin_of == "" or pairs[pair.twin_of].kind == "answerable"
            continue
        homes = [chunk for chunk in chain.chunks if chunk.id == pair.chunk_id]  # several where a text repeats itself
        assert any(chunk.start < pair.evidence_end and pair.evidence_start < chunk.end for chunk in homes)
        assert text[pair.evidence_start : pair.evidence_end].strip() and pair.fact_id in facts


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts, st.lists(completions, max_size=6))
def test_both_laws_hold_over_random_texts_and_output(text: str, said: list[str]) -> None:
    chain = read(text)
    requests = requests_for(chain.facts, chain.made, chain.chunks, CONFIG.generation)
    drafted, _ = draft(requests, said)
    curate(chain, [*chain.made, *drafted])
    check_provenance(chain)
    for example in chain.examples:
        assert not any(map(control_token, (example.prompt, example.answer, example.system)))
        for render in RENDERERS.values():
            render(example)


def test_ten_thousand_random_completions_crash_nothing() -> None:
    source = random.Random(5)
    chain = read(
        "Odo Marrick built the heron pump in 1829. It lifts 240 litres of brine. The deputy keeps the keys. " * 2
    )
    requests = requests_for(chain.facts, chain.made, chain.chunks, CONFIG.generation)
    pieces = [*SPOKEN, *map(chr, range(32, 127)), "\u00e9", "\u0416", "\u200b"]
    kept = lost = 0
    for _ in range(10_000 // len(requests) + 1):
        said = ["".join(source.choices(pieces, k=source.randint(0, 24))) for _ in requests]
        pairs, rejections = draft(requests, said)
        good, unfit = filter_pairs(pairs, [chain.document], CONFIG.curation)
        assert len(good) + len(unfit) == len(pairs)
        kept, lost = kept + len(good), lost + len(rejections) + len(unfit)
    assert kept + lost >= 10_000 and lost > kept
