"""One document, from bytes to elements: what runs inside a child process."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from wellread.documents import Element, ParsedDocument
from wellread.parsing import media_types
from wellread.parsing.archives import check_archive
from wellread.parsing.causes import UnreadableError
from wellread.parsing.languages import detect_language
from wellread.parsing.office_parts import with_usual_parts
from wellread.parsing.optional_packages import missing_packages
from wellread.parsing.settings import ParsingSettings
from wellread.parsing.tesseract_program import find_tesseract
from wellread.parsing.text_decoding import DecodedText

TITLE_CHARS = 300
LANGUAGE_SAMPLE_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader of one format found."""

    elements: list[Element]
    title: str | None = None
    page_count: int | None = None
    warnings: tuple[str, ...] = ()


TextReader = Callable[[str, ParsingSettings], Reading]
BytesReader = Callable[[bytes, ParsingSettings], Reading]

TEXT_READERS = {
    "text/plain": "plain_text.read_plain",
    "text/markdown": "markdown_text.read_markdown",
    "text/x-rst": "markdown_text.read_restructured",
    "text/html": "web_page.read_web_page",
    "text/csv": "delimited.read_delimited",
    "text/tab-separated-values": "delimited.read_delimited",
    "application/json": "nested_data.read_json",
    "application/x-ndjson": "nested_data.read_json_lines",
    "application/xml": "nested_data.read_xml",
}
BYTES_READERS = {
    "message/rfc822": "mail_message.read_mail",
    media_types.PDF: "pdf_document.read_pdf",
    media_types.DOCX: "office.read_docx",
    media_types.PPTX: "office.read_pptx",
    media_types.XLSX: "workbook.read_workbook",
    media_types.EPUB: "converted.read_epub",
    media_types.ODT: "converted.read_odt",
    media_types.RTF: "rich_text.read_rich_text",
    media_types.MSG: "outlook_message.read_outlook_message",
    **dict.fromkeys(media_types.PICTURE_TYPES, "picture.read_picture"),
}
ARCHIVE_TYPES = frozenset({media_types.DOCX, media_types.PPTX, media_types.XLSX, media_types.EPUB, media_types.ODT})
SLOW_TYPES = frozenset(
    {*ARCHIVE_TYPES, media_types.MSG, "text/html", "text/markdown", "text/x-rst", "message/rfc822"}
)


def needs_slow_parsers(content: bytes, natural_key: str) -> bool:
    """Whether the document's reader uses Unstructured, whose import takes seconds."""
    try:
        return media_types.identify(content, natural_key).media_type in SLOW_TYPES
    except UnreadableError:
        return False


def read_document(content: bytes, natural_key: str, settings: ParsingSettings) -> ParsedDocument:
    """The parsed document.

    Raises:
        UnreadableError: it cannot be read, with the cause.
    """
    identified = media_types.identify(
        content, natural_key, pictures=find_tesseract(settings.recognition) is not None
    )
    reading = _read(content, identified, settings)
    elements = tuple(element for element in reading.elements if element.text.strip())
    if not any(element.kind != "page_furniture" for element in elements):
        raise UnreadableError(
            "no_elements", f"a {identified.media_type} of {len(content):,} bytes without any text"
        )
    sample = " ".join(element.text for element in elements[:400])[:LANGUAGE_SAMPLE_CHARS]
    decoded = identified.decoded
    return ParsedDocument(
        media_type=identified.media_type,
        elements=elements,
        title=_title(reading.title, elements),
        language=detect_language(sample),
        encoding=decoded.encoding if decoded is not None else None,
        page_count=reading.page_count,
        warnings=(*(decoded.warnings if decoded is not None else ()), *reading.warnings),
    )


def _read(content: bytes, identified: media_types.Identified, settings: ParsingSettings) -> Reading:
    media_type = identified.media_type
    if media_type in BYTES_READERS and (missing := missing_packages(media_type)):
        raise UnreadableError("unsupported", f"content of type {media_type}, and {missing[0]} is not installed")
    if media_type in ARCHIVE_TYPES:
        check_archive(content, settings, may_declare=media_type == media_types.EPUB)
        content = with_usual_parts(content)
    if media_type in BYTES_READERS:
        bytes_reader = cast("BytesReader", _reader(BYTES_READERS[media_type]))
        return bytes_reader(content, settings)
    text_reader = cast("TextReader", _reader(TEXT_READERS[media_type]))
    return text_reader(_text_of(identified.decoded), settings)


def _reader(dotted: str) -> object:
    module, name = dotted.split(".")
    return getattr(importlib.import_module(f"wellread.parsing.{module}"), name)


def _text_of(decoded: DecodedText | None) -> str:
    assert decoded is not None, "text types are identified by their text"
    return decoded.text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _title(found: str | None, elements: tuple[Element, ...]) -> str | None:
    candidates = [found, *(e.text for e in elements if e.kind == "title"), *_first_headings(elements)]
    for candidate in candidates:
        text = " ".join((candidate or "").split())
        if text:
            return text[:TITLE_CHARS]
    return None


def _first_headings(elements: tuple[Element, ...]) -> list[str]:
    headings = [element for element in elements[:60] if element.kind == "heading"]
    highest = min((element.level or 1 for element in headings), default=1)
    return [element.text for element in headings if (element.level or 1) == highest]
