"""Facts and their rule-made pairs to requests, requests to completions, completions to checked pairs.

    Fact(statement="The tower bell weighs 130 kilograms."), Pair("What does the tower bell weigh?", "130 kilograms")
    -> Request(kind="rewrite", prompt="… Question: What does the tower bell weigh?\\nIn other words:")
    -> Completion(text=" What is the weight of the tower bell")
    -> Pair("What is the weight of the tower bell?", "130 kilograms", form="rewrite", generator="SmolLM2-135M-Instruct")

or a ``Rejection`` that says why not. Requests are scaled by fact, those with the fewest questions first; the same
facts, pairs, configuration and seed give the same requests, and the same generator the same completions.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tasks.config import GenerationConfig
from tasks.generation.generators import Generator, Sampling
from tasks.generation.guards import Asked, example_stems, objection
from tasks.generation.parsing import Drafted
from tasks.generation.passages import passages
from tasks.generation.prompts import ASKED, SAME_QUESTION, TEMPLATES, Kind, parse, render
from tasks.generation.ranking import Candidate, rank, settle
from tasks.generation.wordlists import content
from tasks.records import Chunk, Completion, Fact, Pair, Rejection, derive_id

ASKING_FORMS = ("wh", "active", "attribute", "wh-core", "alias", "synonym")
"""Forms of rule-made questions that a rewrite can start from; a gap or a yes/no question cannot."""
FORMS: dict[Kind, str] = {"rewrite": "rewrite", "question": "model-wh", "free": "model-free"}
OTHERS = 3
"""Sentences of the same passage that a drafted question is weighed against."""
LONGEST_STATEMENT = 1_000
"""Characters of a statement that a prompt is made of: what is longer is a list or a table, and may not fit a model."""
NEAR = 24
"""Facts before and after one, among which those of the same sentence are looked for."""
LONGEST_ANSWER = 12
"""Words of an answer that a model chose itself."""
SELF_CONTAINED = re.compile(
    r"(?!(?:he|she|it|they|this|these|those|that|each|both|his|her|its|their|here|there|such|one|some|all)\b)\S",
    re.IGNORECASE,
)
"""Sentences that do not begin by pointing at another one."""
NAMED = re.compile(r"(?<=\s)(?:\d[\d.,]*(?: \w+)?|[A-Z][\w'-]+(?: [A-Z][\w'-]+)*)")
EXAMPLE_STEMS: dict[Kind, set[str]] = {
    "rewrite": example_stems([text for pair in SAME_QUESTION for text in pair]),
    "question": example_stems([text for triple in ASKED for text in triple]),
    "free": example_stems([text for triple in ASKED for text in triple]),
}


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt and all that its completion will be checked against.

    ``question`` is the rule's question to reword, ``known`` what else is asked for this answer, ``rivals`` the
    fact's other answers, ``others`` neighbouring statements. ``evidence_*`` is the span in the document.
    """

    id: str
    kind: Kind
    fact_id: str
    chunk_id: str
    source: str
    prompt: str
    statement: str
    answer: str = ""
    question: str = ""
    sample: int = 0
    evidence_start: int = -1
    evidence_end: int = -1
    known: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Target:
    """An answer of a fact with the rule-made pairs that ask for it (none for a fact that no rule took apart)."""

    fact: Fact
    answer: str
    pairs: tuple[Pair, ...]


def requests_for(
    facts: Sequence[Fact],
    pairs: Sequence[Pair],
    chunks: Sequence[Chunk],
    config: GenerationConfig,
    *,
    round: int = 0,
    counts: Mapping[str, int] | None = None,
) -> list[Request]:
    """Say what to ask of the model.

    Args:
        facts: the ledger; facts without a statement, or with one too long for a prompt, are passed over.
        pairs: the pairs so far, rule-made and drafted.
        chunks: the documents' windows, for facts that no pair names the window of.
        config: kinds, samples per fact, floor.
        round: top-up round; each draws new samples, and asks only for facts below the floor.
        counts: accepted questions per fact id; counted from ``pairs`` when not given.

    Returns:
        ``samples_per_fact`` requests a fact and round, facts with the fewest questions first.
    """
    counts = Counter(pair.fact_id for pair in pairs) if counts is None else counts
    targets = _targets(facts, pairs)
    around, within = _neighbours(facts), _inside(facts, pairs)
    wanted = [
        fact
        for fact in facts
        if len(fact.statement) <= LONGEST_STATEMENT
        and (targets.get(fact.id) or SELF_CONTAINED.match(fact.statement))
        and (round == 0 or counts.get(fact.id, 0) < config.floor)
    ]
    requests = []
    for fact in sorted(wanted, key=lambda fact: counts.get(fact.id, 0)):
        answers = targets.get(fact.id) or [_Target(fact, "", ())]
        for kind, target, turn in _draw(answers, config, round):
            rivals = _rivals(target, answers, within[fact.id])
            requests.append(_request(kind, target, turn, rivals=rivals, others=around[fact.id], chunks=chunks))
    return requests


