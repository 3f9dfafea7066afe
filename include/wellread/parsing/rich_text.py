"""Rich text (rtf), through striprtf: it knows the code pages, which decide the letters."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from wellread.documents import Element
from wellread.parsing.causes import UnreadableError
from wellread.parsing.office import meaningful_title
from wellread.parsing.plain_text import BULLET
from wellread.parsing.reading import Reading
from wellread.parsing.settings import ParsingSettings
from wellread.parsing.tables import table_element

CELL_END = "|"
"""Of striprtf: each cell of a row ends with it."""
LOST_BULLET = "\ufffd\t"
"""A bullet of a symbol font, which has no letter."""
TITLE = re.compile(r"\{\\title ([^{}\\]+)\}")


def read_rich_text(content: bytes, settings: ParsingSettings) -> Reading:  # noqa: ARG001 - the readers' signature
    """Paragraphs, list items and tables. Rich text marks no headings that could be told from large type."""
    from striprtf.striprtf import rtf_to_text

    source = content.decode("latin-1")
    try:
        text = str(rtf_to_text(source, errors="replace"))  # type: ignore[no-untyped-call]  # it has no types
    except (ValueError, LookupError, TypeError) as error:
        raise UnreadableError("corrupt", f"not readable as rich text ({error})") from error
    named = TITLE.search(source)
    return Reading(list(_elements(_mended(text))), title=meaningful_title(named.group(1)) if named else None)


def _mended(text: str) -> str:
    """Halves of characters beyond the basic plane put together; rich text writes them one by one."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "")


def _elements(text: str) -> Iterator[Element]:
    lines = (line.replace(LOST_BULLET, "• ").replace("\t", " ").strip("\ufeff \r\f\v") for line in text.split("\n"))
    for is_row, group in itertools.groupby(filter(None, lines), key=lambda line: line.endswith(CELL_END)):
        if is_row:
            rows = [[cell.strip() for cell in line[:-1].split(CELL_END)] for line in group]
            table = table_element(rows, header_rows=1 if len(rows) > 1 else 0)
            if table is not None:
                yield table
        else:
            yield from (
                Element(kind="list_item" if BULLET.match(line) else "paragraph", text=line) for line in group
            )
