"""Which pages of a PDF are pictures of text, and what they look like to a recognizer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from wellread.parsing.pdf_lines import Line
from wellread.parsing.text_decoding import looks_like_text
from wellread.parsing.text_recognition import TextRecognizer

POINTS_PER_INCH = 72
MAX_RENDERED_PIXELS = 30_000_000
"""A3 at 300 dots has 17 million; larger pages are rendered with fewer dots."""
FEW_CHARS = 200
"""A stamp, a page number, a running title: a page of text has ten times as many."""


def recognised_or_given(page: Any, lines: list[Line], number: int, recognizer: TextRecognizer) -> list[Line]:
    """A picture page's recognised lines where they say more than its own ones."""
    dots_per_inch = _affordable_dots(page, recognizer.settings.dots_per_inch)
    bitmap = page.render(scale=dots_per_inch / POINTS_PER_INCH, grayscale=True)
    try:
        found = recognizer.read(bitmap.to_pil(), page=number, dots_per_inch=dots_per_inch)
    finally:
        bitmap.close()
    return found if _char_count(found) > (_char_count(lines) if _is_readable(lines) else 0) else lines


def is_picture(page: Any, lines: Sequence[Line], *, least_ratio: float) -> bool:
    """Whether the page has something to see and no text, or little text and mostly a picture."""
    if not _is_readable(lines):
        return next(page.get_objects(max_depth=1), None) is not None
    return _char_count(lines) < FEW_CHARS and _picture_ratio(page) >= least_ratio


def _is_readable(lines: Sequence[Line]) -> bool:
    text = "\n".join(line.text for line in lines)
    return any(char.isalnum() for char in text) and looks_like_text(text)


def _char_count(lines: Sequence[Line]) -> int:
    return sum(char.isalnum() for line in lines for char in line.text)


def _picture_ratio(page: Any) -> float:
    """The share of the page that its largest picture covers."""
    import pypdfium2.raw as pdfium

    width, height = page.get_size()
    largest = 0.0
    for item in page.get_objects(filter=(pdfium.FPDF_PAGEOBJ_IMAGE,), max_depth=1):
        left, bottom, right, top = item.get_bounds()
        shown_width = min(right, width) - max(left, 0)
        shown_height = min(top, height) - max(bottom, 0)
        largest = max(largest, max(0.0, shown_width) * max(0.0, shown_height))
    return largest / (width * height) if width and height else 0.0


def _affordable_dots(page: Any, dots_per_inch: int) -> float:
    width, height = page.get_size()
    pixels = width * height * (dots_per_inch / POINTS_PER_INCH) ** 2
    return dots_per_inch * min(1.0, math.sqrt(MAX_RENDERED_PIXELS / pixels)) if pixels else float(dots_per_inch)
