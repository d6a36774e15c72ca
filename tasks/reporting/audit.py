"""A run's folder to what an auditor would ask of its dataset: every check anew from the files, with what it looked at.

    audit(Path("generated/heron"))
    [Check("counts add up", "6 stages", ()), Check("no near-duplicates", "18,290 comparisons", ()), ...]

Nothing that the stages said of themselves is taken on trust: near-duplicates are looked for by comparing pair with
pair, without an index; spans are cut from the documents; the split is checked against the files that were written. A
check without problems holds; ``audit.json`` keeps the result for the report.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path

from tasks.config import Config, CurationConfig
from tasks.curation.contradictions import contradictions
from tasks.curation.control import control_token
from tasks.curation.decisions import Decisions, decision_key, read_decisions
from tasks.curation.dedup import are_duplicates
from tasks.curation.extra import IMPORTED
from tasks.curation.filters import CHECKS, TEXT_CHECKS, examine, texts_by_source
from tasks.curation.formats import parse_llama2, render_llama2, turn_of
from tasks.curation.refusals import OPENING
from tasks.curation.reviews import SAFETY, decisions_on, put_back, settled_keys
from tasks.curation.splits import check_splits
from tasks.curation.wording import marks, scan
from tasks.errors import ClosedbookError
from tasks.probing.probes import leaks
from tasks.records import Chunk, Document, Example, Pair, Probe, Rejection, Split, Tally
from tasks.reporting.funnel import check_conservation, load_funnel
from tasks.storage import iter_dicts, read_records, write_json

AUDIT = "audit.json"
MOST = 20
"""Problems of one check that are kept by name; a dataset with more is wrong in one way."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question to the dataset: what was looked at, how many problems there are, and the first of them."""

    name: str
    looked_at: str
    problems: tuple[str, ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True)
class Files:
    """What the checks look at."""

    run: Path
    documents: list[Document]
    chunks: list[Chunk]
    pairs: list[Pair]
    examples: list[Example]
    probes: list[Probe]
    imported: dict[str, str]
    decisions: Decisions
    curation: CurationConfig

    @property
    def texts(self) -> dict[str, str]:
        """The text of each source."""
        return texts_by_source(self.documents)

    @property
    def settled(self) -> frozenset[str]:
        """Ids of the pairs that a reviewer accepted or edited: they pass by heuristics, not by safety."""
        keys = settled_keys(self.decisions)
        return frozenset(pair.id for pair in self.pairs if keys and decision_key(pair) in keys)


def audit(run: Path, config: Config) -> list[Check]:
    """Check a run's dataset; the run has to be curated, and is checked against its probes where it has some.

    Raises:
        StorageError: when a file is missing or damaged.
    """
    probes, imported = run / "probes.jsonl", run / IMPORTED
    files = Files(
        run,
        read_records(run / "documents.jsonl", Document),
        read_records(run / "chunks.jsonl", Chunk),
        read_records(run / "pairs.jsonl", Pair),
        [example for side in ("train", "valid") for example in read_records(run / f"{side}.jsonl", Example)],
        read_records(probes, Probe) if probes.is_file() else [],
        {row["example_id"]: row["ref"] for row in iter_dicts(imported)} if imported.is_file() else {},
        read_decisions(run),
        config.curation,
    )
    return [_check(name, look(files)) for name, look in LOOKS.items()]


def write_audit(run: Path, config: Config) -> list[Check]:
    """Check a run's dataset and keep the result in ``audit.json``."""
    checks = audit(run, config)
    write_json(run / AUDIT, [asdict(check) for check in checks])
    return checks


def read_audit(run: Path) -> list[Check]:
    """Read the audit that was kept last; nothing where there is none."""
    path = run / AUDIT
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return [Check(row["name"], row["looked_at"], tuple(row["problems"]), row["count"]) for row in rows]


Look = tuple[str, Sequence[str]]


def _check(name: str, look: Look) -> Check:
    looked_at, problems = look
    return Check(name, looked_at, tuple(problems[:MOST]), len(problems))


def _counts(files: Files) -> Look:
    """Conservation within each stage, from each stage to the next, and down to the rows of the files."""
    stages = load_funnel(files.run).stages
    steps = list(_steps(files, defaultdict(lambda: Tally("none"), {tally.stage: tally for tally in stages})))
    problems = check_conservation(files.run, stages)
    problems += [f"{a}: {n:,} go out, {b}: {m:,} come in" for a, n, b, m in steps if n != m]
    return f"{len(stages)} stages, {len(steps)} steps between them and the files", problems


