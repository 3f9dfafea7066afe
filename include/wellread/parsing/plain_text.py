"""Plain text: paragraphs, underlined headings, lists; wrapped lines stay lines."""

from __future__ import annotations

import itertools
import re

from wellread.documents import Element, ElementKind
from wellread.parsing.reading import Reading
from wellread.parsing.settings import ParsingSettings

BULLET = re.compile(r"^\s*([-*+•‣◦–]|\(?[0-9]{1,3}[.)]|\(?[a-zA-Z][.)])\s+\S")
BLANK_LINES = re.compile(r"\n[ \t\f\x0b]*\n\s*|\f+")
UNDERLINE = re.compile(r"^([=\-~^*#+])\1{2,}$")
TITLE_FIELD = re.compile(r"^Title:[ \t]*(\S.*)$", re.MULTILINE)
MAX_TITLE_CHARS = 120
MAX_TITLE_WORDS = 16


def read_plain(text: str, settings: ParsingSettings) -> Reading:  # noqa: ARG001 - the readers' common signature
    """Blocks between blank lines; a list is one element an item. The title is a short first line."""
    elements = plain_elements(text)
    return Reading(elements, title=_opening_title(elements))


def plain_elements(text: str) -> list[Element]:
    """The paragraphs and list items of a text."""
    marks: list[str] = []
    elements: list[Element] = []
    for block in BLANK_LINES.split(text):
        lines = [line.rstrip() for line in block.split("\n") if line.strip()]
        if len(lines) > 1 and UNDERLINE.match(lines[1]) and len(lines[1]) >= len(lines[0].strip()) - 1:
            if lines[1][0] not in marks:
                marks.append(lines[1][0])
            level = min(marks.index(lines[1][0]) + 1, 6)
            elements.append(Element(kind="heading", text=lines[0].strip(), level=level))
            lines = lines[2:]
        elements.extend(_elements_of_block(lines))
    return elements


def _elements_of_block(lines: list[str]) -> list[Element]:
    """One paragraph, or the items of a list with their continuation lines."""
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
    field = TITLE_FIELD.search(first)
    if field is not None:
        return field.group(1)
    if "\n" in first or len(first) > MAX_TITLE_CHARS or len(first.split()) > MAX_TITLE_WORDS:
        return None
    return None if first.rstrip().endswith((".", ",", ";", ":")) else first