def _targets(facts: Sequence[Fact], pairs: Sequence[Pair]) -> dict[str, list[_Target]]:
    """The answers of each fact, most asked first, each with the questions that a rewrite can start from."""
    known = {fact.id: fact for fact in facts}
    by_answer: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for pair in pairs:
        if pair.fact_id in known and pair.kind == "answerable" and pair.form in ASKING_FORMS:
            by_answer[pair.fact_id, pair.answer].append(pair)
    targets: dict[str, list[_Target]] = defaultdict(list)
    for (fact_id, answer), found in by_answer.items():
        targets[fact_id].append(_Target(known[fact_id], answer, tuple(found)))
    return targets


def _neighbours(facts: Sequence[Fact]) -> dict[str, tuple[str, ...]]:
    """For each fact the nearest statements of other sentences of its passage."""
    passage, around = passages(facts), {}
    for i, fact in enumerate(facts):
        near = [facts[j] for step in range(1, 9) for j in (i - step, i + step) if 0 <= j < len(facts)]
        same = [other for other in near if passage[other.id] == passage[fact.id]]
        apart = [o.statement for o in same if o.end <= fact.start or o.start >= fact.end]
        around[fact.id] = tuple(dict.fromkeys(said for said in apart if 0 < len(said) <= LONGEST_STATEMENT))[:OTHERS]
    return around


