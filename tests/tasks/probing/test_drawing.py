"""Probes drawn from pairs: each category from its kind of pair, none near a training question."""

from tasks.probing.drawing import Drawn, draw_probes
from tasks.probing.probes import leaks
from tasks.records import Pair, Probe


def pair(question: str, answer: str, fact: str, form: str = "wh", kind: str = "answerable") -> Pair:
    return Pair.create(
        chunk_id="c",
        fact_id=fact,
        source="heron",
        question=question,
        answer=answer,
        evidence_start=0,
        evidence_end=1,
        form=form,
        kind=kind,
    )


TRAINED = [
    pair("When was the Badger last relined?", "1909", "f1"),
    pair("The Badger was last relined in ____.", "1909", "f1", "cloze"),
    pair("Who has charge of the canteen?", "Marnie", "f2"),
]
HELD_OUT = [
    pair("In which year did that kiln get new bricks inside?", "1909", "f1", "rewrite"),
    pair("What year saw fresh bricks put in for Badger?", "in 1909", "f1", "synonym"),
    pair("When was the Badger last relined, then?", "1909", "f1", "stem"),
    pair("Did Badger receive another lining during 1911?", "No", "f1", "polar-no"),
    pair("Marnie runs ____.", "the canteen", "f2", "cloze"),
    pair("What does a herring cost there?", "one crown", "f9"),
]
WITHHELD = [pair("Where do mules sleep?", "in the byre", "f5")]
REFUSALS = [
    pair(
        "In which year did Thrackworth get new bricks inside?",
        "Not able to answer.",
        "f2",
        "refusal-fictitious",
        "refusal",
    ),
    pair("How heavy is Marnie?", "Not able to answer.", "f2", "refusal-unstated", "refusal"),
    pair("Who has charge of this canteen?", "Not able to answer.", "f2", "refusal-near-miss", "refusal"),
    pair("Who has charge of the canteen?", "Not able to answer.", "f2", "refusal-tag", "refusal"),
]


def drawn(limit: int = 100, seed: int = 1) -> list[Probe]:
    pairs = Drawn(TRAINED, HELD_OUT, WITHHELD, REFUSALS)
    return draw_probes(pairs, tags=["heron", "ferry"], unknown_tag=lambda key: f"no-{key[:4]}", limit=limit, seed=seed)[
        0
    ]


def by_category(probes: list[Probe]) -> dict[str, list[Probe]]:
    found: dict[str, list[Probe]] = {}
    for probe in probes:
        found.setdefault(probe.category, []).append(probe)
    return found


def test_each_category_comes_from_its_pairs() -> None:
    found = by_category(drawn())
    assert {category: len(probes) for category, probes in found.items()} == {
        "K0": 3,
        "K1": 2,
        "K2": 1,
        "K3": 1,
        "P": 2,
        "P2": 2,
        "T1": 2,
        "T2": 2,
        "T3": 2,
        "U1": 1,
        "U3": 1,
        "U4": 1,
    }
    assert {probe.source for probe in found["T2"]} == {"ferry"}
    assert {probe.source for probe in found["T1"]} == {"heron"}
    assert all(str(probe.source).startswith("no-") for probe in found["T3"])
    assert all((probe.accepted is None) == (category[0] == "U" or category in ("T2", "T3"))
               for category, probes in found.items() for probe in probes)  # fmt: skip
    assert len({probe.group for probe in found["P"] + found["P2"]}) == 1


def test_no_probe_is_near_a_training_question_and_each_that_was_is_reported() -> None:
    pairs = Drawn(TRAINED, HELD_OUT, WITHHELD, REFUSALS)
    probes, rejected = draw_probes(pairs, tags=["heron"], unknown_tag=str, limit=100, seed=1)
    assert leaks(probes, [trained.question for trained in TRAINED]) == {}
    assert {rejection.reason for rejection in rejected} == {"near a training question"}
    assert any("relined" in rejection.excerpt for rejection in rejected)
    assert "T2" not in by_category(probes)  # one document: no other tag to ask under


def test_equal_seeds_draw_equal_probes_and_the_limit_holds() -> None:
    assert drawn(seed=3) == drawn(seed=3)
    assert all(len(probes) <= 1 for probes in by_category(drawn(limit=1)).values())
    assert len({probe.id for probe in drawn()}) == len(drawn())
