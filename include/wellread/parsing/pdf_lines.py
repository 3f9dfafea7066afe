"""The lines of a PDF page as pdfium sees them, with where they stand."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import Any

LINE_END = re.compile(r"\r\n|\r|\n|(?<=[\x02\ufffe])")
HYPHENS = str.maketrans({"\x02": "-", "\ufffe": "-", "\0": None})
FONT_NAME_BYTES = 128
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
    import pypdfium2.raw as pdfium

    raw = text_page.raw
    first_char = max(0, pdfium.FPDFText_GetCharIndexFromTextIndex(raw, first))
    last_char = max(first_char, pdfium.FPDFText_GetCharIndexFromTextIndex(raw, last))
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
    )


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
