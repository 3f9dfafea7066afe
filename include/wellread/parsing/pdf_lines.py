"""The lines of a PDF page as pdfium sees them, with where they stand."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import Any

LINE_END = re.compile(r"\r\n|\r|\n|(?<=[\x02\ufffe])")
HYPHENS = str.maketrans({"\x02": "-", "\ufffe": "-", "\0": None})
SPACES = re.compile(r" +")
FONT_NAME_BYTES = 128
CELL_GAP_RATIO = 1.5
"""Words further apart than this many heights of the line are cells of a row; justified prose stays below one."""
BOLD = re.compile(rb"bold|black|heavy|semibold|demi", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text; coordinates in points, the origin at the lower left of the page."""

    text: str
    left: float
    right: float
    bottom: float
    top: float
    bold: bool
    page: int
    """1-based."""
    cells: tuple[str, ...] = ()
    """The parts of ``text`` that stand apart; one for most lines."""

    @property
    def size(self) -> float:
        """The height of the font's box in points."""
        return self.top - self.bottom


def page_lines(page: Any, number: int) -> list[Line]:
    """The lines of one page in the order of its content, hyphens at line ends as ``-``."""
    text_page = page.get_textpage()
    try:
        text = text_page.get_text_range()
        lines, start = [], 0
        for end_of_line in (*LINE_END.finditer(text), None):
            end = end_of_line.start() if end_of_line is not None else len(text)
            raw = text[start:end]
            if raw.strip():
                first = start + len(raw) - len(raw.lstrip())
                last = start + len(raw.rstrip()) - 1
                lines.append(_line(text_page, raw.strip().translate(HYPHENS), first, last, number))
            start = end_of_line.end() if end_of_line is not None else end
    finally:
        text_page.close()
    return lines


def _line(text_page: Any, text: str, first: int, last: int, number: int) -> Line:
    raw = text_page.raw
    first_char, last_char = _char_index(raw, first), _char_index(raw, last)
    left, bottom, right, top = _box(raw, first_char)
    end_left, end_bottom, end_right, end_top = _box(raw, last_char)
    return Line(
        text=text,
        left=min(left, end_left),
        right=max(right, end_right),
        bottom=min(bottom, end_bottom),
        top=max(top, end_top) if abs(end_bottom - bottom) < top - bottom else top,
        bold=_is_bold(raw, first_char) and _is_bold(raw, last_char),
        page=number,
        cells=_cells(raw, text, first, CELL_GAP_RATIO * (top - bottom)),
    )


def _cells(raw: Any, text: str, first: int, gap: float) -> tuple[str, ...]:
    """The line cut at its wide spaces; ``gap`` in points. ``text`` begins at the page's character ``first``."""
    cells, start = [], 0
    for space in SPACES.finditer(text):
        before = _box(raw, _char_index(raw, first + space.start() - 1))
        after = _box(raw, _char_index(raw, first + space.end()))
        if after[0] - before[2] > gap:
            cells.append(text[start : space.start()])
            start = space.end()
    return (*cells, text[start:])


def _char_index(raw: Any, text_index: int) -> int:
    import pypdfium2.raw as pdfium

    return max(0, int(pdfium.FPDFText_GetCharIndexFromTextIndex(raw, text_index)))


def _box(raw: Any, index: int) -> tuple[float, float, float, float]:
    import pypdfium2.raw as pdfium

    rectangle = pdfium.FS_RECTF()
    if not pdfium.FPDFText_GetLooseCharBox(raw, index, rectangle):
        return 0.0, 0.0, 0.0, 0.0
    return rectangle.left, rectangle.bottom, rectangle.right, rectangle.top


def _is_bold(raw: Any, index: int) -> bool:
    import pypdfium2.raw as pdfium

    name, flags = ctypes.create_string_buffer(FONT_NAME_BYTES), ctypes.c_int()
    pdfium.FPDFText_GetFontInfo(raw, index, name, FONT_NAME_BYTES, flags)
    return bool(BOLD.search(name.value))
