"""PDF through pdfium: text in reading order with its pages, and what is wrong where there is none."""

from __future__ import annotations

from typing import Any

from wellread.parsing.causes import UnreadableError
from wellread.parsing.office import meaningful_title
from wellread.parsing.pdf_layout import page_elements
from wellread.parsing.pdf_lines import Line, page_lines
from wellread.parsing.pdf_pictures import is_picture, recognised_or_given
from wellread.parsing.pdf_titles import cover_title
from wellread.parsing.reading import Reading
from wellread.parsing.settings import ParsingSettings
from wellread.parsing.text_decoding import looks_like_text
from wellread.parsing.text_recognition import TextRecognizer, recognizer_of

MAX_PAGES = 20_000
MAX_TITLE_CHARS = 200
TAIL_BYTES = 2048


def read_pdf(content: bytes, settings: ParsingSettings) -> Reading:
    """Paragraphs, headings by font, page numbers; running headers and footers as furniture.

    Raises:
        UnreadableError: ``encrypted``, ``truncated``, ``corrupt``, ``no_text`` (a scan) or ``no_elements``.
    """
    document = _opened(content)
    recognizer = recognizer_of(settings.recognition)
    try:
        page_count = len(document)
        if page_count == 0:
            raise UnreadableError("no_elements", "a PDF without pages")
        pages, unreadable, has_objects = _all_lines(document, min(page_count, MAX_PAGES), recognizer)
        metadata_title = document.get_metadata_value("Title")
    finally:
        document.close()
    _check_text(pages, unreadable, has_objects=has_objects, recognizer=recognizer)
    elements = page_elements(pages, page_ratio=settings.furniture_page_ratio)
    title = _sane_title(metadata_title) or cover_title(elements)
    warnings = _warnings(pages, unreadable) + (() if recognizer is None else recognizer.warnings())
    return Reading(elements, title=title, page_count=page_count, warnings=warnings)


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


def _all_lines(
    document: Any, page_count: int, recognizer: TextRecognizer | None
) -> tuple[list[list[Line]], int, bool]:
    import pypdfium2

    pages: list[list[Line]] = []
    pictures: list[int] = []
    unreadable, has_objects = 0, False
    for index in range(page_count):
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            unreadable += 1
            pages.append([])
            continue
        lines = page_lines(page, index + 1)
        if recognizer is not None and is_picture(page, lines, least_ratio=recognizer.settings.picture_page_ratio):
            pictures.append(index)
        pages.append(lines)
        has_objects = has_objects or next(page.get_objects(max_depth=1), None) is not None
        page.close()
    if recognizer is not None:
        recognizer.guess_from(_text_of(pages))
        for index in pictures:  # after the text of the other pages told the language
            page = document[index]
            pages[index] = recognised_or_given(page, pages[index], index + 1, recognizer)
            page.close()  # with its unpacked pictures
    return pages, unreadable, has_objects


def _text_of(pages: list[list[Line]]) -> str:
    return "\n".join(line.text for lines in pages for line in lines)


def _check_text(
    pages: list[list[Line]], unreadable: int, *, has_objects: bool, recognizer: TextRecognizer | None
) -> None:
    text = _text_of(pages)
    if unreadable == len(pages):
        raise UnreadableError("corrupt", f"none of its {unreadable} pages can be read")
    if not any(char.isalnum() for char in text):
        if has_objects:
            without = "pages with pictures or drawings, but without text"
            raise UnreadableError("no_text", without if recognizer is None else recognizer.outcome())
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
