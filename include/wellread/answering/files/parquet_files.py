"""Parquet files of questions and answers: typed columns, claims nested."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellread.answering.files.answer_columns import (
    TYPED_COLUMNS,
    AnswerColumn,
    free_name,
    portable,
    question_columns,
)
from wellread.errors import QuestionsFileError, SettingsError
from wellread.questions import AnswerRow

if TYPE_CHECKING:
    from types import ModuleType


def _pyarrow() -> tuple[ModuleType, ModuleType]:
    """The package and its Parquet part."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise SettingsError(
            "read or write a Parquet file",
            found="the package pyarrow is not installed",
            remedy="Install the extra 'parquet', or use JSONL, CSV or XLSX.",
        ) from error
    return pa, pq


def read_table(path: Path, content: bytes) -> tuple[list[str], list[dict[str, Any]]]:
    """The column names as they stand in the file, and the rows with their values.

    Raises ``QuestionsFileError`` for something else than Parquet.
    """
    pa, pq = _pyarrow()
    try:
        table = pq.read_table(io.BytesIO(content))
        return table.column_names, [dict(row) for batch in table.to_batches() for row in batch.to_pylist()]
    except (pa.ArrowException, ValueError, OSError) as error:
        raise QuestionsFileError(
            f"read {path}",
            found=f"it is no readable Parquet file ({str(error)[:200]})",
            remedy="Write it again as Parquet, or as CSV in UTF-8.",
        ) from error


def write_table(rows: Sequence[AnswerRow]) -> bytes:
    """The answers as a Parquet file. Columns of the questions are texts; nothing is null, not an empty text."""
    pa, pq = _pyarrow()
    others = question_columns(rows)
    theirs = ["id", "question", *others]
    names = [*theirs, *(free_name(column.name, theirs) for column in TYPED_COLUMNS)]
    text = pa.string()
    columns = [
        pa.array([portable(row.id) for row in rows], text),
        pa.array([portable(row.question) for row in rows], text),
        *(pa.array([portable(row.columns.get(name)) for row in rows], text) for name in others),
        *(_column(pa, column, rows) for column in TYPED_COLUMNS),
    ]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, names=[portable(name) for name in names]), out)
    return out.getvalue()


def _column(pa: ModuleType, column: AnswerColumn, rows: Sequence[AnswerRow]) -> Any:
    return pa.array([portable(column.value(row)) for row in rows], _type(pa, column))


def _type(pa: ModuleType, column: AnswerColumn) -> Any:
    text, whole = pa.string(), pa.int64()
    if column.kind == "claims":
        texts = ("document", "doc_id", "version_hash", "chunk_key", "quote")
        places = ("page", "start_char", "end_char")
        fields = [(name, text) for name in texts] + [(name, whole) for name in places] + [("match", text)]
        citations = pa.list_(pa.struct(fields))
        return pa.list_(pa.struct([("text", text), ("citations", citations)]))
    kinds = {"integer": whole, "number": pa.float64(), "names": pa.list_(text)}
    return kinds.get(column.kind, text)
