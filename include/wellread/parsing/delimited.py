"""CSV and TSV: one table, however long."""

from __future__ import annotations

import csv
import io

from wellread.parsing.reading import Reading
from wellread.parsing.settings import ParsingSettings
from wellread.parsing.tables import table_element

SNIFFED_CHARS = 20_000
DELIMITERS = ",;\t|"
MAX_CELL_CHARS = 10_000_000


def read_delimited(text: str, settings: ParsingSettings) -> Reading:  # noqa: ARG001 - the readers' common signature
    """One table element. Ragged rows and unclosed quotes are kept as they are."""
    csv.field_size_limit(MAX_CELL_CHARS)
    delimiter = _delimiter(text[:SNIFFED_CHARS])
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    element = table_element(rows, header_rows=1 if _has_header(rows) else 0)
    warnings = () if len({len(row) for row in rows if row}) <= 1 else ("the rows differ in length",)
    return Reading([element] if element else [], warnings=warnings)


def _delimiter(sample: str) -> str:
    lines = [line for line in sample.splitlines() if line.strip()][:20]
    return max(
        DELIMITERS, key=lambda mark: (min((line.count(mark) for line in lines), default=0), sample.count(mark))
    )


def _has_header(rows: list[list[str]]) -> bool:
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    if len(filled) < 2:
        return False
    return bool(filled[0]) and not any(_is_number(cell) for cell in filled[0])


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "").replace("%", "").replace("$", ""))
    except ValueError:
        return False
    return True
