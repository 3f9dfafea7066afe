"""Pictures of text: png, jpg, tiff with all its pages, bmp, webp. Read where tesseract is installed."""

from __future__ import annotations

import io
import struct
from typing import Any

from wellread.parsing.causes import UnreadableError
from wellread.parsing.pdf_layout import page_elements
from wellread.parsing.pdf_lines import Line
from wellread.parsing.reading import Reading
from wellread.parsing.settings import ParsingSettings
from wellread.parsing.text_recognition import TextRecognizer, recognizer_of

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
MAX_PIXELS = 120_000_000
"""A page of 36 x 36 inches at 300 dots; what says that it is larger is not unpacked."""
LEAST_EDGE_PIXELS = 24
WANTED_EDGE_PIXELS = 2600
"""Smaller pictures are enlarged to this longer edge: small print below 20 pixels is guessed, not read."""
MAX_ENLARGEMENT = 4.0
DEFAULT_DOTS_PER_INCH = 300.0
BROKEN = (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, struct.error)
"""What Pillow raises over broken files of the formats above."""


def read_picture(content: bytes, settings: ParsingSettings) -> Reading:
    """The text in a picture, a page a frame.

    Raises:
        UnreadableError: ``unsupported`` without tesseract, ``no_text``, ``truncated``, ``corrupt``, ``too_large``.
    """
    recognizer = recognizer_of(settings.recognition)
    if recognizer is None:
        raise UnreadableError("unsupported", "a picture, and no text recognition is installed")
    from PIL import Image

    try:
        pages = _pages(content, recognizer)
    except Image.DecompressionBombError as error:
        raise UnreadableError("too_large", str(error)) from error
    except BROKEN as error:
        truncated = "truncated" in str(error).casefold()
        raise UnreadableError(
            "truncated" if truncated else "corrupt", f"not readable as a picture ({error})"
        ) from error
    if not any(pages):
        raise UnreadableError("no_text", recognizer.outcome())
    elements = page_elements(pages, page_ratio=settings.furniture_page_ratio)
    return Reading(elements, page_count=len(pages), warnings=recognizer.warnings())


def _pages(content: bytes, recognizer: TextRecognizer) -> list[list[Line]]:
    from PIL import Image, ImageSequence

    pages: list[list[Line]] = []
    with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
        for number, frame in enumerate(ImageSequence.Iterator(picture), start=1):
            width, height = frame.size
            if width * height > MAX_PIXELS:
                raise UnreadableError("too_large", f"a picture of {width:,} x {height:,} pixels")
            if min(width, height) < LEAST_EDGE_PIXELS:
                pages.append([])
                continue
            dots_per_inch, prepared = _prepared(frame)
            pages.append(recognizer.read(prepared, page=number, dots_per_inch=dots_per_inch))
            if picture.format != "TIFF":
                break  # a second frame of another format is a film or a preview
    return pages


def _prepared(frame: Any) -> tuple[float, Any]:
    """Upright, grey, on white, large enough; with its dots per inch after that."""
    from PIL import Image, ImageOps

    dots = frame.info.get("dpi", (0, 0))[0]
    upright = ImageOps.exif_transpose(frame)
    if upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info:
        layer = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    grey = upright.convert("L")
    factor = min(MAX_ENLARGEMENT, WANTED_EDGE_PIXELS / max(grey.size))
    if factor > 1.0:
        size = (round(grey.width * factor), round(grey.height * factor))
        return DEFAULT_DOTS_PER_INCH, grey.resize(size, Image.Resampling.LANCZOS)
    return (float(dots) if 150 <= dots <= 1200 else DEFAULT_DOTS_PER_INCH), grey
