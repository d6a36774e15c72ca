"""Chunks: windows that cover the text, at exact offsets, of the size and stride that were asked for."""

import itertools
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.config import ChunkConfig, Config
from tasks.corpus.chunking import chunk_document, count_words
from tasks.corpus.sentences import split_sentences
from tasks.errors import UsageError
from tasks.records import Chunk, Document

TEXTS = st.one_of(
    st.lists(
        st.sampled_from(
            [
                "The pump",
                "lifts",
                "brine.",
                "It is red.",
                "Fig. 12.",
                "\n\n",
                "\r\n",
                "\f",
                "\u200b",
                "e\u0301",
                "x" * 90,
            ]
        ),
        max_size=80,
    ).map(" ".join),
    st.text(alphabet=st.sampled_from(list("ab.A \n\r\f\u200b\u0301\u3000é")), max_size=200),
)
SIZES = st.tuples(st.integers(8, 40), st.integers(1, 40)).filter(lambda pair: pair[1] <= pair[0])


def count_tokens(text: str) -> int:
    """Tokens of up to four letters or one mark, white space with the token behind it: a stand-in for BPE."""
    return len(re.findall(r"\s*\w{1,4}|\s*[^\w\s]|\s+", text))


def chunks_of(text: str, **settings: object) -> list[Chunk]:
    config = ChunkConfig.model_validate(settings)
    return chunk_document(Document.create("t", text), config, count=count_tokens)


def texts_of(text: str, **settings: object) -> list[str]:
    return [chunk.text for chunk in chunks_of(text, **settings)]


@settings(max_examples=200, deadline=None)
@given(TEXTS, SIZES, st.sampled_from(["words", "tokens"]))
def test_windows_cover_every_character_at_exact_offsets_and_stay_within_their_size(
    text: str, sizes: tuple[int, int], unit: str
) -> None:
    chunks = chunks_of(text, unit=unit, window=sizes[0], stride=sizes[1])
    measure = count_tokens if unit == "tokens" else count_words
    covered: set[int] = set()
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.text
        assert measure(chunk.text) <= sizes[0]
        covered.update(range(chunk.start, chunk.end))
    assert {offset for offset, character in enumerate(text) if not character.isspace()} <= covered
    starts, ends = [chunk.start for chunk in chunks], [chunk.end for chunk in chunks]
    assert starts == sorted(set(starts)) and ends == sorted(set(ends))
    assert chunks == chunks_of(text, unit=unit, window=sizes[0], stride=sizes[1])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 8), min_size=1, max_size=60), SIZES)
def test_starts_advance_by_the_stride_to_the_nearest_sentence(lengths: list[int], sizes: tuple[int, int]) -> None:
    window, stride = sizes
    text = " ".join("The " + "old " * (length - 2) + "pump." if length > 1 else "Yes." for length in lengths)
    spans = split_sentences(text)
    assert len(spans) == len(lengths)
    for before, after in itertools.pairwise(chunks_of(text, window=window, stride=stride)):
        following = next(end for start, end in spans if start > before.end)
        useful = [  # starts that lose nothing and from which a window reaches further than the one before
            count_words(text[before.start : start])
            for start, _ in spans
            if before.start < start <= before.end + 1
            and (start > before.end or count_words(text[start:following]) <= window)
        ]
        moved = count_words(text[before.start : after.start])
        assert abs(moved - stride) == min(abs(distance - stride) for distance in useful)


def test_the_worked_example() -> None:
    text = "The pump is old. It lifts brine. It is red. Nobody knows why."
    assert [(chunk.start, chunk.end) for chunk in chunks_of(text, window=8, stride=4)] == [(0, 32), (17, 43), (33, 61)]


def test_an_overlap_of_none_gives_windows_that_touch() -> None:
    assert texts_of("A pump is red. " * 5, window=8, stride=8) == ["A pump is red. A pump is red."] * 2 + [
        "A pump is red."
    ]


def test_the_average_stride_is_the_one_asked_for() -> None:
    text = "The old pump lifts brine. " * 400
    starts = [chunk.start for chunk in chunks_of(text, window=160, stride=120)]
    assert count_words(text[starts[0] : starts[-1]]) / (len(starts) - 1) == 120


def test_a_text_shorter_than_a_window_is_one_chunk_and_the_last_sentence_is_in_a_window() -> None:
    assert texts_of("The pump is red.", window=160, stride=120) == ["The pump is red."]
    assert texts_of("The pump is red. " * 200 + "The end.", window=20, stride=15)[-1].endswith("The end.")


def test_a_sentence_longer_than_a_window_is_split_at_white_space_and_never_lost() -> None:
    text = " ".join(f"word{number}" for number in range(25)) + "."
    assert [count_words(piece) for piece in texts_of(text, window=10, stride=10)] == [10, 10, 5]
    assert " ".join(texts_of(text, window=10, stride=10)) == text


def test_a_word_longer_than_a_window_of_tokens_is_split_between_characters() -> None:
    pieces = texts_of("x" * 100, unit="tokens", window=8, stride=8)
    assert pieces == ["x" * 32, "x" * 32, "x" * 32, "x" * 4]


def test_a_single_character_that_no_window_holds_is_kept() -> None:
    config = ChunkConfig(unit="tokens", window=8, stride=8)
    chunks = chunk_document(Document.create("t", "ab"), config, count=lambda text: 9 * len(text))
    assert [chunk.text for chunk in chunks] == ["a", "b"]


def test_crlf_form_feeds_zero_width_and_combining_characters_survive() -> None:
    text = "The\r\npump\u200b is re\u0301d.\r\n\fIt\xa0lifts."
    assert texts_of(text, window=160, stride=120) == [text]


@pytest.mark.parametrize("text", ["", " \r\n\f"])
def test_a_text_of_white_space_gives_no_chunk(text: str) -> None:
    assert chunks_of(text) == []


def test_unit_tokens_counts_with_the_tokenizer_and_unit_words_does_not() -> None:
    text = "Incomprehensibilities abound everywhere. " * 10
    assert len(chunks_of(text, unit="tokens", window=20, stride=20)) > len(chunks_of(text, window=20, stride=20))


def test_tokens_without_a_tokenizer_are_refused() -> None:
    with pytest.raises(UsageError, match=r"chunks\.unit=tokens: .* use chunks\.unit=words"):
        chunk_document(Document.create("t", "The pump."), ChunkConfig(unit="tokens"))


def test_a_stride_larger_than_the_window_is_refused_naming_both() -> None:
    with pytest.raises(UsageError, match=r"chunks\.stride=50 is larger than chunks\.window=40"):
        Config.build("quick", ["chunks.window=40", "chunks.stride=50"])


def test_a_paragraph_added_above_leaves_the_windows_of_later_paragraphs_as_they_were() -> None:
    text = "\n\n".join(f"Pump {number} lifts brine from its well at night." for number in range(30))
    before = {chunk.id for chunk in chunks_of(text, window=9, stride=9)}
    after = {chunk.id for chunk in chunks_of("A pump was added here by the clerk.\n\n" + text, window=9, stride=9)}
    assert before < after


def test_one_endless_sentence_takes_linear_time() -> None:
    started = time.process_time()
    chunks = chunks_of("brine and salt " * 7_000, unit="tokens", window=160, stride=120)
    assert len(chunks) > 100
    assert time.process_time() - started < 3.0
