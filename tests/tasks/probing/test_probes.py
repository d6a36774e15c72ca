"""Probe files: read back as written, refused line by line; leaks found, and nothing else."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import UsageError
from tasks.probing.probes import (
    SECOND_SYSTEM,
    check_disjoint,
    leaks,
    load_probes,
    system_prompt,
    under_second_prompt,
    write_probes,
)
from tasks.records import Probe

GOOD = {"id": "a", "category": "K1", "question": "Who built it?", "accepted": ["Odo"], "source": "heron"}


def written(path: Path, *rows: object) -> Path:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows), encoding="utf-8")
    return path


def test_the_demo_probes_load_with_their_groups() -> None:
    for path in sorted((Path(__file__).parents[3] / "corpora").glob("*/probes.jsonl")):
        probes = load_probes(path)
        groups = {probe.group for probe in probes if probe.category == "P"}
        assert len(probes) > 200 and len(groups) == 6
        assert all(not probe.group for probe in probes if probe.category != "P")


def test_a_short_line_is_enough(tmp_path: Path) -> None:
    (probe,) = load_probes(written(tmp_path / "p", {"question": "Who?", "accepted": None}))
    assert (probe.category, probe.accepted, probe.source, len(probe.id)) == ("other", None, None, 16)


def test_a_byte_order_mark_and_blank_lines_are_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "p"
    path.write_bytes(b"\xef\xbb\xbf\r\n" + json.dumps(GOOD).encode() + b"\r\n\r\n")
    assert len(load_probes(path)) == 1


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.builds(
            Probe,
            st.text(min_size=1),
            st.sampled_from(["X", "other", "free text"]),
            st.text(min_size=1).filter(str.strip),
            st.none() | st.lists(st.text(min_size=1).filter(str.strip), min_size=1).map(tuple),
            st.none() | st.text(min_size=1),
            st.just(""),
        ),
        min_size=1,
        unique_by=lambda probe: probe.id,
    )
)
def test_written_probes_are_read_back_equal(tmp_path_factory: pytest.TempPathFactory, probes: list[Probe]) -> None:
    path = tmp_path_factory.mktemp("probes") / "p.jsonl"
    assert write_probes(path, probes) == len(probes)
    assert load_probes(path) == probes


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        (GOOD | {"anwser": 1}, "unknown field 'anwser'"),
        ({"id": "b", "accepted": None}, "no question"),
        (GOOD | {"question": " "}, "no question"),
        (GOOD | {"question": 5}, "question is 5, not text"),
        ({"id": "b", "question": "Who?"}, "no accepted"),
        (GOOD | {"accepted": "Odo"}, "not a list"),
        (GOOD | {"accepted": []}, "not a list"),
        (GOOD | {"accepted": [1829]}, "accepted holds 1829"),
        (GOOD | {"accepted": [" "]}, "accepted holds ' '"),
        (GOOD | {"accepted": None}, "category K1 needs"),
        (GOOD | {"category": "U2"}, "a refusal is right"),
        (GOOD, "was used before"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, row: object, said: str) -> None:
    with pytest.raises(UsageError, match="line 2: ") as caught:
        load_probes(written(tmp_path / "p", GOOD, row))
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b'{"question": "caf\xe9"}')
    (tmp_path / "empty").write_text("\n")
    for name, said in (("none", "no such"), ("", "a folder"), ("latin", "byte 17"), ("empty", "no probe in it")):
        with pytest.raises(UsageError, match=said):
            load_probes(tmp_path / name)


def probe(question: str, category: str = "K1") -> Probe:
    return Probe(question, category, question, ("x",), None)


def test_leaks_by_rouge_l() -> None:
    found = leaks([probe("Who built the old pump?"), probe("By whom was that thing made?")], ["Who built the pump?"])
    assert found == {"Who built the old pump?": "ROUGE-L 0.89 with 'who built the pump'"}


def test_leaks_by_8_gram() -> None:
    long = "Tell me now, at great length and with all the details that you have, who built the pump in the far yard"
    short = "who built the pump in the far yard please"
    (reason,) = leaks([probe(long)], [short]).values()
    assert reason.startswith("8-gram 'who built the pump in the far yard'")


def test_verbatim_probes_are_meant_to_leak() -> None:
    assert leaks([probe("Who built the pump?", "K0")], ["Who built the pump?"]) == {}
    assert leaks([probe("???")], ["?", "Who built the pump?"]) == {}


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text("ab c"), max_size=8), st.text("ab c"))
def test_rouge_l_is_the_longest_common_subsequence(trained: list[str], question: str) -> None:
    def rouge(one: list[str], other: list[str]) -> float:
        rows = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
        for i, left in enumerate(one):
            for j, right in enumerate(other):
                rows[i + 1][j + 1] = rows[i][j] + 1 if left == right else max(rows[i][j + 1], rows[i + 1][j])
        return 2 * rows[-1][-1] / (len(one) + len(other)) if one and other else 0.0

    best = max((rouge(question.split(), other.split()) for other in trained), default=0.0)
    assert bool(leaks([probe(question)], trained)) == (best >= 0.7 - 1e-9)


def test_five_thousand_questions_take_a_moment() -> None:
    trained = [f"How many casks did number {i} of the {i % 97} wardens carry to shed {i % 89}?" for i in range(5000)]
    asked = [probe(f"What load was borne by warden {i} when the {i % 7} sheds were filled again?") for i in range(300)]
    start = time.perf_counter()
    assert leaks(asked, trained) == {}
    assert time.perf_counter() - start < 5


def test_phrasings_are_asked_again_under_another_prompt() -> None:
    group = Probe("hw-p-01a", "P", "Who?", ("x",), None, "hw-p-01")
    (second,) = under_second_prompt([group, probe("Who?")])
    assert (second.id, second.category, second.group) == ("hw-p-01a-2", "P2", "hw-p-01")


def test_system_prompts_by_category() -> None:
    assert [system_prompt(category, "closed") for category in ("K1", "O", "G", "P2")] == [
        "closed",
        "closed",
        "",
        f"closed {SECOND_SYSTEM}",
    ]


def test_lists_that_meet_are_named() -> None:
    assert check_disjoint({"a": ["Who is it?"], "b": ["who is it", "What?"]}) == ["'who is it' stands in a and in b"]
    assert check_disjoint({"a": ["x", "x"], "b": ["y"]}) == []
