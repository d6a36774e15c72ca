"""Documents to chunks: a window that slides over whole sentences.

With a window of 8 words and a stride of 4::

    "The pump is old. It lifts brine. It is red. Nobody knows why."
    "The pump is old. It lifts brine."        [0:32]   7 words; the next sentence would make 10
    "It lifts brine. It is red."              [17:43]  starts 4 words on
    "It is red. Nobody knows why."            [33:61]

Window and stride count words, or tokens of a tokenizer that the caller passes in. Every character that is not
white space is in a window, no window is larger than it may be, and ``document.text[start:end] == chunk.text``.
"""

import itertools
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator

from tasks.config import ChunkConfig
from tasks.corpus.layout import Span
from tasks.corpus.sentences import split_sentences
from tasks.errors import UsageError
from tasks.records import Chunk, Document

Measure = Callable[[str], int]

WORD = re.compile(r"\S+")
LONGEST_TOKEN = 16  # characters; a run without white space is cut into at most this many a token


def count_words(text: str) -> int:
    """Count the words of a text: runs of anything but white space."""
    return len(text.split())


def chunk_document(document: Document, config: ChunkConfig, *, count: Measure | None = None) -> list[Chunk]:
    """Cut a document into windows of at most ``config.window``, each about ``config.stride`` after the last.

    A window starts and ends on sentence boundaries; a sentence larger than a window is split at white space,
    and a run without white space that is larger still between characters. ``count`` tells how many tokens a
    text has and is used where ``config.unit`` is "tokens"; it must not shrink as the text grows.

    Raises:
        UsageError: when tokens are to be counted and ``count`` is missing.
    """
    if config.unit == "tokens" and count is None:
        raise UsageError("chunks.unit=tokens: this generator has no tokenizer to count with; use chunks.unit=words")
    measure = count if config.unit == "tokens" and count is not None else count_words
    text = document.text
    units = [piece for span in split_sentences(text) for piece in _pieces(text, span, config.window, measure)]
    return [
        Chunk.create(document, units[first][0], units[last - 1][1])
        for first, last in _windows(text, units, config, measure)
    ]


def _windows(text: str, units: list[Span], config: ChunkConfig, measure: Measure) -> Iterator[tuple[int, int]]:
    """Yield ``(first, last)`` slices of the units: they touch or overlap, and none lies within the one before."""
    starts = [start for start, _ in units]
    sizes = [measure(text[start:end]) for start, end in itertools.pairwise([*starts, len(text)])]

    def reach(first: int) -> int:
        """The end of the longest run of units from ``first`` that fits into a window; one unit at least."""
        last, total = first + 1, sizes[first]
        while last < len(sizes) and total + sizes[last] <= config.window:
            total += sizes[last]
            last += 1
        # Tokens of a whole window may differ from the sum over its sentences, so the window itself is measured.
        while last - first > 1 and measure(text[units[first][0] : units[last - 1][1]]) > config.window:
            last -= 1
        return last

    first = last = 0
    while last < len(units):
        last = reach(first)
        yield first, last
        first = _advance(sizes, first, last, config.stride)
        while first < last < len(units) and reach(first) <= last:
            first += 1


def _advance(sizes: list[int], first: int, last: int, stride: int) -> int:
    """The unit in ``(first, last]`` whose distance from ``first`` is nearest to the stride; of two, the nearer unit."""
    best, moved = first + 1, sizes[first]
    while best < last and abs(moved + sizes[best] - stride) < abs(moved - stride):
        moved += sizes[best]
        best += 1
    return best


def _pieces(text: str, span: Span, window: int, measure: Measure) -> Iterator[Span]:
    """Yield a sentence whole if it fits into a window, else in pieces that do."""
    start, end = span
    if measure(text[start:end]) <= window:
        yield span
        return
    words = [match.span() for match in WORD.finditer(text, start, end)]
    done = 0
    while done < len(words):
        begin = words[done][0]
        fitting = _fitting(text, begin, [stop for _, stop in words[done : done + window]], window, measure)
        if fitting:
            yield begin, words[done + fitting - 1][1]
        else:
            yield from _split_word(text, words[done], window, measure)
        done += max(fitting, 1)


def _split_word(text: str, word: Span, window: int, measure: Measure) -> Iterator[Span]:
    begin, end = word
    while begin < end:
        stops = range(begin + 1, min(end, begin + window * LONGEST_TOKEN) + 1)
        stop = begin + max(1, _fitting(text, begin, stops, window, measure))
        yield begin, stop
        begin = stop


def _fitting(text: str, start: int, stops: "range | list[int]", window: int, measure: Measure) -> int:
    """How many of the stops, in order, leave ``text[start:stop]`` within the window."""
    return bisect_right(stops, window, key=lambda stop: measure(text[start:stop]))
