"""Files of questions: JSONL, CSV, XLSX and Parquet become questions, or an error that says where and what to do.

The column ``question`` is needed; ``id`` is optional (``row-1``, ``row-2``, ... by place without it); all other
columns are handed through to the answers. The whole file is read before anything is asked or spent. An *empty*
question is no fault of the file: it becomes a row that ends ``invalid``.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wellread.errors import QuestionsFileError
from wellread.questions import Question

QUESTION_COLUMN = "question"
ID_COLUMN = "id"
FORMATS = (".jsonl", ".ndjson", ".csv", ".tsv", ".xlsx", ".parquet")

_LONGEST_CELL_CHARS = 10_000_000
Row = tuple[int, Mapping[str, str]]
"""Number of the line (or row) from 1, and the cells by column."""


def read_questions(path: Path) -> list[Question]:
    """All questions of a file, in order.

    Raises ``QuestionsFileError`` for a missing file, an unknown format, a wrong encoding, a missing column, a
    broken line or an id that occurs twice.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise QuestionsFileError(
            f"read questions from {path}",
            found=f"its name ends in {suffix or 'nothing'!r}",
            remedy=f"Give a file that ends in one of: {', '.join(FORMATS)}.",
        )
    content = _content(path)
    if suffix == ".xlsx":
        from wellread.answering.files.spreadsheets import read_sheet

        rows: Iterator[Row] = iter(read_sheet(path, content))
    elif suffix == ".parquet":
        from wellread.answering.files.parquet_files import read_table

        rows = _typed_rows(path, *read_table(path, content))
    elif suffix in {".csv", ".tsv"}:
        rows = _csv_rows(path, _text(path, content))
    else:
        rows = _json_rows(path, _text(path, content))
    return _questions(path, rows)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise QuestionsFileError(
            f"read questions from {path}",
            found=error.strerror or str(error),
            remedy="Check the path and that this user may read it.",
        ) from error


def _text(path: Path, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise broken(
            path, line, f"byte {content[error.start]:#04x} is not UTF-8", "Save the file as UTF-8."
        ) from error
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise broken(path, line, "it holds a NUL character", "Save the file as UTF-8 text (not UTF-16).")
    return text


def broken(path: Path, line: int, found: str, remedy: str) -> QuestionsFileError:
    """The error for one line of a file."""
    return QuestionsFileError(f"read questions from {path}, line {line}", found=found, remedy=remedy)


def _json_rows(path: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise broken(path, number, f"it is no JSON ({error})", "Put one JSON object on each line.") from error
        if not isinstance(value, dict):
            raise broken(path, number, f"it holds a {type(value).__name__}", "Put one JSON object on each line.")
        yield number, _as_cells(path, number, value)


def _typed_rows(path: Path, names: Sequence[str], rows: Sequence[Mapping[str, object]]) -> Iterator[Row]:
    check_header(path, names)
    for number, row in enumerate(rows, start=1):
        yield number, _as_cells(path, number, row)


def _as_cells(path: Path, number: int, row: Mapping[str, object]) -> dict[str, str]:
    """The values of a typed row as texts. Raises where the question is none."""
    question = row.get(QUESTION_COLUMN)
    if not isinstance(question, str | None):
        found = f"its {QUESTION_COLUMN!r} is a {type(question).__name__}"
        raise broken(path, number, found, "Write the question as a string.")
    return {str(name): _as_text(cell) for name, cell in row.items()}


def _as_text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # a column of whole numbers with a gap is read as floats
    return cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, default=str)


def _csv_rows(path: Path, text: str) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_CELL_CHARS)
    first_line = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(first_line), strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise broken(path, line, str(error), "Check the quotation marks of this row.") from error
        if header is None:
            header = check_header(path, cells)
        elif any(cell.strip() for cell in cells):
            yield line, match_cells(path, line, header, cells)


def _delimiter(first_line: str) -> str:
    """Comma, semicolon (spreadsheets in many countries) or tab: whichever parts the header into most columns."""
    return max((",", ";", "\t"), key=first_line.count)


def check_header(path: Path, cells: Sequence[str]) -> list[str]:
    """The column names, without white space around them. Raises where one occurs twice."""
    names = [cell.strip() for cell in cells]
    twice = {name for name in names if name and names.count(name) > 1}
    if twice:
        raise broken(path, 1, f"the column {min(twice)!r} occurs twice", "Give every column its own name.")
    return names


def match_cells(path: Path, line: int, header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """The cells by column; columns without a name are left out. Raises where there are too many or too few."""
    if len(cells) != len(header):
        raise broken(
            path,
            line,
            f"it has {len(cells)} cells, the header has {len(header)}",
            "Put quotation marks around cells that hold the separator.",
        )
    return {name: cell for name, cell in zip(header, cells, strict=True) if name}


def _questions(path: Path, rows: Iterator[Row]) -> list[Question]:
    questions: list[Question] = []
    lines: dict[str, int] = {}
    for position, (line, cells) in enumerate(rows, start=1):
        if QUESTION_COLUMN not in cells:
            raise broken(
                path,
                line,
                f"there is no column {QUESTION_COLUMN!r}, only: {', '.join(sorted(cells)) or 'nothing'}",
                f"Name the column with the questions {QUESTION_COLUMN!r}.",
            )
        row_id = cells.get(ID_COLUMN, "").strip() or f"row-{position}"
        if row_id in lines:
            found = f"the id {row_id!r} stands already in line {lines[row_id]}"
            raise broken(path, line, found, f"Give every row its own {ID_COLUMN!r}, or leave the column out.")
        lines[row_id] = line
        others = {name: cell for name, cell in cells.items() if name not in {QUESTION_COLUMN, ID_COLUMN}}
        questions.append(Question(id=row_id, text=cells[QUESTION_COLUMN].strip(), columns=others))
    if not questions:
        raise QuestionsFileError(
            f"read questions from {path}",
            found="it holds no row",
            remedy=f"Give one question a row, in a column named {QUESTION_COLUMN!r}.",
        )
    return questions
