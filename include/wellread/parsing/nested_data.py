"""JSON, JSON lines and XML: every value with the path that leads to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from wellread.documents import Element
from wellread.parsing.causes import UnreadableError
from wellread.parsing.reading import Reading
from wellread.parsing.settings import ParsingSettings
from wellread.parsing.tables import table_element

TITLE_KEYS = ("title", "name", "headline", "subject")
LINES_PER_ELEMENT = 40
LONG_TEXT_CHARS = 300
MAX_DEPTH = 200
NESTED_ENTITY = re.compile(r"<!ENTITY[^>]{0,500}?[\"'][^\"'>]{0,2000}[&%][\w.-]+;")


def read_json(text: str, settings: ParsingSettings) -> Reading:  # noqa: ARG001 - the readers' common signature
    """Lines ``path: value``; a list of flat records becomes a table, a long text a paragraph of its own."""
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise UnreadableError("corrupt", "nested deeper than any reader follows") from error
    return Reading(_elements_of(value), title=_title_of(value))


def read_json_lines(text: str, settings: ParsingSettings) -> Reading:  # noqa: ARG001 - the readers' common signature
    """Each line's value, as a record of one list."""
    records = [json.loads(line) for line in text.splitlines() if line.strip()]
    return Reading(_elements_of(records))


def read_xml(text: str, settings: ParsingSettings) -> Reading:  # noqa: ARG001 - the readers' common signature
    """Texts in document order, one paragraph for each element that has text of its own.

    Entities are neither expanded nor fetched.
    """
    from lxml import etree

    if NESTED_ENTITY.search(text[:100_000]):
        raise UnreadableError("malicious", "entities that are made of entities")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        recover=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    start = text.find("?>") + 2 if text.lstrip().startswith("<?xml") else 0
    root = etree.fromstring(text[start:].strip().encode("utf-8", "replace"), parser)
    if root is None:
        raise UnreadableError("corrupt", "no XML element can be read")
    warnings = ("the XML is broken; what could be read was kept",) if parser.error_log else ()
    elements = []
    title = None
    for name, words in _texts(root):
        if name in TITLE_KEYS and title is None and not words.isdigit():
            title = words
        elements.append(Element(kind="paragraph", text=words))
    return Reading(elements, title=title, warnings=warnings)


def _texts(root: Any) -> Iterator[tuple[str, str]]:
    """The local name and text of each element that has text of its own; markup inside it stays in its place."""
    pending = [root]
    while pending:
        node = pending.pop()
        own = "".join(node.xpath("text()")).strip()
        if own:
            yield str(node.xpath("local-name()")).lower(), " ".join("".join(node.xpath(".//text()")).split())
        else:
            pending.extend(child for child in reversed(node) if isinstance(child.tag, str))


def _elements_of(value: object) -> list[Element]:
    table = _record_table(value)
    if table is not None:
        return [table]
    elements: list[Element] = []
    lines: list[str] = []
    for path, leaf in _leaves(value, "", 0):
        if len(leaf) > LONG_TEXT_CHARS:
            _flush(lines, elements)
            elements.append(Element(kind="paragraph", text=f"{path}: {leaf}" if path else leaf))
        else:
            lines.append(f"{path}: {leaf}" if path else leaf)
        if len(lines) >= LINES_PER_ELEMENT:
            _flush(lines, elements)
    _flush(lines, elements)
    return elements


def _flush(lines: list[str], elements: list[Element]) -> None:
    if lines:
        elements.append(Element(kind="paragraph", text="\n".join(lines)))
        lines.clear()


def _leaves(value: object, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH:
        raise UnreadableError("corrupt", f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _leaves(child, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list) and value:
        for child in value:
            yield from _leaves(child, path, depth + 1)
    else:
        yield path, value if isinstance(value, str) and value.strip() else json.dumps(value, ensure_ascii=False)


def _record_table(value: object) -> Element | None:
    if not isinstance(value, list) or len(value) < 2 or not all(isinstance(record, dict) for record in value):
        return None
    columns = list(dict.fromkeys(str(key) for record in value for key in record))
    cells = [[record.get(column, "") for column in columns] for record in value]
    if any(isinstance(cell, dict | list) or len(str(cell)) > LONG_TEXT_CHARS for row in cells for cell in row):
        return None
    rows = [
        [cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False) for cell in row] for row in cells
    ]
    return table_element([columns, *rows], header_rows=1)


def _title_of(value: object) -> str | None:
    if isinstance(value, dict):
        for key in TITLE_KEYS:
            if isinstance(value.get(key), str):
                return str(value[key])
    return None
