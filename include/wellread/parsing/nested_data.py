"""JSON, JSON lines and XML: every value with the path that leads to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
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
MIN_FIELDS = 2
MAX_UNIT_CHARS = 30
PROSE_NAMES = frozenset({"p", "para", "li", "item", "head"})
NESTED_ENTITY = re.compile(r"<!ENTITY[^>]{0,500}?[\"'][^\"'>]{0,2000}[&%][\w.-]+;")


def read_json(text: str, settings: ParsingSettings) -> Reading:  # noqa: ARG001 - the readers' common signature
    """Fields ``path: value``; a list of flat records becomes a table, a long text a paragraph of its own."""
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
    """Texts in document order: a paragraph for each element that has text of its own, and one for each record.

    A record is one of several siblings of one name whose children hold short texts and nothing deeper; its
    paragraph names its fields: ``name: Kestrel Summit; altitude (metres): 1684``. Entities are neither expanded
    nor fetched.
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
    elements = [Element(kind="paragraph", text=words) for words in _texts(root)]
    return Reading(elements, title=_xml_title(root), warnings=warnings)


def _xml_title(root: Any) -> str | None:
    """The first title in the document that does not belong to one record of many."""
    for node in root.iter():
        if isinstance(node.tag, str) and _local_name(node) in TITLE_KEYS:
            words = _whole_text(node)
            parent = node.getparent()
            if words and not words.isdigit() and (parent is None or not _is_one_of_many(parent)):
                return words
    return None


def _is_one_of_many(node: Any) -> bool:
    parent = node.getparent()
    return parent is not None and len(parent.findall(node.tag)) > 1


def _texts(root: Any) -> Iterator[str]:
    """The text of each element that has text of its own, markup inside it in its place; and each record's."""
    pending = [root]
    while pending:
        node = pending.pop()
        if _own_text(node):
            yield _whole_text(node)
        elif fields := _fields(node):
            yield join_fields(fields)
        else:
            pending.extend(reversed(_children(node)))


def _children(node: Any) -> list[Any]:
    return [child for child in node if isinstance(child.tag, str)]


def _local_name(node: Any) -> str:
    return str(node.xpath("local-name()")).lower()


def _own_text(node: Any) -> str:
    return "".join(node.xpath("text()")).strip()


def _whole_text(node: Any) -> str:
    return " ".join("".join(node.xpath(".//text()")).split())


def _fields(node: Any) -> list[str]:
    """The fields of a record, or none where the element is none: then its children speak for themselves."""
    children = _children(node)
    texts = {child: " ".join(_own_text(child).split()) for child in children}
    names = {_local_name(child) for child in children}
    is_record = (
        len(names) >= MIN_FIELDS
        and not names & PROSE_NAMES
        and not any(_children(child) for child in children)
        and all(len(text) <= LONG_TEXT_CHARS for text in texts.values())
        and _is_one_of_many(node)
    )
    if not is_record:
        return []
    attributes = [f"{name}: {value}" for name, value in node.attrib.items() if not name.startswith("{")]
    return attributes + [f"{_named(child)}: {text}" for child, text in texts.items() if text]


def _named(node: Any) -> str:
    """``altitude (metres)``: an attribute often says what the number is of."""
    values = [
        value for name, value in node.attrib.items() if not name.startswith("{") and len(value) <= MAX_UNIT_CHARS
    ]
    return f"{_local_name(node)} ({', '.join(values)})" if values else _local_name(node)


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


def join_fields(fields: Sequence[str]) -> str:
    """One line that shows where a field ends, whatever becomes of line breaks."""
    marked = [field if field.endswith((".", "!", "?", ";")) else f"{field};" for field in fields[:-1]]
    return " ".join([*marked, *fields[-1:]])


def _flush(lines: list[str], elements: list[Element]) -> None:
    if lines:
        elements.append(Element(kind="paragraph", text=join_fields(lines)))
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
