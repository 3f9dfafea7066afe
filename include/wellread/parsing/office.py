"""Word and PowerPoint documents, through Unstructured."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable
from typing import Any

from wellread.documents import Element
from wellread.parsing.causes import UnreadableError
from wellread.parsing.element_mapping import map_elements
from wellread.parsing.reading import Reading
from wellread.parsing.settings import ParsingSettings

MEANINGLESS_TITLE = re.compile(
    r"^\s*$|^(powerpoint presentation|powerpoint-präsentation|untitled|document\d*|presentation\d*|slide \d+|title"
    r"|word document|microsoft word - .*|.*\.(docx?|pptx?|xlsx?|dotx?|pdf|indd|qxd))$",
    re.IGNORECASE,
)


def read_docx(content: bytes, settings: ParsingSettings) -> Reading:  # noqa: ARG001 - the readers' common signature
    """Paragraphs, headings by style, lists, tables; page headers and footers as furniture."""
    from docx import Document
    from unstructured.partition.docx import partition_docx

    found = _partitioned(partition_docx, content)
    title = _opened(Document, content).core_properties.title
    return Reading(map_elements(found), title=meaningful_title(title))


def read_pptx(content: bytes, settings: ParsingSettings) -> Reading:  # noqa: ARG001 - the readers' common signature
    """Slides in order, a page each, with their notes; a slide's title is its only heading."""
    from pptx import Presentation
    from unstructured.partition.pptx import partition_pptx

    found = _partitioned(partition_pptx, content, include_slide_notes=True)
    presentation = _opened(Presentation, content)
    elements = _one_heading_a_slide(map_elements(found))
    return Reading(
        elements, title=meaningful_title(presentation.core_properties.title), page_count=len(presentation.slides)
    )


def meaningful_title(title: str | None) -> str | None:
    """The title of a document's properties, or ``None`` where a program made it up."""
    text = " ".join((title or "").split())
    return None if MEANINGLESS_TITLE.match(text) else text


def _opened(opener: Callable[[io.BytesIO], Any], content: bytes) -> Any:
    try:
        return opener(io.BytesIO(content))
    except (KeyError, ValueError, AttributeError, OSError) as error:
        raise UnreadableError("corrupt", f"not readable as an office document ({error})") from error


def _partitioned(partition: Callable[..., list[Any]], content: bytes, **options: object) -> list[Any]:
    try:
        return partition(file=io.BytesIO(content), languages=[""], **options)
    except (KeyError, ValueError, AttributeError, OSError, IndexError) as error:
        raise UnreadableError(
            "corrupt", f"a part is missing or broken ({type(error).__name__}: {error})"
        ) from error


def _one_heading_a_slide(elements: list[Element]) -> list[Element]:
    titled: set[int | None] = set()
    kept = []
    for element in elements:
        if element.kind == "heading":
            if element.page in titled:
                kept.append(dataclasses.replace(element, kind="paragraph", level=None))
                continue
            titled.add(element.page)
            kept.append(dataclasses.replace(element, level=1))
        else:
            kept.append(element)
    return kept
