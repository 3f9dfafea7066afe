"""Books (epub) and OpenDocument texts (odt), through pandoc's HTML."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from wellread.parsing.causes import UnreadableError
from wellread.parsing.office import meaningful_title
from wellread.parsing.pandoc_conversion import SourceFormat, html_of
from wellread.parsing.reading import Reading
from wellread.parsing.settings import ParsingSettings
from wellread.parsing.web_page import read_html

NO_TITLE = "-"
"""Pandoc's, of a page without one."""
META = "meta.xml"
TITLE = "{http://purl.org/dc/elements/1.1/}title"


def read_epub(content: bytes, settings: ParsingSettings) -> Reading:  # noqa: ARG001 - the readers' common signature
    """Title, authors and chapters in reading order; a book has no page numbers."""
    return _converted(content, "epub")


def read_odt(content: bytes, settings: ParsingSettings) -> Reading:  # noqa: ARG001 - the readers' common signature
    """Headings, paragraphs, lists, tables and notes."""
    reading = _converted(content, "odt")
    return Reading(reading.elements, title=_odt_title(content) or reading.title, warnings=reading.warnings)


def _converted(content: bytes, source_format: SourceFormat) -> Reading:
    conversion = html_of(content, source_format)
    if conversion.markup is None:
        raise UnreadableError("corrupt", f"not readable as {source_format} ({conversion.complaint})")
    reading = read_html(conversion.markup, main_content_only=False)
    title = None if reading.title == NO_TITLE else reading.title
    return Reading(reading.elements, title=title, warnings=reading.warnings)


def _odt_title(content: bytes) -> str | None:
    from lxml import etree

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if META not in archive.namelist():
            return None
        parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
        root: Any = etree.fromstring(archive.read(META), parser)
    found = None if root is None else next(root.iter(TITLE), None)
    return None if found is None else meaningful_title(found.text)
