"""From the lines of pages to paragraphs, headings and running headers: pure functions."""

from __future__ import annotations

import itertools
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from wellread.documents import Element
from wellread.parsing.pdf_lines import Line
from wellread.parsing.pdf_tables import find_tables, table_of

EDGE_LINES = 4
MIN_FURNITURE_PAGES = 3
MAX_PITCH_RATIO = 1.35
MAX_SIZE_RATIO = 1.15
HEADING_SIZE_RATIO = 1.12
MAX_HEADING_WORDS = 18
MAX_DISORDER_RATIO = 0.3
SHORT_LINE_RATIO = 0.12
MAX_LEVELS = 6
COLUMN_POINTS = 24
MAX_CENTRED_POINTS = 330
"""Full lines of a page are wider: 6.5 inches are 468 points."""
ITEM_START = re.compile(r"^([•●▪◦‣–—*·]\s|\(?[0-9]{1,3}(\.[0-9]{1,3})*[.)]\s|\(?[a-zA-Z][.)]\s|\([ivxlc]{1,5}\)\s)")
BULLET_START = re.compile(r"^[•●▪◦‣*·]\s")
SENTENCE_END = re.compile(r"[.!?:;][\"'”’)\]]*$")
DIGITS = re.compile(r"[0-9]+|\b[ivxl]{1,6}\b")


def find_furniture(pages: Sequence[Sequence[Line]], *, page_ratio: float) -> frozenset[Line]:
    """Lines at the head or foot of their page that stand on at least ``page_ratio`` of all pages.

    Numbers count as equal, so that "Page 3 of 9" repeats. Fewer than three pages have no furniture.
    """
    if len(pages) < MIN_FURNITURE_PAGES:
        return frozenset()
    edges = [_edge_lines(lines) for lines in pages]
    counts = Counter(shape for lines in edges for shape in {_shape(line) for line in lines})
    needed = max(MIN_FURNITURE_PAGES, page_ratio * len(pages))
    return frozenset(line for lines in edges for line in lines if counts[_shape(line)] >= needed)


def _edge_lines(lines: Sequence[Line]) -> list[Line]:
    by_height = sorted(lines, key=lambda line: -line.bottom)
    return by_height if len(lines) <= 2 * EDGE_LINES else by_height[:EDGE_LINES] + by_height[-EDGE_LINES:]


def _shape(line: Line) -> str:
    return DIGITS.sub("#", " ".join(line.text.lower().split()))


def reading_order(lines: Sequence[Line]) -> list[Line]:
    """The lines as a person reads them: the page's own order, unless it often jumps upwards in a column."""
    if len(lines) < 3:
        return list(lines)
    jumps = sum(1 for a, b in itertools.pairwise(lines) if b.bottom > a.top and _overlap(a, b))
    if jumps / len(lines) <= MAX_DISORDER_RATIO:
        return list(lines)
    gutter = _gutter(lines)
    return sorted(lines, key=lambda line: (gutter is not None and line.left >= gutter, -line.bottom, line.left))


def _overlap(one: Line, other: Line) -> bool:
    return min(one.right, other.right) > max(one.left, other.left)


def _gutter(lines: Sequence[Line]) -> float | None:
    """Where a right column begins, if hardly a line crosses the middle of the page."""
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    middle = (left + right) / 2
    crossing = sum(1 for line in lines if line.left < middle - 10 and line.right > middle + 10)
    return middle - 10 if crossing <= 0.1 * len(lines) else None


def page_elements(pages: Sequence[Sequence[Line]], *, page_ratio: float) -> list[Element]:
    """The elements of all pages, running headers and footers told apart (see ``find_furniture``)."""
    furniture = find_furniture(pages, page_ratio=page_ratio)
    if all(line in furniture for lines in pages for line in lines):
        furniture = frozenset()  # slides or forms that are all alike: nothing would be left
    return body_elements(pages, furniture)


