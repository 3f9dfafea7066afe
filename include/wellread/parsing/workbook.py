"""Spreadsheets: a heading and a table a sheet, read row by row in little memory."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from typing import Any

from wellread.documents import Element
from wellread.parsing.causes import UnreadableError
from wellread.parsing.office import meaningful_title
from wellread.parsing.reading import Reading
from wellread.parsing.settings import ParsingSettings
from wellread.parsing.tables import table_element

DEFAULT_NAME = re.compile(r"^(sheet|tabelle|feuil|hoja|foglio|blad|planilha|лист|工作表)\s*\d*$", re.IGNORECASE)
"""What programs call a sheet that nobody named: no heading."""


def read_workbook(content: bytes, settings: ParsingSettings) -> Reading:  # noqa: ARG001 - the readers' common signature
    """Every sheet's values as shown last. Blocks of rows between empty rows are tables of their own.

    openpyxl reads what is there; a frame of the sheet's nominal size (two cells in opposite corners make
    17 billion) is never built.
    """
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except (KeyError, ValueError, TypeError, AttributeError, OSError, zipfile.BadZipFile) as error:
        raise UnreadableError("corrupt", f"not readable as a workbook ({type(error).__name__}: {error})") from error
    elements: list[Element] = []
    for number, sheet in enumerate(book.worksheets, start=1):
        elements.extend(_sheet_elements(sheet, number))
    return Reading(elements, title=meaningful_title(book.properties.title), page_count=len(book.worksheets))


def _sheet_elements(sheet: Any, number: int) -> list[Element]:
    sheet.reset_dimensions()  # believe the cells, not the declared size
    tables: list[Element] = []
    block: list[list[str]] = []
    for row in sheet.iter_rows(values_only=True):
        cells = [_shown(value) for value in row] if row else []
        if any(cells):
            block.append([cell for cell in cells if cell] if len(cells) > 1000 else cells)
        elif block:
            _close_block(block, number, tables)
    _close_block(block, number, tables)
    if not tables:
        return []
    if DEFAULT_NAME.match(str(sheet.title)):
        return tables
    return [Element(kind="heading", text=str(sheet.title), page=number, level=1), *tables]


def _close_block(block: list[list[str]], page: int, tables: list[Element]) -> None:
    if block:
        width = max(len(row) for row in block)
        header_rows = 1 if width > 1 and len(block) > 1 else 0
        element = table_element(block, header_rows=header_rows, page=page)
        if element is not None:
            tables.append(element)
        block.clear()


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    return str(value)
