"""Word (docx) to text: paragraphs, list items and table rows in the order of the body.

    Heading 1 "Pumps", Normal "Old Margery lifts brine.", List Bullet "goose fat"
    "Pumps\\n\\nOld Margery lifts brine.\\n\\n- goose fat"            sections ((0, "Pumps"),)

python-docx (MIT) reads the file.
"""

import io

from docx import Document as open_document
from docx.opc.exceptions import PackageNotFoundError
from docx.table import Table
from docx.text.paragraph import Paragraph

from tasks.corpus.assembly import DAMAGED_ZIP, Assembly, Extract
from tasks.errors import CorpusError

DAMAGE = (*DAMAGED_ZIP, PackageNotFoundError, KeyError, SyntaxError)  # lxml's errors are SyntaxErrors


def read(data: bytes, name: str) -> Extract:
    """Extract the text of a docx file.

    Raises:
        CorpusError: when it is damaged or not a docx.
    """
    try:
        return _read(io.BytesIO(data))
    except DAMAGE as error:
        raise CorpusError(
            f"{name}: damaged, or not a docx ({error}); open it in a word processor and save it"
        ) from error


def _read(stream: io.BytesIO) -> Extract:
    document = open_document(stream)
    assembly = Assembly()
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            _add_table(block, assembly)
        else:
            _add_paragraph(block, assembly)
    return assembly.extract(document.core_properties.title or "")


def _add_paragraph(paragraph: Paragraph, assembly: Assembly) -> None:
    style = paragraph.style.name if paragraph.style is not None else None
    if (style or "").startswith(("Heading", "Title")):
        assembly.mark(paragraph.text)
    assembly.add(f"- {paragraph.text}" if (style or "").startswith("List") else paragraph.text)


def _add_table(table: Table, assembly: Assembly) -> None:
    for row in table.rows:
        cells = (" ".join(cell.text.split()) for cell in row.cells)
        assembly.add("\t".join(cell for cell in cells if cell))
