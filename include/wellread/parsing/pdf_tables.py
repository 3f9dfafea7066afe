"""Tables in PDFs: rows of cells that stand apart, under one another. Pure functions on lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wellread.documents import Element
from wellread.parsing.pdf_lines import Line
from wellread.parsing.tables import table_element

MIN_ROWS = 3
MAX_ROW_STEP = 3.0
"""Between two rows, in heights of a line; more is a gap that ends the table."""
MAX_LABELS = 2
"""So many lines of one cell in a row may stand between rows: group names, and labels of two lines."""
MAX_CELL_WORDS = 5
"""Of the median row's cells behind the first: prose in two columns has more."""
MAX_WORDS = 9
"""Of any cell behind the first."""
MAX_HEADER_ROWS = 4
MAX_HEADER_LINES = 8.0
"""A header begins at most so many heights of a line above the first row."""
SAME_HEIGHT_RATIO = 0.4
LABEL_WIDTH_RATIO = 0.2
"""A row that begins further right than this share of the table has no label: its first cell is empty."""
AMOUNT = re.compile(r"^[($€£¥+-]*\s*[0-9][0-9.,]*\s*[)%x]*$|^[—–-]+$")
YEAR = re.compile(r"^(19|20)[0-9]{2}$")
SIGN_BEFORE = re.compile(r"^[$€£¥(]+$")
SIGN_AFTER = re.compile(r"^[)%]+$")


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table among the lines of a page."""

    start: int
    """Index of its first line."""
    end: int
    """Exclusive."""
    rows: tuple[tuple[Line, ...], ...]
    """Its lines from top to bottom, those on one height together."""


def find_tables(lines: Sequence[Line]) -> list[FoundTable]:
    """The tables of a page, in order."""
    found: list[FoundTable] = []
    start = 0
    while start < len(lines):
        end = _table_end(lines, start)
        if end is None:
            start += 1
            continue
        body = lines[start:end]
        header = _header_lines(lines[found[-1].end if found else 0 : start], body)
        rows = (*_heights(header), *((line,) for line in body))
        found.append(FoundTable(start - len(header), end, rows))
        start = end
    return found


def table_of(found: FoundTable) -> Element | None:
    """The table as an element, its leading rows without amounts as header."""
    lines = [line for row in found.rows for line in row]
    indent = _indent(lines)
    rows = []
    for row in found.rows:
        cells = _whole_cells([cell for line in row for cell in line.cells or (line.text,)])
        rows.append(["", *cells] if row[0].left > indent else cells)
    header = 0
    while header < min(len(rows), MAX_HEADER_ROWS) and _is_header(rows[header]):
        header += 1
    return table_element(rows, header_rows=header, page=lines[0].page)


def _header_lines(above: Sequence[Line], body: Sequence[Line]) -> Sequence[Line]:
    """The last lines above a table's body that stand over its columns, and group names between them and the body.

    pdfium often gives headers of several lines column by column. Lines alone on their height above all others are
    the table's title, not its header.
    """
    indent, size = _indent(body), body[0].size
    count = 0
    for index, line in enumerate(reversed(above), 1):
        if (
            not 0 < line.bottom - body[0].bottom < MAX_HEADER_LINES * size
            or _widest_cell_words(line) > MAX_CELL_WORDS
        ):
            break
        if line.left > indent:
            count = index
        elif index > MAX_LABELS:
            break
    header = above[len(above) - count :]
    while header and len(header[0].cells) < 2 and not any(_same_height(header[0], other) for other in header[1:]):
        header = header[1:]
    return header


def _heights(lines: Sequence[Line]) -> list[tuple[Line, ...]]:
    """The lines from top to bottom, those on one height together and from left to right."""
    heights: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: -line.bottom):
        if heights and _same_height(heights[-1][0], line):
            heights[-1].append(line)
        else:
            heights.append([line])
    return [tuple(sorted(row, key=lambda line: line.left)) for row in heights]


def _same_height(one: Line, other: Line) -> bool:
    return abs(one.bottom - other.bottom) < SAME_HEIGHT_RATIO * max(one.size, other.size)


def _widest_cell_words(line: Line) -> int:
    return max(len(cell.split()) for cell in line.cells or (line.text,))


def _indent(lines: Sequence[Line]) -> float:
    """What begins further right has no label."""
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    return left + LABEL_WIDTH_RATIO * (right - left)


def _table_end(lines: Sequence[Line], start: int) -> int | None:
    """The end of the table that begins at ``start``, or ``None``. It begins and ends with rows of cells."""
    if not _is_row(lines[start]):
        return None
    end, labels, rows = start + 1, 0, [lines[start]]
    for index in range(start + 1, len(lines)):
        if not _follows(lines[index - 1], lines[index]):
            break
        if _is_row(lines[index]):
            rows.append(lines[index])
            end, labels = index + 1, 0
        elif labels == MAX_LABELS:
            break
        else:
            labels += 1
    return end if len(rows) >= MIN_ROWS and _is_tabular(rows) else None


def _is_row(line: Line) -> bool:
    """Cells, and not a number in the margin with the paragraph that it counts."""
    return len(line.cells) >= 2 and all(len(cell.split()) <= MAX_WORDS for cell in line.cells[1:])


def _follows(last: Line, line: Line) -> bool:
    step = last.bottom - line.bottom
    return 0 < step <= MAX_ROW_STEP * max(last.size, line.size)


def _is_tabular(rows: Sequence[Line]) -> bool:
    words = sorted(len(cell.split()) for row in rows for cell in row.cells[1:])
    cells = [cell for row in rows for cell in _whole_cells(row.cells)[1:]]
    amounts = sum(1 for cell in cells if AMOUNT.match(cell))
    return words[len(words) // 2] <= MAX_CELL_WORDS and 2 * amounts >= len(cells)


def _whole_cells(cells: Sequence[str]) -> list[str]:
    """The cells, with currency signs and closing brackets put to the amounts that they belong to."""
    whole: list[str] = []
    sign = ""
    for cell in cells:
        text = f"{sign}{cell}"
        parts = text.rsplit(" ", 1)
        sign = ""
        if SIGN_BEFORE.match(parts[-1]) and cell is not cells[-1]:
            sign = f"{parts[-1]} "
            text = parts[0] if len(parts) == 2 else ""
        if whole and SIGN_AFTER.match(text):
            whole[-1] += text
        elif text:
            whole.append(text)
    return whole


def _is_header(row: Sequence[str]) -> bool:
    cells = [cell for cell in row[1:] if cell]
    return bool(cells) and all(YEAR.match(cell) or not AMOUNT.match(cell) for cell in cells)
