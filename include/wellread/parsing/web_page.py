"""HTML: what a reader of the page sees, without its navigation; tables keep their rows and headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from wellread.documents import Element
from wellread.parsing.causes import UnreadableError
from wellread.parsing.element_mapping import map_elements, rows_of_table
from wellread.parsing.reading import Reading
from wellread.parsing.settings import ParsingSettings
from wellread.parsing.tables import table_element

UNSEEN_TAGS = ("script", "style", "noscript", "template", "svg", "iframe", "object", "select", "button", "textarea")
FURNITURE_TAGS = ("nav", "aside", "footer", "dialog")
FURNITURE_ROLES = frozenset({"navigation", "banner", "contentinfo", "complementary", "search", "dialog", "menu"})
FURNITURE_NAMES = re.compile(
    r"(^|[-_ ])(nav|navbar|navigation|menu|sidebar|breadcrumbs?|cookies?|share|sharing|social|newsletter|subscribe"
    r"|related|recommended|promo|advert|ads?|comments?|footer|masthead|skip-?link|toolbar|pagination|popup|modal)"
    r"($|[-_ ])",
    re.IGNORECASE,
)
HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(px|pt|em|;|$)|opacity\s*:\s*0(\.0+)?\s*(;|$)"
    r"|(left|top|right|text-indent)\s*:\s*-\d{4,}(px|pt)",  # moved out of the window
    re.IGNORECASE,
)
TABLE_PARTS = ("table", "thead", "tbody", "tfoot", "tr", "td", "th")
PLACEHOLDER = re.compile("\uf8f0(\\d+)\uf8f1")
BLOCK_ALIASES = ("form", "figure", "figcaption", "details", "summary", "fieldset", "legend", "nav", "dialog")
"""Unstructured leaves these out with all that is in them; what was to be left out is gone by then."""
PHRASE_ALIASES = ("font", "ins", "del", "acronym", "nobr", "label", "output", "ruby", "rb")
"""Unstructured would end the paragraph at these."""
MAX_DEPTH = 120
"""Unstructured's parser is recursive: deeper pages are flattened instead."""
MIN_HEADING_CHARS = 10
MIN_KEPT_RATIO = 0.25
MIN_MAIN_RATIO = 0.4
MAX_CELL_CHARS = 2_000
MAX_NAMED_RATIO = 0.4


def read_web_page(text: str, settings: ParsingSettings) -> Reading:
    """The main content of a page, or all that is visible where ``html_main_content_only`` is off."""
    return read_html(text, main_content_only=settings.html_main_content_only)


def read_html(text: str, *, main_content_only: bool) -> Reading:
    """The visible content in reading order, with the page's title."""
    root, truncated = _parsed(text)
    title = _title(root)
    body = root if root.tag == "body" else root.find("body")
    body = root if body is None else body
    if truncated:
        return Reading(_streamed(text), title=title, warnings=("nested too deeply: the structure was left out",))
    _drop_unseen(body)
    if _depth(body) > MAX_DEPTH:
        return Reading(_flattened(body), title=title, warnings=("nested too deeply: the structure was left out",))
    elements = _elements(_main_content(body) if main_content_only else body)
    return Reading(elements, title=title)


def _title(root: Any) -> str | None:
    """The page's title, without the site's name where the first heading shows what that is."""
    title = " ".join(root.xpath("string(//title)").split())
    heading = " ".join(root.xpath("string(//h1)").split())
    if len(heading) >= MIN_HEADING_CHARS and title.startswith(heading):
        return heading
    return title or None


def _parsed(text: str) -> tuple[Any, bool]:
    """The tree, and whether libxml2 gave up on its depth."""
    from lxml import etree, html

    parser = html.HTMLParser(
        encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True, no_network=True
    )
    try:
        root = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError as error:
        raise UnreadableError("no_elements", f"an HTML page without content ({error})") from error
    return root, any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log)


def _streamed(text: str) -> list[Element]:
    """The text between the tags, read without building a tree."""
    collector = _TextCollector()
    collector.feed(text)
    return [Element(kind="paragraph", text=piece) for piece in collector.pieces]


class _TextCollector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's name
        self._unseen += tag in UNSEEN_TAGS

    def handle_endtag(self, tag: str) -> None:
        self._unseen = max(0, self._unseen - (tag in UNSEEN_TAGS))

    def handle_data(self, data: str) -> None:
        if not self._unseen and data.strip():
            self.pieces.append(" ".join(data.split()))


def _drop_unseen(body: Any) -> None:
    for node in list(body.iter()):
        if node is body or not isinstance(node.tag, str):
            continue
        if node.tag in UNSEEN_TAGS or _is_hidden(node):
            _remove(node)


