"""Documents turn into the reader table: ``python -m bench.readers FILE_OR_FOLDER …``, a row a document.

    | policy.pdf | 894 KB | 12.1 s | 480,123 | 164 pages | 4,411 | 312: 300 page header, 12 contents | 400 of 400 |

The last column traces facts back: the sentence is cut from the text by its offsets, its section is looked up, and the
section is asked for it again: a PDF's page by extracting that page alone, an EPUB's chapter by the member of the book
that holds its heading, any other by the heading being the last one above. ``--like FILE`` also says how many of that
text's sentences each document holds, word for word, whatever the line ends: the same book in two formats.
"""

import io
import time
import zipfile
from pathlib import Path

import click
from pypdf import PdfReader

from tasks.corpus.cleaning import boilerplate
from tasks.corpus.from_html import decode, parse
from tasks.corpus.readers import read_corpus
from tasks.corpus.sentences import split_sentences
from tasks.generation.facts import build_ledger, is_prose
from tasks.records import Document

TRACED = 400
"""Sentences, from the middle of the text on, of which facts are read and traced."""
FEWEST_WORDS = 6


def words(text: str) -> str:
    """Letters and digits only: what line ends, hyphens and typography leave alone."""
    return "".join(filter(str.isalnum, text)).casefold()


class Sections:
    """Answers whether a section of the file itself holds a sentence."""

    def __init__(self, path: Path) -> None:
        self.pages: list[str] = []
        self.members: list[tuple[str, str]] = []
        if path.suffix == ".pdf":
            self.pages = [words(page.extract_text()) for page in PdfReader(path).pages]
        elif path.suffix == ".epub":
            with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as book:
                found = [parse(decode(book.read(name), name)) for name in book.namelist() if name.endswith("html")]
            for page in found:
                headings = " | ".join(words(node.text()) for node in page.css("h1, h2, h3, h4, h5, h6"))
                self.members.append((headings, words(page.body.text() if page.body else "")))

    def hold(self, label: str, sentence: str, document: Document, start: int) -> bool:
        """Whether the section of that label holds a sentence; of a page, at least its beginning."""
        if self.pages:
            number = int(label.removeprefix("page "))
            beginning = words(" ".join(sentence.split()[: FEWEST_WORDS // 2]))
            return beginning in self.pages[number - 1]
        if self.members:
            return any(words(label) in headings and words(sentence) in text for headings, text in self.members)
        mark = max(offset for offset, _ in document.sections if offset <= start)
        return words(document.text[mark : mark + 2 * len(label) + 40]).startswith(words(label)[:20])


def traced(path: Path, document: Document, prose: list[tuple[int, int]]) -> tuple[int, int, str]:
    """Of the facts of some sentences: how many lead to the section that holds them, how many there are; an example."""
    middle = prose[len(prose) // 2 :][:TRACED]
    sections = Sections(path)
    right, total, example = 0, 0, ""
    spans = {span: span for span in middle}
    for reading in build_ledger(document, middle):
        label = document.section_at(reading.fact.start)
        sentence = next((s for s in spans if s[0] <= reading.fact.start < s[1]), None)
        if not label or sentence is None:
            total += 1
            continue
        total += 1
        right += sections.hold(label, document.text[slice(*sentence)], document, reading.fact.start)
        example = example or f"{label}: {' '.join(reading.fact.statement.split()[:12])}"
    return right, total, example


def row(path: Path, reference: list[str]) -> str:
    """One row of the table."""
    started = time.monotonic()
    documents = read_corpus(path)
    seconds = time.monotonic() - started
    size = sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")))
    characters = sum(len(document.text) for document in documents)
    marks = sum(len(document.sections) for document in documents)
    kinds: dict[str, int] = {}
    sentences = right = total = 0
    for document in documents:
        spans = split_sentences(document.text)
        passed = boilerplate(document.text, spans)
        for span in passed:
            kinds[span.kind] = kinds.get(span.kind, 0) + 1
        skipped = {(span.start, span.end) for span in passed}
        sentences += len(spans)
        prose = [span for span in spans if span not in skipped and is_prose(document.text[slice(*span)])]
        if len(documents) == 1:
            right, total, example = traced(path, document, prose)
            click.echo(f"  {path.name} -> {example}", err=True)
    reasons = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items(), key=lambda item: -item[1]))
    text = words("\n".join(document.text for document in documents))
    alike = f"{sum(sentence in text for sentence in reference) / len(reference):.1%}" if reference else "-"
    traces = f"{right:,} of {total:,}" if total else "-"
    return (
        f"| {path.name} | {size / 1000:,.0f} | {seconds:.1f} | {characters:,} | {marks:,} | {sentences:,} | "
        f"{reasons or 'none'} | {traces} | {alike} |"
    )


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--like", type=click.Path(path_type=Path, exists=True))
def main(paths: tuple[Path, ...], like: Path | None) -> None:
    """Print the table."""
    reference: list[str] = []
    if like is not None:
        [document] = read_corpus(like)
        spans = split_sentences(document.text)
        skipped = {(span.start, span.end) for span in boilerplate(document.text, spans)}
        bodies = [document.text[slice(*span)] for span in spans if span not in skipped]
        reference = [words(body) for body in bodies if is_prose(body) and len(body.split()) >= FEWEST_WORDS]
    click.echo("| document | KB | s | characters | sections | sentences | passed over | facts traced | of the txt |")
    click.echo("|---|---|---|---|---|---|---|---|---|")
    for path in paths:
        click.echo(row(path, reference))


if __name__ == "__main__":
    main()
