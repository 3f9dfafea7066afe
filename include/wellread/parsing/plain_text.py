"""Plain text: paragraphs, underlined headings, lists; wrapped lines stay lines."""

from __future__ import annotations

import itertools
import re

from wellread.documents import Element, ElementKind
from wellread.parsing.reading import Reading
from wellread.parsing.settings import ParsingSettings

BULLET = re.compile(r"^\s*([-*+•‣◦–]|\(?[0-9]{1,3}[.)]|\(?[a-zA-Z][.)])\s+\S")
BLANK_LINES = re.compile(r"\n[ \t\f\x0b]*\n\s*|\f+")
MAX_TITLE_CHARS = 120
MAX_TITLE_WORDS = 16


def read_plain(text: str, settings: ParsingSettings) -> Reading:  # noqa: ARG001 - the readers' common signature
    """Blocks between blank lines; a list is one element an item. The title is a short first line."""
    elements = plain_elements(text)
    return Reading(elements, title=_opening_title(elements))


def plain_elements(text: str) -> list[Element]:
    """The paragraphs and list items of a text."""
    return [element for block in BLANK_LINES.split(text) for element in _elements_of_block(block.strip("\n"))]


def _elements_of_block(block: str) -> list[Element]:
    """One paragraph, or the items of a list with their continuation lines."""
    lines = [line.rstrip() for line in block.split("\n") if line.strip()]
    if not lines:
        return []
    starts = [index for index, line in enumerate(lines) if BULLET.match(line)]
    if len(starts) < 2 or starts[0] > 1:
        return [Element(kind="paragraph", text="\n".join(line.strip() for line in lines))]
    bounds = sorted({0, *starts, len(lines)})
    items = []
    for start, end in itertools.pairwise(bounds):
        kind: ElementKind = "list_item" if start in starts else "paragraph"
        items.append(Element(kind=kind, text="\n".join(line.strip() for line in lines[start:end])))
    return items


def _opening_title(elements: list[Element]) -> str | None:
    if len(elements) < 2:
        return None
    first = elements[0].text
    if "\n" in first or len(first) > MAX_TITLE_CHARS or len(first.split()) > MAX_TITLE_WORDS:
        return None
    return None if first.rstrip().endswith((".", ",", ";", ":")) else first
