"""Unstructured's elements as Wellread's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wellread.documents import Element, ElementKind
from wellread.parsing.tables import table_element

KINDS: dict[str, ElementKind] = {
    "ListItem": "list_item",
    "CodeSnippet": "code",
    "FigureCaption": "caption",
    "Header": "page_furniture",
    "Footer": "page_furniture",
    "PageNumber": "page_furniture",
}
DROPPED = frozenset({"PageBreak", "Image"})
MAX_LEVEL = 6


def map_elements(found: Iterable[Any]) -> list[Element]:
    """Elements with text, in the same order; only what has a depth is a heading."""
    mapped = []
    for item in found:
        element = _mapped(item)
        if element is not None and element.text.strip():
            mapped.append(element)
    return mapped


def _mapped(item: Any) -> Element | None:
    category, metadata = item.category, item.metadata
    text, page = str(item.text), metadata.page_number
    if category in DROPPED:
        return None
    if category == "Table":
        rows = rows_of_html(metadata.text_as_html) if metadata.text_as_html else [[text]]
        return table_element(rows, header_rows=1 if len(rows) > 1 else 0, page=page)
    if category == "Title" and metadata.category_depth is not None:
        level = min(int(metadata.category_depth) + 1, MAX_LEVEL)
        return Element(kind="heading", text=text, page=page, level=level)
    return Element(kind=KINDS.get(category, "paragraph"), text=text, page=page)


def rows_of_html(markup: str) -> list[list[str]]:
    """The cells of an HTML table, row by row; tables inside cells become text of their cell."""
    from lxml import html

    table = html.fragment_fromstring(markup)
    return rows_of_table(table)


def rows_of_table(table: Any) -> list[list[str]]:
    """The texts of the cells of an lxml ``table`` element."""
    return [
        [" ".join(" ".join(cell.itertext()).split()) for cell in row.xpath("./td|./th")]
        for row in table.xpath("./tr|./thead/tr|./tbody/tr|./tfoot/tr")
    ]
