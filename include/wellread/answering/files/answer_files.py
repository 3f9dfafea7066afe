"""Files of answers: the rows of the questions, in their order, with columns added."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from wellread.answering.files.answer_columns import FLAT_COLUMNS, as_cells, free_name, question_columns
from wellread.answering.files.answer_rows import answer_row_as_dict
from wellread.answering.files.formulas import guarded
from wellread.errors import SettingsError, StorageFullError
from wellread.questions import AnswerRow

FORMATS = (".jsonl", ".ndjson", ".csv", ".tsv", ".xlsx", ".parquet")


def write_answers(rows: Sequence[AnswerRow], path: Path) -> None:
    """Write all answers at once, or nothing: a reader sees the old file or the whole new one.

    The ending says the format; see :func:`answers_as_bytes`. Raises ``SettingsError`` for an unknown format or a
    folder that cannot be written, ``StorageFullError``.
    """
    write_atomically(path, answers_as_bytes(rows, path.name), what="answers")


def require_format(name: str) -> str:
    """The ending of a file of answers, lower case. Raises ``SettingsError`` where it names no format."""
    suffix = PurePath(name).suffix.lower()
    if suffix not in FORMATS:
        raise SettingsError(
            f"write answers to {name}",
            found=f"its name ends in {suffix or 'nothing'!r}",
            remedy=f"Give a name that ends in one of: {', '.join(FORMATS)}.",
        )
    return suffix


def answers_as_bytes(rows: Sequence[AnswerRow], name: str) -> bytes:
    """The content of a file of answers of this name.

    JSONL rows hold everything, claims and passages as lists. Parquet holds typed columns, claims nested. CSV and
    XLSX hold one column for each fact, several quotes of one answer on lines of their own. A column of the
    questions that is named like one of ours keeps its name; ours is then called ``wellread_...``.
    """
    suffix = require_format(name)
    if suffix in {".jsonl", ".ndjson"}:
        content = "".join(json.dumps(answer_as_object(row), ensure_ascii=False) + "\n" for row in rows)
        return content.encode("utf-8", "replace")
    if suffix == ".parquet":
        from wellread.answering.files.parquet_files import write_table

        return write_table(rows)
    if suffix == ".xlsx":
        from wellread.answering.files.spreadsheets import write_sheet

        return write_sheet(*_table(rows))
    return _as_csv(*_table(rows), delimiter="," if suffix == ".csv" else "\t")


def answer_as_object(row: AnswerRow) -> dict[str, Any]:
    """The JSON object of an answer as JSONL files and webhooks have it: the question's columns beside ours."""
    ours = answer_row_as_dict(row)
    del ours["columns"]
    theirs = {"id": ours.pop("id"), "question": ours.pop("question"), **row.columns}
    return {**theirs, **{free_name(name, theirs): value for name, value in ours.items()}}


def _table(rows: Sequence[AnswerRow]) -> tuple[list[str], list[list[str]]]:
    others = question_columns(rows)
    theirs = ["id", "question", *others]
    header = [*theirs, *(free_name(column.name, theirs) for column in FLAT_COLUMNS)]
    table = [
        [row.id, row.question, *(row.columns.get(name, "") for name in others), *map(guarded, as_cells(row))]
        for row in rows
    ]
    return header, table


def _as_csv(header: Sequence[str], rows: Sequence[Sequence[str]], *, delimiter: str) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode("utf-8", "replace")


def write_atomically(path: Path, content: bytes, *, what: str) -> None:
    """Put the whole content in place at once. Raises ``SettingsError``, ``StorageFullError``, naming ``what``."""
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink(missing_ok=True)
        kind = StorageFullError if error.errno in {errno.ENOSPC, errno.EDQUOT} else SettingsError
        raise kind(
            f"write {what} to {path}",
            found=error.strerror or str(error),
            remedy="Free space, or choose a folder that this user may write; the answers are kept in the ledger.",
        ) from error