def _steps(files: Files, stages: Mapping[str, Tally]) -> Iterator[tuple[str, int, str, int]]:
    """What hands on how many, and what takes how many."""
    rows = Counter({path.stem: sum(1 for _ in iter_dicts(path)) for path in files.run.glob("*.jsonl")})
    yield from _into_filter(files, rows["candidates"], stages)
    yield "filter", stages["filter"].kept, "dedup", stages["dedup"].parsed
    refused = stages["refusals"] if "refusals" in stages else stages["refuse"]
    yield "dedup and refusals", stages["dedup"].kept + refused.kept, "pairs.jsonl", rows["pairs"]
    used = {example.pair_id for example in files.examples if example.pair_id}
    withheld = {pair.id for pair in files.pairs} - used
    yield "examples and withheld", len(used) + len(withheld), "pairs.jsonl", rows["pairs"]
    yield "import", stages["import"].kept, "examples without a pair", sum(not one.pair_id for one in files.examples)
    if "train" in stages:
        yield "train.jsonl", rows["train"], "train", stages["train"].parsed


def _into_filter(files: Files, candidates: int, stages: Mapping[str, Tally]) -> Iterator[tuple[str, int, str, int]]:
    """What the filters got: the candidates, or what a reviewer left of them and put back."""
    if "review" not in stages:
        yield "candidates.jsonl", candidates, "filter", stages["filter"].parsed
        return
    made = {decision_key(pair) for pair in read_records(files.run / "candidates.jsonl", Pair)}
    back = len(put_back(decisions_on(files.decisions, "answerable"), made))
    yield "candidates.jsonl and pairs put back", candidates + back, "review", stages["review"].parsed
    yield "review", stages["review"].kept, "filter", stages["filter"].parsed


def _reasons(files: Files) -> Look:
    rejections = read_records(files.run / "rejected.jsonl", Rejection)
    bare = [one.ref for one in rejections if not (one.reason and one.ref and one.excerpt)]
    return f"{len(rejections):,} rejections", [f"{ref}: no reason, no reference or no excerpt" for ref in bare]


def _provenance(files: Files) -> Look:
    """Every example to a pair, every pair to a chunk, a document, a span and a sentence."""
    pairs = {pair.id: pair for pair in files.pairs}
    texts = files.texts
    known: dict[str, list[Chunk]] = defaultdict(list)  # windows of the same words have the same id
    for chunk in files.chunks:
        known[chunk.id].append(chunk)
    problems = [f"pair id {one} stands {n} times" for one, n in Counter(p.id for p in files.pairs).items() if n > 1]
    for example in files.examples:
        if example.pair_id not in pairs and example.id not in files.imported:
            problems.append(f"example {example.id} has no pair and no imported row")
    for pair in files.pairs:
        if pair.twin_of and pair.twin_of not in pairs:
            problems.append(f"refusal {pair.id} is the twin of {pair.twin_of}, which is not there")
        if pair.kind == "answerable":
            problems += _unfounded(pair, known.get(pair.chunk_id, []), texts.get(pair.source, ""))
    return f"{len(files.examples):,} examples, {len(files.pairs):,} pairs", problems


def _unfounded(pair: Pair, chunks: Sequence[Chunk], text: str) -> Iterator[str]:
    evidence = text[pair.evidence_start : pair.evidence_end]
    if not chunks:
        yield f"pair {pair.id}: no chunk {pair.chunk_id}"
    elif wrong := [chunk for chunk in chunks if chunk.text != text[chunk.start : chunk.end]]:
        yield f"chunk {wrong[0].id} is not what stands at {wrong[0].start}:{wrong[0].end} of {pair.source}"
    elif not any(chunk.start < pair.evidence_end and pair.evidence_start < chunk.end for chunk in chunks):
        yield f"pair {pair.id}: its evidence {pair.evidence_start}:{pair.evidence_end} is not in its chunk"
    if pair.evidence_start < 0 or not evidence.strip():
        yield f"pair {pair.id}: no evidence at {pair.evidence_start}:{pair.evidence_end}"


def _filters(files: Files) -> Look:
    texts, settled = files.texts, files.settled
    found = []
    for pair in files.pairs:
        checks = SAFETY if pair.id in settled else CHECKS if pair.kind == "answerable" else TEXT_CHECKS
        if finding := examine(pair, texts.get(pair.source, ""), files.curation, checks):
            found.append(f"pair {pair.id}: {finding.reason}: {finding.detail}")
    return f"{len(files.pairs):,} pairs, {len(CHECKS)} filters", found


def _duplicates(files: Files) -> Look:
    """All pairs of one source and kind that have equal names and numbers, or the same words: no others can be."""
    groups: dict[tuple[object, ...], list[Pair]] = defaultdict(list)
    settled = files.settled
    for pair in files.pairs:
        read = scan(pair.question)
        groups[pair.source, pair.kind, "marks", marks(read)].append(pair)
        groups[pair.source, pair.kind, "words", *read.words].append(pair)
    compared, found = 0, {}
    for group in groups.values():
        for one, other in combinations(group, 2):
            compared += 1
            if settled.intersection((one.id, other.id)):
                continue
            if are_duplicates(one, other, files.curation.duplicate_similarity):
                found[one.id, other.id] = f"pair {one.id} {one.question!r} duplicates {other.id} {other.question!r}"
    return f"{len(files.pairs):,} pairs, {compared:,} comparisons", list(found.values())