def _inside(facts: Sequence[Fact], pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """For each fact the rule-made pairs of the facts within its span (they stand near it in the ledger)."""
    made: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        if pair.form in ASKING_FORMS:
            made[pair.fact_id].append(pair)
    within = {}
    for i, fact in enumerate(facts):
        near = facts[max(0, i - NEAR) : i + NEAR]
        inner = [o for o in near if o.document_id == fact.document_id and fact.start <= o.start and o.end <= fact.end]
        within[fact.id] = [pair for other in inner for pair in made[other.id]]
    return within


def _draw(targets: Sequence[_Target], config: GenerationConfig, round: int) -> Iterator[tuple[Kind, _Target, int]]:
    """Spread a round's samples over the fact's answers, then over the kinds, then over the rule's wordings."""
    asked = [kind for kind in config.kinds if (kind == "free") != bool(targets[0].pairs)]
    for turn in range(round * config.samples_per_fact, (round + 1) * config.samples_per_fact if asked else 0):
        lap = turn // len(targets)
        yield asked[lap % len(asked)], targets[turn % len(targets)], lap


def _request(
    kind: Kind,
    target: _Target,
    lap: int,
    *,
    rivals: tuple[str, ...],
    others: tuple[str, ...],
    chunks: Sequence[Chunk],
) -> Request:
    fact = target.fact
    base = target.pairs[lap % len(target.pairs)] if target.pairs else None
    asked = base.question if base else ""
    values = {"question": asked, "statement": fact.statement, "answer": target.answer}
    prompt = render(kind, **{name: values[name] for name in TEMPLATES[kind].fields})
    home = next((c.id for c in chunks if c.document_id == fact.document_id and c.start <= fact.start < c.end), "")
    return Request(
        id=derive_id("request", fact.id, kind, prompt, lap),
        kind=kind,
        fact_id=fact.id,
        chunk_id=base.chunk_id if base else home,
        source=fact.source,
        prompt=prompt,
        statement=fact.statement,
        answer=target.answer,
        question=asked,
        sample=lap,
        evidence_start=base.evidence_start if base else fact.start,
        evidence_end=base.evidence_end if base else fact.end,
        known=tuple(pair.question for pair in target.pairs),
        rivals=rivals,
        others=others,
    )


def _rivals(target: _Target, targets: Sequence[_Target], pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Other spans that a question about the statement could be after.

    These are the fact's other answers; for a whole sentence the answers of its clauses, its names and numbers.
    """
    if target.pairs:
        return tuple(other.answer for other in targets if other.answer != target.answer)
    said = target.fact.statement
    inside = [pair.answer for pair in pairs if f" {pair.answer.lower()} " in f" {_plain(said)} "]
    return tuple(dict.fromkeys([*inside, *(match.group() for match in NAMED.finditer(said))]))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[\w'-]+", text.lower()))


def complete_batch(generator: Generator, requests: Sequence[Request], sampling: Sampling) -> list[Completion]:
    """Generate for a batch of requests; completions in their order.

    Each request draws by its own seed, so that a request gives the same completion in whatever batch it stands
    (as far as the engine's rounding allows).
    """
    completions: dict[str, Completion] = {}
    for kind in dict.fromkeys(request.kind for request in requests):
        template = TEMPLATES[kind]
        batch = [request for request in requests if request.kind == kind]
        seeds = [int(derive_id("seed", sampling.seed, request.id)[:8], 16) for request in batch]
        prompts = [request.prompt for request in batch]
        drafts = generator.generate(prompts, replace(sampling, stop=template.stop, grammar=template.grammar), seeds)
        for request, draft, seed in zip(batch, drafts, seeds, strict=True):
            completions[request.id] = Completion(
                id=completion_id(request),
                chunk_id=request.chunk_id,
                prompt_id=template.id,
                sample=request.sample,
                seed=seed,
                text=draft.text,
                finish_reason=draft.finish_reason,
                model=generator.name,
                fact_ids=(request.fact_id,),
            )
    return [completions[request.id] for request in requests]


def completion_id(request: Request) -> str:
    """The id of the completion that answers a request."""
    return derive_id("completion", request.id)


def pairs_from(
    generator: Generator, completions: Sequence[Completion], requests: Sequence[Request], config: GenerationConfig
) -> tuple[list[Pair], list[Rejection]]:
    """Parse, check and weigh what was written: every draft becomes a pair or a rejection with its reason."""
    asked = {completion_id(request): request for request in requests}
    rejections: list[Rejection] = []
    drafts: list[_Draft] = []
    for completion in completions:
        request = asked[completion.id]
        found = parse(request.kind, completion.text)
        if not found:
            rejections.append(_rejection("no question", completion, completion.text))
        drafts += [_Draft(request, completion, _candidate(request, draft)) for draft in found]
    drafts = _settled(generator, drafts)
    standing: list[_Draft] = []
    taken: set[tuple[str, str]] = set()
    for draft in drafts:
        if reason := draft.objection(taken):
            rejections.append(draft.rejected(reason))
        else:
            standing.append(draft)
    pairs = []
    for draft, verdict in zip(standing, rank(generator, [d.candidate for d in standing], config), strict=True):
        if verdict is None:
            pairs.append(draft.pair())
        else:
            rejections.append(draft.rejected(verdict))
    return pairs, rejections


def _candidate(request: Request, drafted: Drafted) -> Candidate:
    """Put the request's answer to the question; a drafted answer must stand in the sentence, and is cut from it."""
    answer = request.answer
    if not answer and drafted.answer:
        match = re.search(rf"(?<!\w){re.escape(drafted.answer)}(?!\w)", request.statement, re.IGNORECASE)
        span = match.group() if match else ""
        answer = span if len(span.split()) <= LONGEST_ANSWER and content(span) else ""
    return Candidate(drafted.question, answer, request.statement, request.question, request.rivals, request.others)


def _settled(generator: Generator, drafts: Sequence["_Draft"]) -> list["_Draft"]:
    """Choose the answers of drafts that came without a given one."""
    if not generator.scores:
        return list(drafts)
    open_ended = [i for i, draft in enumerate(drafts) if not draft.request.answer]
    chosen = dict(zip(open_ended, settle(generator, [drafts[i].candidate for i in open_ended]), strict=True))
    return [replace(draft, candidate=chosen.get(i, draft.candidate)) for i, draft in enumerate(drafts)]


@dataclass(frozen=True, slots=True)
class _Draft:
    """A question on its way from a completion to a pair or a rejection."""

    request: Request
    completion: Completion
    candidate: Candidate

    def objection(self, taken: set[tuple[str, str]]) -> str | None:
        request, candidate = self.request, self.candidate
        if not candidate.answer:
            return "answer not in sentence"
        key = (request.fact_id, candidate.question.lower())
        if key in taken:
            return "drafted twice"
        taken.add(key)
        asked = Asked(request.statement, candidate.answer, request.question, request.known)
        return objection(candidate.question, asked, EXAMPLE_STEMS[request.kind])

    def rejected(self, reason: str) -> Rejection:
        return _rejection(reason, self.completion, f"{self.candidate.question} {self.candidate.answer}")

    def pair(self) -> Pair:
        request = self.request
        return Pair.create(
            chunk_id=request.chunk_id,
            fact_id=request.fact_id,
            source=request.source,
            question=self.candidate.question,
            answer=self.candidate.answer,
            evidence_start=request.evidence_start,
            evidence_end=request.evidence_end,
            form=FORMS[request.kind],
            kind="answerable",
            statement=request.statement,
            generator=self.completion.model,
        )


def _rejection(reason: str, completion: Completion, text: str) -> Rejection:
    return Rejection("draft", reason, completion.id, " ".join(text.split())[:200])