def body_elements(pages: Sequence[Sequence[Line]], furniture: frozenset[Line]) -> list[Element]:
    """Paragraphs, list items and headings of all pages, each page's furniture after its body."""
    bodies = [merge_fragments(reading_order([x for x in lines if x not in furniture])) for lines in pages]
    body_size = _body_size(bodies)
    pitch = _usual_pitch(bodies)
    levels = _heading_sizes(bodies, body_size)
    elements: list[Element] = []
    carried: list[Line] = []
    for lines, body in zip(pages, bodies, strict=True):
        for block in _blocks(body, pitch):
            if isinstance(block, Element):
                elements.extend(_element(part, body_size, levels) for part in (carried,) if part)
                elements.append(block)
                carried = []
            elif carried and block[0].page > carried[-1].page and _goes_on(carried, block):
                carried = carried + block
            else:
                elements.extend(_element(part, body_size, levels) for part in (carried,) if part)
                carried = block
        elements.extend(
            Element(kind="page_furniture", text=line.text, page=line.page) for line in lines if line in furniture
        )
    if carried:
        elements.append(_element(carried, body_size, levels))
    return elements


def _blocks(body: Sequence[Line], pitch: float) -> Iterator[list[Line] | Element]:
    """Paragraphs and tables of a page, in order."""
    done = 0
    for found in find_tables(body):
        table = table_of(found)
        if table is not None:
            yield from _paragraphs(body[done : found.start], pitch)
            yield table
            done = found.end
    yield from _paragraphs(body[done:], pitch)


def _goes_on(before: list[Line], after: list[Line]) -> bool:
    return not SENTENCE_END.search(before[-1].text) and after[0].text[:1].islower()


def merge_fragments(lines: Sequence[Line]) -> list[Line]:
    """Pieces of one line put together: raised numbers and changes of the font end a line for pdfium."""
    merged: list[Line] = []
    for line in lines:
        last = merged[-1] if merged else None
        if last is None or not _continues(last, line):
            merged.append(line)
            continue
        glue = "" if line.left - last.right < 0.15 * last.size else " "
        cells = (
            (*last.cells[:-1], f"{last.cells[-1]}{glue}{line.cells[0]}", *line.cells[1:])
            if last.cells and line.cells
            else ()
        )
        main = last if len(last.text) >= len(line.text) else line
        merged[-1] = replace(main, text=last.text + glue + line.text, left=last.left, right=line.right, cells=cells)
    return merged


def _continues(last: Line, line: Line) -> bool:
    gap = line.left - last.right
    shared = min(last.top, line.top) - max(last.bottom, line.bottom)
    size = max(last.size, line.size)
    return -0.2 * size < gap < 1.5 * size and shared > 0.5 * min(last.size, line.size) and line.left > last.left


def _paragraphs(lines: Sequence[Line], pitch: float) -> list[list[Line]]:
    if not lines:
        return []
    edges = _right_edges(lines)
    paragraphs = [[lines[0]]]
    for line in lines[1:]:
        edge = max(edges[_column(paragraphs[-1][-1])], edges[_column(line)])
        if _same_paragraph(paragraphs[-1], line, pitch, edge):
            paragraphs[-1].append(line)
        else:
            paragraphs.append([line])
    return paragraphs


def _same_paragraph(paragraph: list[Line], line: Line, pitch: float, right_edge: float) -> bool:
    last = paragraph[-1]
    step = last.bottom - line.bottom
    if abs(step) < 0.3 * last.size:
        return line.left >= last.right  # the same baseline: the next cell of a row
    if step < 0 or step > MAX_PITCH_RATIO * max(pitch, min(last.size, line.size)):
        return False
    if max(last.size, line.size) > MAX_SIZE_RATIO * max(min(last.size, line.size), 0.1) or last.bold != line.bold:
        return False
    if ITEM_START.match(line.text) and (SENTENCE_END.search(last.text) or BULLET_START.match(line.text)):
        return False
    return last.text.endswith("-") or _both_centred(last, line) or not _ended_early(last, line, right_edge)


