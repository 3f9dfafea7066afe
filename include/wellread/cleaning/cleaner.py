"""From what parsing found to the one text that all spans refer to."""

from __future__ import annotations

from dataclasses import replace

from wellread.cleaning import characters, layout
from wellread.cleaning.settings import CleaningSettings
from wellread.documents import CleanedDocument, Element, ParsedDocument
from wellread.identities import stage_signature

CODE_VERSION = "1"
"""Raised whenever the same input and settings give another text."""

SEPARATOR = "\n\n"
"""Stands between two elements of a cleaned text."""


def signature(settings: CleaningSettings) -> str:
    """What cleaning's output depends on besides its input."""
    return stage_signature(CODE_VERSION, settings.model_dump())


def clean(parsed: ParsedDocument, settings: CleaningSettings) -> CleanedDocument:
    """The document's elements cleaned, and their texts joined by blank lines.

    Idempotent: cleaning what was cleaned changes nothing. Elements without text are dropped, so the result may
    hold none at all.
    """
    elements: list[Element] = []
    for element in parsed.elements:
        if element.kind == "page_furniture" and settings.drop_page_furniture:
            continue
        elements.extend(_clean_element(element, settings))
    spans: list[tuple[int, int]] = []
    position = 0
    for element in elements:
        spans.append((position, position + len(element.text)))
        position += len(element.text) + len(SEPARATOR)
    return CleanedDocument(
        text=SEPARATOR.join(element.text for element in elements),
        elements=tuple(elements),
        spans=tuple(spans),
        title=clean_line(parsed.title or "", settings) or None,
        language=parsed.language,
    )


def clean_line(text: str, settings: CleaningSettings) -> str:
    """A title or another text of one line, cleaned."""
    return layout.collapse_spaces(layout.join_lines(characters.fold_spaces(_clean_characters(text, settings))))


def _clean_characters(text: str, settings: CleaningSettings) -> str:
    text = characters.replace_surrogates(characters.fold_line_ends(text))
    if settings.remove_invisible:
        text = characters.remove_invisible(text)
    if settings.expand_ligatures:
        text = characters.expand_ligatures(text)
    return characters.normalise_unicode(text) if settings.normalise_unicode else text


def _clean_element(element: Element, settings: CleaningSettings) -> list[Element]:
    text = _clean_characters(element.text, settings)
    if element.kind == "code":
        text = layout.trim_code(text)
        return [replace(element, text=text)] if text else []
    text = characters.fold_spaces(text)
    if element.kind == "table":
        rows = layout.collapse_spaces(text)
        header_rows = layout.count_header_rows(replace(element, text=text))
        return [replace(element, text=rows, header_rows=header_rows)] if rows else []
    return [replace(element, text=part) for part in _clean_prose(text, settings)]


def _clean_prose(text: str, settings: CleaningSettings) -> list[str]:
    parts: list[str] = []
    for part in layout.split_paragraphs(text):
        prose = layout.join_hyphens(part) if settings.join_hyphens else part
        prose = layout.join_lines(prose) if settings.join_lines else prose
        prose = layout.collapse_spaces(prose)
        if prose:
            parts.append(prose)
    return parts
