"""Samples are spread over groups, the same on every machine, and cut their evidence exactly."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.records import Document, Pair, Rejection
from tasks.reporting.samples import round_robin, sample_rejects, with_evidence

TEXT = "Before it.\n\nThe pump was built by Odo Marrick in 1829. After it."
DOCUMENT = Document.create("heron", TEXT, sections=((0, "page 1"), (12, "page 2")))


def pair(answer: str, start: int = 12, end: int = 54) -> Pair:
    return Pair.create(
        chunk_id="c", fact_id="f", source="heron", question="Who?", answer=answer, evidence_start=start,
        evidence_end=end, form="wh", kind="answerable",
    )  # fmt: skip


def test_groups_take_turns() -> None:
    assert round_robin(["a1", "a2", "b1", "a3"], by=lambda row: row[0], count=3) == ["a1", "b1", "a2"]


@given(st.lists(st.text(min_size=1)), st.integers(0, 20))
def test_as_many_rows_are_drawn_as_there_are(rows: list[str], count: int) -> None:
    drawn = round_robin(rows, by=lambda row: row[0], count=count)
    assert len(drawn) == min(count, len(rows))
    assert sorted(drawn) == sorted(drawn) and all(drawn.count(row) <= rows.count(row) for row in drawn)


def test_the_answer_is_marked_within_its_evidence_whatever_its_case() -> None:
    sample = with_evidence(pair("odo marrick"), DOCUMENT)
    assert (sample.lead, sample.answer, sample.rest) == ("The pump was built by ", "Odo Marrick", " in 1829.")
    assert (sample.before, sample.after, sample.where) == ("", " After it.", "page 2")


def test_an_answer_that_does_not_stand_in_its_evidence_marks_nothing() -> None:
    sample = with_evidence(pair("yes (.*"), DOCUMENT)
    assert sample.lead + sample.answer + sample.rest == TEXT[12:54]
    assert sample.answer == ""


def test_a_refusal_or_a_missing_document_has_no_evidence() -> None:
    assert with_evidence(pair("x", -1, -1), DOCUMENT).lead == ""
    assert with_evidence(pair("x"), None).lead == ""


def test_a_section_is_the_last_one_begun() -> None:
    assert [DOCUMENT.section_at(offset) for offset in (0, 11, 12, 40)] == ["page 1", "page 1", "page 2", "page 2"]


def test_a_few_rejects_of_every_reason_are_shown() -> None:
    rows = [Rejection("filter", "echo", str(n), "…") for n in range(9)] + [Rejection("dedup", "echo", "x", "…")]
    assert {key: len(shown) for key, shown in sample_rejects(rows).items()} == {
        ("filter", "echo"): 5,
        ("dedup", "echo"): 1,
    }
