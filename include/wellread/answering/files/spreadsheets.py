"""XLSX files of questions and answers: the first sheet, one row a question."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wellread.answering.files.question_files import Row, broken, check_header
from wellread.errors import QuestionsFileError, SettingsError

if TYPE_CHECKING:
    from types import ModuleType

_LONGEST_CELL_CHARS = 32_767
"""What the format allows in one cell."""
_NOT_ALLOWED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _openpyxl() -> ModuleType:
    try:
        import openpyxl
    except ImportError as error:
        raise SettingsError(
            "read or write an XLSX file",
            found="the package openpyxl is not installed",
            remedy="Install the extra 'ingest', or use JSONL or CSV.",
        ) from error
    module: ModuleType = openpyxl
    return module


def read_sheet(path: Path, content: bytes) -> list[Row]:
    """The rows of the first sheet, by the header in its first row. Raises ``QuestionsFileError``."""
    openpyxl = _openpyxl()
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        table = [[_as_text(cell) for cell in row] for row in book.worksheets[0].iter_rows(values_only=True)]
        book.close()
    except (zipfile.BadZipFile, KeyError, ValueError, IndexError, OSError) as error:
        raise QuestionsFileError(
            f"read {path}",
            found=f"it is no readable XLSX file ({error})",
            remedy="Save it again as XLSX, or as CSV in UTF-8.",
        ) from error
    if not table:
        return []
    header = check_header(path, table[0])
    return [
        (number, _by_column(path, number, header, cells))
        for number, cells in enumerate(table[1:], start=2)
        if any(cell.strip() for cell in cells)
    ]


def _by_column(path: Path, number: int, header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if any(cell.strip() for cell in cells[len(header) :]):
        raise broken(path, number, "it has more cells than the header", "Give every column a name.")
    padded = [*cells, *[""] * (len(header) - len(cells))]
    return {name: cell for name, cell in zip(header, padded, strict=False) if name}


def _as_text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def write_sheet(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """An XLSX file of strings: nothing is a formula, whatever it begins with."""
    openpyxl = _openpyxl()
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "answers"
    for number, cells in enumerate([header, *rows], start=1):
        for column, text in enumerate(cells, start=1):
            cell = sheet.cell(row=number, column=column)
            cell.value = _NOT_ALLOWED.sub("\ufffd", text)[:_LONGEST_CELL_CHARS]
            cell.data_type = "s"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
