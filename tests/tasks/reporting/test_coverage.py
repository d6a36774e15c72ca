"""Sentences are painted by the questions whose evidence touches them."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.records import Document, Fact, Kind, Pair, Rejection
from tasks.reporting.coverage import STEPS, Bare, Painted, bare_facts, histogram, paint, step, utf16

TEXT = "The pump was built in 1829. It lifts brine. Nobody counts."
DOCUMENT = Document.create("heron", TEXT)


def pair(start: int, end: int, *, kind: Kind = "answerable", source: str = "heron") -> Pair:
    return Pair.create(
        chunk_id="c", fact_id="f", source=source, question=f"{start}?", answer="a", evidence_start=start,
        evidence_end=end, form="wh", kind=kind,
    )  # fmt: skip


def test_a_sentence_counts_the_questions_whose_evidence_touches_it() -> None:
    painted = paint(DOCUMENT, [pair(0, 27), pair(4, 8), pair(20, 40)], None)
    assert [(s.start, s.end, s.questions) for s in painted] == [(0, 27, 3), (28, 43, 1), (44, 58, 0)]


def test_evidence_that_ends_where_a_sentence_starts_does_not_touch_it() -> None:
    assert [s.questions for s in paint(DOCUMENT, [pair(0, 28)], None)] == [1, 0, 0]


def test_refusals_and_other_sources_paint_nothing() -> None:
    painted = paint(DOCUMENT, [pair(-1, -1, kind="refusal"), pair(0, 27, source="other")], None)
    assert [s.questions for s in painted] == [0, 0, 0]


def test_a_sentence_without_a_fact_is_not_askable_unless_it_was_asked_about() -> None:
    facts = [Fact.create(DOCUMENT, 0, 27, "")]
    assert [s.askable for s in paint(DOCUMENT, [pair(28, 43)], facts)] == [True, True, False]


def test_the_histogram_counts_each_askable_sentence_once() -> None:
    painted = [Painted(0, 1, n, True) for n in (0, 1, 3, 4, 15, 16, 99)] + [Painted(0, 1, 0, False)]
    assert histogram(painted) == {"0": 1, "1 to 3": 2, "4 to 7": 1, "8 to 15": 1, "16 or more": 2}


@given(st.integers(0, 10_000))
def test_a_step_is_the_last_one_reached(questions: int) -> None:
    assert STEPS[step(questions)][0] <= questions
    assert all(fewest > questions for fewest, _ in STEPS[step(questions) + 1 :])


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.data())
def test_utf16_offsets_are_those_of_the_encoded_text(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    assert utf16(text, [offset]) == [len(text[:offset].encode("utf-16-le")) // 2]


def test_a_fact_without_a_question_is_named_with_the_last_reason() -> None:
    first, second, third = (Fact.create(DOCUMENT, start, end, "") for start, end in ((0, 27), (28, 43), (44, 58)))
    asked = Pair.create(
        chunk_id="c", fact_id=first.id, source="heron", question="When?", answer="1829", evidence_start=0,
        evidence_end=27, form="wh", kind="answerable",
    )  # fmt: skip
    rejections = [Rejection("draft", "too short", "x", ""), Rejection("filter", "echo", "y", "")]
    about = {"x": (first.id, second.id), "y": (second.id,)}
    found = bare_facts([first, second, third], [asked], rejections, about)
    assert found == [Bare(second, "echo"), Bare(third, "")]