def _is_hidden(node: Any) -> bool:
    if node.get("hidden") is not None or (node.tag == "input" and node.get("type") == "hidden"):
        return True
    return bool(HIDDEN_STYLE.search(node.get("style") or ""))


def _remove(node: Any) -> None:
    if node.getparent() is not None:
        node.drop_tree()  # keeps the text that follows the element


def _depth(body: Any) -> int:
    depth, deepest, node = 0, 0, body
    stack = [(node, depth)]
    while stack:
        node, depth = stack.pop()
        deepest = max(deepest, depth)
        stack.extend((child, depth + 1) for child in node)
    return deepest


def _flattened(body: Any) -> list[Element]:
    lines = (" ".join(piece.split()) for piece in body.itertext())
    return [Element(kind="paragraph", text=line) for line in lines if line]


def _main_content(body: Any) -> Any:
    """The body without furniture, or its main part; the whole body where too little would be left."""
    import copy

    total = _text_length(body)
    stripped = copy.deepcopy(body)
    for node in list(stripped.iter()):
        if node is not stripped and isinstance(node.tag, str) and _is_furniture(node, total):
            _remove(node)
    if _text_length(stripped) < MIN_KEPT_RATIO * total:
        return body
    kept = _text_length(stripped)
    for candidate in (*stripped.xpath(".//main|.//*[@role='main']"), *_only(stripped.xpath(".//article"))):
        if _text_length(candidate) >= MIN_MAIN_RATIO * kept:
            return candidate
    return stripped


def _only(found: list[Any]) -> list[Any]:
    return found if len(found) == 1 else []


def _is_furniture(node: Any, total: int) -> bool:
    if node.tag in FURNITURE_TAGS or node.get("role") in FURNITURE_ROLES:
        return True
    if node.tag == "header":
        return not any(parent.tag in {"article", "main", "section"} for parent in node.iterancestors())
    named = FURNITURE_NAMES.search(f"{node.get('class') or ''} {node.get('id') or ''}")
    if named is None or node.tag in {"body", "main", "article", "p", "a", "h1", "h2", "h3"}:
        return False
    return _text_length(node) < MAX_NAMED_RATIO * total


def _text_length(node: Any) -> int:
    return sum(len(piece.strip()) for piece in node.itertext())


def _elements(body: Any) -> list[Element]:
    from lxml import etree
    from unstructured.partition.html import partition_html

    tables = _take_out_tables(body)
    for aliases, tag in ((BLOCK_ALIASES, "div"), (PHRASE_ALIASES, "span")):
        for node in list(body.iter(*aliases)):
            node.tag = tag
    markup = etree.tostring(body, encoding="unicode", method="html", with_tail=False)
    if body.tag != "body":
        markup = f"<body>{markup}</body>"
    found = map_elements(partition_html(text=f"<html>{markup}</html>", languages=[""]))
    return [piece for element in found for piece in _with_tables(element, tables)]


def _take_out_tables(body: Any) -> list[Element]:
    """Puts a mark in the place of each table of data; tables that only lay out the page become blocks."""
    from lxml import html

    tables: list[Element] = []
    for table in list(body.iter("table")):
        if _is_layout(table):
            for part in list(table.iter(*TABLE_PARTS)):
                part.tag = "div"
            continue
        rows = rows_of_table(table)
        element = table_element(rows, header_rows=_header_rows(table))
        parent = table.getparent()
        if element is None or parent is None:
            continue
        mark = html.Element("div")
        mark.text = f"\uf8f0{len(tables)}\uf8f1"
        mark.tail = table.tail
        tables.append(element)
        parent.replace(table, mark)
    return tables


def _is_layout(table: Any) -> bool:
    if table.xpath(".//table|.//h1|.//h2|.//h3|.//pre|.//form"):
        return True
    widths = {len(row.xpath("./td|./th")) for row in table.xpath(".//tr")}
    if max(widths, default=0) < 2 and not table.xpath(".//th"):
        return True
    return any(_text_length(cell) > MAX_CELL_CHARS or len(cell.xpath(".//p")) > 3 for cell in table.iter("td"))


def _header_rows(table: Any) -> int:
    headers = 0
    for row in table.xpath("./tr|./thead/tr|./tbody/tr"):
        if row.getparent().tag != "thead" and (row.find("td") is not None or row.find("th") is None):
            break
        headers += 1
    return headers


def _with_tables(element: Element, tables: list[Element]) -> Iterator[Element]:
    pieces = PLACEHOLDER.split(element.text)
    for index, piece in enumerate(pieces):
        if index % 2:
            yield tables[int(piece)]
        elif piece.strip():
            yield Element(
                kind=element.kind,
                text=piece if len(pieces) == 1 else piece.strip(),
                page=element.page,
                level=element.level,
                header_rows=element.header_rows,
            )
