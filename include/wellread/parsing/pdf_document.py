"""PDF through pdfium: text in reading order with its pages, and what is wrong where there is none."""

from __future__ import annotations

from typing import Any

from wellread.parsing.causes import UnreadableError
from wellread.parsing.office import meaningful_title
from wellread.parsing.pdf_layout import body_elements, find_furniture
from wellread.parsing.pdf_lines import Line, page_lines
from wellread.parsing.pdf_titles import cover_title
from wellread.parsing.reading import Reading
from wellread.parsing.settings import ParsingSettings
from wellread.parsing.text_decoding import looks_like_text

MAX_PAGES = 20_000
MAX_TITLE_CHARS = 200
TAIL_BYTES = 2048


def read_pdf(content: bytes, settings: ParsingSettings) -> Reading:
    """Paragraphs, headings by font, page numbers; running headers and footers as furniture.

    Raises:
        UnreadableError: ``encrypted``, ``truncated``, ``corrupt``, ``no_text`` (a scan) or ``no_elements``.
    """
    document = _opened(content)
    try:
        page_count = len(document)
        if page_count == 0:
            raise UnreadableError("no_elements", "a PDF without pages")
        pages, unreadable, has_objects = _all_lines(document, min(page_count, MAX_PAGES))
        metadata_title = document.get_metadata_value("Title")
    finally:
        document.close()
    _check_text(pages, unreadable, has_objects=has_objects)
    furniture = find_furniture(pages, page_ratio=settings.furniture_page_ratio)
    if all(line in furniture for lines in pages for line in lines):
        furniture = frozenset()  # slides or forms that are all alike: nothing would be left
    elements = body_elements(pages, furniture)
    title = _sane_title(metadata_title) or cover_title(elements)
    return Reading(elements, title=title, page_count=page_count, warnings=_warnings(pages, unreadable))


def _opened(content: bytes) -> Any:
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise UnreadableError("encrypted", "a PDF behind a password") from error
        if b"%%EOF" not in content[-TAIL_BYTES:]:
            raise UnreadableError("truncated", "the PDF has no end mark") from error
        raise UnreadableError("corrupt", f"not readable as PDF ({error})") from error


def _all_lines(document: Any, page_count: int) -> tuple[list[list[Line]], int, bool]:
    import pypdfium2

    pages: list[list[Line]] = []
    unreadable, has_objects = 0, False
    for index in range(page_count):
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            unreadable += 1
            pages.append([])
            continue
        pages.append(page_lines(page, index + 1))
        has_objects = has_objects or next(page.get_objects(max_depth=1), None) is not None
        page.close()
    return pages, unreadable, has_objects


def _check_text(pages: list[list[Line]], unreadable: int, *, has_objects: bool) -> None:
    text = "\n".join(line.text for lines in pages for line in lines)
    if unreadable == len(pages):
        raise UnreadableError("corrupt", f"none of its {unreadable} pages can be read")
    if not any(char.isalnum() for char in text):
        if has_objects:
            raise UnreadableError("no_text", "pages with pictures or drawings, but without text")
        raise UnreadableError("no_elements", "the pages are blank")
    if not looks_like_text(text):
        raise UnreadableError("no_text", "the text layer has no readable characters")


def _warnings(pages: list[list[Line]], unreadable: int) -> tuple[str, ...]:
    warnings = []
    if unreadable:
        warnings.append(f"{unreadable} of {len(pages)} pages cannot be read")
    silent = sum(1 for lines in pages if not lines) - unreadable
    if silent:
        warnings.append(f"{silent} of {len(pages)} pages have no text")
    return tuple(warnings)


def _sane_title(title: str) -> str | None:
    text = meaningful_title(title)
    if text is None or len(text) > MAX_TITLE_CHARS or not looks_like_text(text) or not any(map(str.isalpha, text)):
        return None
    return text
