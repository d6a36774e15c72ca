"""Passages are cut by the text itself: what changes in one place leaves the others as they are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.generation.drafting import Request
from tasks.generation.passages import LONGEST_PASSAGE, cut_batches, passages, unplaced
from tasks.generation.prompts import Kind
from tasks.records import Document, Fact

SENTENCES = [f"Pump {n} lifts {n * 7 % 97} litres." for n in range(300)]


def ledger(sentences: list[str], source: str = "heron") -> list[Fact]:
    document = Document.create(source, " ".join(sentences))
    facts, start = [], 0
    for sentence in sentences:
        facts.append(Fact.create(document, start, start + len(sentence), sentence))
        start += len(sentence) + 1
    return facts


def texts(facts: list[Fact]) -> set[tuple[str, ...]]:
    """The passages of a ledger, as the sentences in them."""
    held: dict[int, list[str]] = {}
    for fact, number in zip(facts, passages(facts).values(), strict=True):
        held.setdefault(number, []).append(fact.text)
    return {tuple(passage) for passage in held.values()}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 299), st.integers(0, 9))
def test_a_change_touches_the_passages_that_hold_it_and_no_other(place: int, length: int) -> None:
    changed = [*SENTENCES[:place], "The old pump was sold.", *SENTENCES[place + length :]]
    gone, new = texts(ledger(SENTENCES)) - texts(ledger(changed)), texts(ledger(changed)) - texts(ledger(SENTENCES))
    assert all("The old pump was sold." in passage for passage in new)
    assert len(new) == 1
    affected = set(SENTENCES[max(0, place - 1) : place + length + 1])
    assert all(affected & set(passage) for passage in gone)


def test_a_passage_ends_with_its_document() -> None:
    facts = [*ledger(SENTENCES[:5]), *ledger(SENTENCES[:5], "other")]
    numbers = list(passages(facts).values())
    assert not set(numbers[:5]) & set(numbers[5:])


def test_no_passage_is_longer_than_allowed() -> None:
    same = ledger(["The pump lifts brine."] * (3 * LONGEST_PASSAGE))
    sizes = [len(passage) for passage in texts(ledger([f"Pump {n} lifts {n} litres." for n in range(6000)]))]
    assert max(sizes) <= LONGEST_PASSAGE and 64 < sum(sizes) / len(sizes) < 256
    assert max(passages(same).values()) >= 2


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40))
def test_batches_hold_every_request_once_and_none_is_too_large(size: int) -> None:
    facts = ledger(SENTENCES)
    requests = [Request(f"r{n}", "rewrite", fact.id, "c", "heron", "", fact.text) for n, fact in enumerate(facts)]
    number = passages(facts)
    cut = cut_batches(requests, number, size)
    assert sorted(request.id for batch in cut for request in batch) == sorted(request.id for request in requests)
    assert all(len(batch) <= size and len({number[request.fact_id] for request in batch}) == 1 for batch in cut)


def test_a_request_without_its_place_is_the_same_wherever_it_stands() -> None:
    here = Request("r", "rewrite", "f", "c1", "heron", "p", "s", evidence_start=3, evidence_end=9)
    there = Request("r", "rewrite", "f", "c2", "heron", "p", "s", evidence_start=503, evidence_end=509)
    assert here != there and unplaced(here) == unplaced(there)


def test_requests_of_a_kind_stand_side_by_side_in_their_passage() -> None:
    facts = ledger(SENTENCES[:6])
    kinds: list[Kind] = ["rewrite", "question"] * 3
    requests = [
        Request(f"r{n}", kind, fact.id, "c", "heron", "", fact.text)
        for n, (fact, kind) in enumerate(zip(facts, kinds, strict=True))
    ]
    cut = cut_batches(requests, dict.fromkeys((fact.id for fact in facts), 0), 3)
    assert [{request.kind for request in batch} for batch in cut] == [{"question"}, {"rewrite"}]
