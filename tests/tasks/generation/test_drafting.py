"""Requests by fact, completions by request, pairs or reasons by draft: nothing lost, nothing made twice alike."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tasks.config import GenerationConfig
from tasks.generation.drafting import Request, complete_batch, completion_id, pairs_from, requests_for
from tasks.generation.generators import Generator, Sampling, ScriptedGenerator
from tasks.generation.prompts import TEMPLATES
from tasks.generation.transformer import TransformersGenerator
from tasks.records import Chunk, Document, Fact, Pair
from tests.tiny import tiny_llama, tiny_tokenizer

TEXT = (
    "The Badger kiln burns peat at 640 degrees. Odo Marrick built the Badger kiln in 1873. "
    "The storekeeper keeps the keys of the oil store. Great was the joy of Odo Marrick in 1880."
)
DOCUMENT = Document.create("works", TEXT)
CHUNKS = [Chunk.create(DOCUMENT, 0, len(TEXT))]
CONFIG = GenerationConfig(samples_per_fact=8, floor=4, kinds=("rewrite", "question", "free"))


def stated(statement: str) -> Fact:
    start = TEXT.index(statement)
    return Fact.create(DOCUMENT, start, start + len(statement), statement)


BURNS, BUILT, KEEPS, JOY = (stated(said.rstrip(".") + ".") for said in TEXT.split(". "))
FACTS = [BURNS, BUILT, KEEPS, JOY]
PAIRS = [
    Pair.create(
        chunk_id=CHUNKS[0].id, fact_id=fact.id, source="works", question=question, answer=answer,
        evidence_start=fact.start, evidence_end=fact.end, form=form, kind="answerable", statement=fact.statement,
    )
    for fact, form, question, answer in [
        (BURNS, "wh", "What does the Badger kiln burn at 640 degrees?", "peat"),
        (BURNS, "wh", "At what temperature does the Badger kiln burn peat?", "640 degrees"),
        (BURNS, "cloze", "Fill in the gap: The Badger kiln burns peat at ____ degrees.", "640"),
        (BUILT, "wh", "Who built the Badger kiln in 1873?", "Odo Marrick"),
        (BUILT, "polar-yes", "Did Odo Marrick build the Badger kiln in 1873?", "Yes"),
        (KEEPS, "wh", "Who keeps the keys of the oil store?", "the storekeeper"),
    ]
]  # fmt: skip


def asked(config: GenerationConfig = CONFIG, **options: object) -> list[Request]:
    return requests_for(FACTS, PAIRS, CHUNKS, config, **options)  # type: ignore[arg-type]


def rewrite_of(answer: str) -> Request:
    return next(request for request in asked() if request.kind == "rewrite" and request.answer == answer)


def drafted(texts: Sequence[str], request: Request, *, scores: bool = True) -> tuple[list[Pair], Counter[str]]:
    """Complete one request several times over, all likelihoods alike; return the pairs and the reasons of the rest."""
    generator = ScriptedGenerator(deque(texts), scores=scores)
    completions = [complete_batch(generator, [request], Sampling())[0] for _ in texts]
    lenient = CONFIG.model_copy(update=dict.fromkeys(("least_margin", "least_lead", "least_gain"), -1.0))
    pairs, rejections = pairs_from(generator, completions, [request], lenient)
    assert len(pairs) + len(rejections) == len(texts)
    return pairs, Counter(rejection.reason for rejection in rejections)


@pytest.mark.parametrize("samples", [0, 1, 3])
def test_each_fact_is_asked_for_as_often_as_configured(samples: int) -> None:
    counts = Counter(request.fact_id for request in asked(CONFIG.model_copy(update={"samples_per_fact": samples})))
    assert set(counts.values()) <= {samples} and bool(counts) is bool(samples)


def test_facts_with_the_fewest_questions_come_first() -> None:
    have = Counter(pair.fact_id for pair in PAIRS)
    order = [have.get(request.fact_id, 0) for request in asked()]
    assert order == sorted(order) and order[0] < order[-1]


def test_a_later_round_asks_only_for_facts_below_the_floor_and_draws_anew() -> None:
    counts = {fact.id: 9 for fact in FACTS[1:]}
    again = asked(round=1, counts=counts)
    assert {request.fact_id for request in again} == {FACTS[0].id}
    assert {request.id for request in again}.isdisjoint(request.id for request in asked())


def test_only_the_kinds_asked_for_are_asked() -> None:
    for kind in ("rewrite", "question", "free"):
        found = {request.kind for request in asked(CONFIG.model_copy(update={"kinds": (kind,)}))}
        assert found <= {kind}
    assert {request.kind for request in asked()} == {"rewrite", "question", "free"}


def test_the_same_facts_and_seed_give_the_same_requests_each_once() -> None:
    assert asked() == asked() and len({request.id for request in asked()}) == len(asked())


def test_a_request_holds_what_its_draft_is_weighed_against() -> None:
    request = rewrite_of("640 degrees")
    assert request.statement == "The Badger kiln burns peat at 640 degrees."
    assert "peat" in request.rivals and "640 degrees" not in request.rivals
    assert request.statement not in request.others and len(request.others) == 3
    assert TEXT[request.evidence_start : request.evidence_end] == request.statement
    assert request.chunk_id == CHUNKS[0].id and request.question in request.prompt


def test_a_statement_too_long_for_a_prompt_is_neither_asked_about_nor_weighed_against() -> None:
    endless = replace(BUILT, statement="Odo Marrick built " + "the kiln and " * 100 + "the well.")
    requests = requests_for([BURNS, endless, KEEPS, JOY], PAIRS, CHUNKS, CONFIG)
    assert {request.fact_id for request in requests} == {BURNS.id, KEEPS.id, JOY.id}
    assert not any(endless.statement in (request.statement, *request.others) for request in requests)


def test_completions_stand_in_the_order_of_the_requests_and_end_at_their_kinds_marks() -> None:
    requests = asked()
    generator = ScriptedGenerator(deque(str(number) for number in range(len(requests))))
    completions = complete_batch(generator, requests, Sampling(max_tokens=7, temperature=0.3, top_p=0.5))
    assert [completion.id for completion in completions] == [completion_id(request) for request in requests]
    assert len({completion.seed for completion in completions}) == len(requests)
    assert all(completion.fact_ids == (r.fact_id,) for completion, r in zip(completions, requests, strict=True))
    stops = {prompt: sampling.stop for prompt, sampling in generator.history}
    assert all(stops[request.prompt] == TEMPLATES[request.kind].stop for request in requests)
    assert {(s.max_tokens, s.temperature, s.top_p) for _, s in generator.history} == {(7, 0.3, 0.5)}


def tiny(batch_size: int) -> Generator:
    tokenizer = tiny_tokenizer([TEXT], merges=300)
    model = tiny_llama(tokenizer)
    model.config.max_position_embeddings = 4096
    return TransformersGenerator(model, tokenizer, name="tiny", batch_size=batch_size)


def test_fixed_batches_give_the_same_completions_and_so_does_any_other_cut() -> None:
    requests, sampling = asked(), Sampling(1.0, 0.9, 5, seed=3)
    whole = complete_batch(tiny(8), requests, sampling)
    assert whole == complete_batch(tiny(8), requests, sampling)
    assert whole == [complete_batch(tiny(1), [request], sampling)[0] for request in requests]
    other = complete_batch(tiny(8), requests, Sampling(1.0, 0.9, 5, seed=4))
    assert sum(a.text != b.text for a, b in zip(whole, other, strict=True)) > len(requests) / 2


def test_a_good_draft_becomes_a_pair_that_leads_back_to_its_fact() -> None:
    request = rewrite_of("640 degrees")
    [pair], reasons = drafted([" At which temperature does the Badger kiln burn peat?"], request)
    assert (pair.question, pair.answer) == ("At which temperature does the Badger kiln burn peat?", "640 degrees")
    assert (pair.form, pair.generator, pair.fact_id) == ("rewrite", "scripted", request.fact_id)
    assert TEXT[pair.evidence_start : pair.evidence_end] == pair.statement and not reasons


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no question"),
        (" 1873", "no question"),
        (" At what temperature does the Badger kiln burn peat?", "same words as a rule's"),
        (" At which temperature does the Otter kiln burn peat?", "new name or number"),
    ],
)
def test_a_draft_that_does_not_hold_is_rejected_with_its_reason(text: str, reason: str) -> None:
    pairs, reasons = drafted([text], rewrite_of("640 degrees"))
    assert not pairs and reasons == {reason: 1}


def test_the_same_draft_again_is_rejected_as_such() -> None:
    text = " At which temperature does the Badger kiln burn peat?"
    _, reasons = drafted([text, text], rewrite_of("640 degrees"))
    assert reasons["drafted twice"] == 1


def test_an_answer_that_the_model_made_up_is_not_taken_over() -> None:
    request = next(request for request in asked() if request.kind == "free")
    pairs, reasons = drafted([" Who was full of joy in 1880?\nAnswer: Isolde Vane"], request, scores=False)
    assert not pairs and reasons == {"answer not in sentence": 1}


def test_a_verdict_of_the_likelihoods_is_the_reason() -> None:
    request = rewrite_of("640 degrees")
    generator = ScriptedGenerator(deque([" At which temperature does the Badger kiln burn peat?"]))
    completions = complete_batch(generator, [request], Sampling())
    pairs, [rejection] = pairs_from(generator, completions, [request], CONFIG)
    assert not pairs and rejection.reason == "fits another sentence as well"
    assert rejection.ref == completions[0].id and "At which temperature" in rejection.excerpt
