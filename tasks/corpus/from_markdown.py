"""Markdown to text: rendered by markdown-it-py (MIT), then read like any HTML.

    "---\\ntitle: Works\\n---\\n# Pumps\\n\\nOld *Margery* lifts\\nbrine."
    "Pumps\\n\\nOld Margery lifts brine."                            sections ((0, "Pumps"),)

Front matter is metadata: its title is kept, the rest of it is not text.
"""

import re

from markdown_it import MarkdownIt

from tasks.corpus.assembly import Assembly, Extract
from tasks.corpus.from_html import add_page, parse
from tasks.corpus.from_text import decode

FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.M | re.S)
TITLE_FIELD = re.compile(r"^title:[ \t]*['\"]?(.+?)['\"]?\s*$", re.M)


def read(data: bytes, name: str) -> Extract:
    """Extract the text of a Markdown file (CommonMark with tables); front matter is metadata, not text.

    Raises:
        CorpusError: when the bytes are neither UTF-8 nor UTF-16 with a byte-order mark.
    """
    source = decode(data, name)
    front = FRONT_MATTER.match(source)
    title = TITLE_FIELD.search(front.group(1)) if front else None
    html = MarkdownIt("commonmark").enable("table").render(source[front.end() :] if front else source)
    assembly = Assembly()
    add_page(parse(html), assembly)
    return assembly.extract(title.group(1) if title else "")