def _contradictions(files: Files) -> Look:
    found, settled = contradictions(files.pairs, files.texts), files.settled
    return f"{len(files.pairs):,} pairs", [
        finding.detail for index, finding in found.items() if files.pairs[index].id not in settled
    ]


def _split(files: Files) -> Look:
    sides: dict[str, Split] = {pair.id: "withheld" for pair in files.pairs}
    sides |= {example.pair_id: example.split for example in files.examples if example.pair_id}
    counts = Counter(sides.values())
    told = ", ".join(f"{counts[side]:,} {side}" for side in ("train", "valid", "withheld"))
    return f"{told}; facts, spans, statements, questions, twins", check_splits(
        files.pairs, sides, curation=files.curation
    )


def _probes(files: Files) -> Look:
    asked = [example.prompt for example in files.examples if example.split == "train"]
    problems = [f"probe {identity}: {near}" for identity, near in leaks(files.probes, asked).items()]
    text = "\n".join(files.texts.values()).lower()
    probed = {name for probe in files.probes if probe.category in ("U1", "U2") for name in _names(probe.question, text)}
    trained = {name for pair in files.pairs if pair.kind == "refusal" for name in _names(pair.question, text)}
    problems += [f"the made-up name {name!r} is trained on and probed with" for name in sorted(probed & trained)]
    return f"{len(files.probes):,} probes, {len(asked):,} training questions, {len(trained):,} made-up names", problems


def _names(question: str, text: str) -> set[str]:
    """Capitalised words within a question that the corpus does not hold."""
    return {word.lower() for word in re.findall(r"(?<=\s)[A-Z]\w+", question) if word.lower() not in text}


def _twins(files: Files) -> Look:
    pairs = {pair.id: pair for pair in files.pairs}
    settled = files.settled
    refusals = [pair for pair in files.pairs if pair.kind == "refusal" and pair.id not in settled]
    problems = [f"refusal {one.id}: answers {one.answer!r}" for one in refusals if not one.answer.startswith(OPENING)]
    twins = [pair for pair in refusals if pair.twin_of in pairs]
    problems += [fault for twin in twins for fault in _twin(twin, pairs[twin.twin_of])]
    return f"{len(refusals):,} refusals, {len(twins):,} of them twins", problems


def _twin(twin: Pair, pair: Pair) -> Iterator[str]:
    """One thing is changed: the tag, or one run of words."""
    if twin.form == "refusal-tag":
        if twin.source == pair.source or twin.question != pair.question:
            yield f"refusal {twin.id}: more or less than the tag differs from {pair.id}"
        return
    old, new = pair.question.lower().split(), twin.question.lower().split()
    changed = _changed(old, new)
    if twin.source != pair.source or changed == (old, new) or len(changed[1]) > LONGEST_NAME:
        yield f"refusal {twin.id} {twin.question!r} is no minimal twin of {pair.question!r}"


def _changed(old: list[str], new: list[str]) -> tuple[list[str], list[str]]:
    """What stands in place of what: one run of words, the same one wherever a name recurs."""
    runs = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    swaps = [(old[a:b], new[c:d]) for kind, a, b, c, d in runs if kind != "equal"]
    if swaps and all(swap == swaps[0] for swap in swaps):
        return swaps[0]
    shortest = min(len(old), len(new))
    head = next((at for at in range(shortest) if old[at] != new[at]), shortest)
    tail = next((at for at in range(shortest - head) if old[-1 - at] != new[-1 - at]), shortest - head)
    return old[head : len(old) - tail], new[head : len(new) - tail]


LONGEST_NAME = 7
"""Words of an entity with an article before it; a twin that changes more is no minimal one."""


def _form(files: Files) -> Look:
    """The llama2 form to the letter, and back; no control token in any text."""
    problems = []
    for example in files.examples:
        try:
            row = render_llama2(example)
            whole = parse_llama2(row) == turn_of(example).bare() and row["text"].count("[INST]") == 1
        except ClosedbookError as error:
            problems.append(str(error))
            continue
        if not whole or control_token(example.prompt) or control_token(example.answer):
            problems.append(f"example {example.id}: {row['text'][:80]!r} does not read back")
    return f"{len(files.examples):,} examples", problems


LOOKS: Mapping[str, Callable[[Files], Look]] = {
    "counts add up": _counts,
    "every loss has a reason": _reasons,
    "every example leads to its sentence": _provenance,
    "every pair passes every filter": _filters,
    "no near-duplicates": _duplicates,
    "no contradictions": _contradictions,
    "no leak between the splits": _split,
    "no leak to the probes": _probes,
    "refusals are minimal twins": _twins,
    "the llama2 form is exact": _form,
}
