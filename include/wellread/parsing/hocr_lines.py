"""The lines of a recognised page, from tesseract's hOCR."""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wellread.parsing.pdf_lines import CELL_GAP_RATIO, Line

PROPERTY = re.compile(r"(\w+)((?: -?[\d.]+)+)")
LINE_CLASSES = ("ocr_line", "ocr_header", "ocr_caption", "ocr_textfloat")
POINTS_PER_INCH = 72
SIZE_STEP_POINTS = 0.5
"""Sizes are measured on pixels: finer steps would make headings of noise."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    box: Box
    """left, top, right, bottom in pixels, downwards."""
    confidence_ratio: float


@dataclass(frozen=True, slots=True)
class RecognisedPage:
    """What was recognised on one page."""

    lines: list[Line]
    word_count: int = 0
    confidence_ratio: float = 0.0
    """Tesseract's own confidence in its words, 0 to 1, the mean over their characters."""

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(line.text for line in self.lines)


def page_of_hocr(markup: bytes, *, page: int, dots_per_inch: float, height: int) -> RecognisedPage:
    """The page's lines in tesseract's reading order; ``height`` of the picture in pixels."""
    from lxml import html

    if not markup.strip():
        return RecognisedPage([])
    root = html.document_fromstring(markup, parser=html.HTMLParser(encoding="utf-8", no_network=True))
    scale = POINTS_PER_INCH / dots_per_inch
    lines: list[Line] = []
    words: list[_Word] = []
    for paragraph in root.xpath("//p[@class='ocr_par']"):
        found = [(node, list(_words(node))) for node in paragraph if node.get("class") in LINE_CLASSES]
        found = [(node, inside) for node, inside in found if inside]
        if not found:
            continue
        size = statistics.median(_size(node) for node, _ in found)
        lines.extend(_line(node, inside, size, page=page, scale=scale, height=height) for node, inside in found)
        words.extend(word for _, inside in found for word in inside)
    chars = sum(len(word.text) for word in words)
    confidence = sum(len(word.text) * word.confidence_ratio for word in words) / chars if chars else 0.0
    return RecognisedPage(lines, len(words), confidence)


def _properties(node: Any) -> dict[str, list[float]]:
    found = PROPERTY.findall(node.get("title", ""))
    return {name: [float(number) for number in numbers.split()] for name, numbers in found}


def _words(line: Any) -> Iterator[_Word]:
    for node in line.iter("span"):
        text = " ".join(node.text_content().split())
        if node.get("class") == "ocrx_word" and text:
            values = _properties(node)
            left, top, right, bottom = values["bbox"]
            yield _Word(text, (left, top, right, bottom), values.get("x_wconf", [0.0])[0] / 100)


def _size(line: Any) -> float:
    values = _properties(line)
    return values["x_size"][0] if "x_size" in values else values["bbox"][3] - values["bbox"][1]


def _line(node: Any, words: list[_Word], size: float, *, page: int, scale: float, height: int) -> Line:
    values = _properties(node)
    left, _, right, lowest = values["bbox"]
    baseline = lowest + values.get("baseline", [0.0, 0.0])[1]
    bottom = (height - baseline - values.get("x_descenders", [0.0])[0]) * scale
    points = max(SIZE_STEP_POINTS, round(size * scale / SIZE_STEP_POINTS) * SIZE_STEP_POINTS)
    cells = _cells(words, CELL_GAP_RATIO * size)
    return Line(
        text=" ".join(cells),
        left=left * scale,
        right=right * scale,
        bottom=bottom,
        top=bottom + points,
        bold=False,
        page=page,
        cells=cells,
    )


def _cells(words: list[_Word], gap: float) -> tuple[str, ...]:
    cells = [words[0].text]
    for before, word in itertools.pairwise(words):
        if word.box[0] - before.box[2] > gap:
            cells.append(word.text)
        else:
            cells[-1] += f" {word.text}"
    return tuple(cells)