def _both_centred(last: Line, line: Line) -> bool:
    """Short lines under one another about one axis, such as a title of two lines."""
    widths = (last.right - last.left, line.right - line.left)
    axis = abs((last.left + last.right) - (line.left + line.right)) / 2
    return axis < 2.0 and max(widths) < MAX_CENTRED_POINTS and abs(last.left - line.left) > 2.0


def _ended_early(last: Line, line: Line, right_edge: float) -> bool:
    """Whether the next line's first word would have fitted behind the last one: then the break was meant."""
    room = right_edge - last.right
    char_width = (line.right - line.left) / max(1, len(line.text))
    first_word = line.text.split(maxsplit=1)[0]
    needed = (len(first_word) + 2) * char_width
    margin = SHORT_LINE_RATIO * (right_edge - min(last.left, line.left))
    return room > max(needed, margin)


def _column(line: Line) -> int:
    return round(line.left / COLUMN_POINTS)


def _right_edges(lines: Sequence[Line]) -> dict[int, float]:
    """For lines that begin at about the same place, where nearly all of them end at the latest."""
    rights: dict[int, list[float]] = defaultdict(list)
    for line in lines:
        for column in (_column(line) - 1, _column(line), _column(line) + 1):
            rights[column].append(line.right)
    return {column: sorted(found)[int(0.9 * (len(found) - 1))] for column, found in rights.items()}


def _usual_pitch(bodies: Sequence[Sequence[Line]]) -> float:
    steps = [
        a.bottom - b.bottom
        for body in bodies
        for a, b in itertools.pairwise(body)
        if 0.5 * a.size < a.bottom - b.bottom < 4 * a.size
    ]
    return statistics.median_low(steps) if steps else 0.0


def _body_size(bodies: Sequence[Sequence[Line]]) -> float:
    weights: Counter[float] = Counter()
    for body in bodies:
        for line in body:
            weights[round(line.size, 1)] += len(line.text)
    return weights.most_common(1)[0][0] if weights else 0.0


def _heading_sizes(bodies: Sequence[Sequence[Line]], body_size: float) -> list[float]:
    sizes = {
        float(round(line.size)) for body in bodies for line in body if line.size > HEADING_SIZE_RATIO * body_size
    }
    return sorted(sizes, reverse=True)[: MAX_LEVELS - 1]


def _element(paragraph: list[Line], body_size: float, levels: list[float]) -> Element:
    text = join_lines([line.text for line in paragraph])
    page = paragraph[0].page
    level = _level(paragraph, text, body_size, levels)
    if level is not None:
        return Element(kind="heading", text=text, page=page, level=level)
    return Element(kind="list_item" if BULLET_START.match(text) else "paragraph", text=text, page=page)


def _level(paragraph: list[Line], text: str, body_size: float, levels: list[float]) -> int | None:
    if (
        len(paragraph) > 3
        or len(text.split()) > MAX_HEADING_WORDS
        or "@" in text
        or not any(map(str.isalpha, text))
    ):
        return None
    size = max(line.size for line in paragraph)
    if size > HEADING_SIZE_RATIO * body_size and not text.endswith((".", ",", ";")):
        return next((index for index, known in enumerate(levels, 1) if size >= known - 0.5), len(levels) + 1)
    if all(line.bold for line in paragraph) and len(text) > 2 and not text.endswith((",", ";")):
        return len(levels) + 1
    return None


def join_lines(lines: Sequence[str]) -> str:
    """One paragraph: lines joined by a space, but by a line break after a hyphen, which cleaning may mend."""
    joined = ""
    for line in lines:
        if joined:
            joined += "\n" if joined.endswith(("-", "\u00ad")) else " "
        joined += line
    return joined
