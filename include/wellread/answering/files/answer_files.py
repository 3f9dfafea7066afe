"""Files of answers: the rows of the questions, in their order, with columns added."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wellread.answering.files.answer_rows import answer_row_as_dict
from wellread.errors import SettingsError, StorageFullError
from wellread.questions import AnswerRow, Citation

FORMATS = (".jsonl", ".ndjson", ".csv", ".tsv", ".xlsx")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_PREFIX = "wellread_"


def write_answers(rows: Sequence[AnswerRow], path: Path) -> None:
    """Write all answers at once, or nothing: a reader sees the old file or the whole new one.

    JSONL rows hold everything, claims and passages as lists; CSV and XLSX hold one column for each fact, several
    quotes of one answer on lines of their own. A column of the questions that is named like one of ours keeps its
    name; ours is then called ``wellread_...``. Raises ``SettingsError`` for an unknown format or a folder that
    cannot be written, ``StorageFullError``.
    """
    suffix = path.suffix.lower()
    if suffix in {".jsonl", ".ndjson"}:
        content = "".join(json.dumps(_merged(row), ensure_ascii=False) + "\n" for row in rows)
        encoded = content.encode("utf-8", "replace")
    elif suffix == ".xlsx":
        from wellread.answering.files.spreadsheets import write_sheet

        encoded = write_sheet(*_table(rows))
    elif suffix in {".csv", ".tsv"}:
        encoded = _as_csv(*_table(rows), delimiter="," if suffix == ".csv" else "\t")
    else:
        raise SettingsError(
            f"write answers to {path}",
            found=f"its name ends in {suffix or 'nothing'!r}",
            remedy=f"Give a name that ends in one of: {', '.join(FORMATS)}.",
        )
    _write_atomically(path, encoded)


def _merged(row: AnswerRow) -> dict[str, Any]:
    ours = answer_row_as_dict(row)
    del ours["columns"]
    return _side_by_side({"id": ours.pop("id"), "question": ours.pop("question"), **row.columns}, ours)


def _side_by_side(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    return {**theirs, **{_PREFIX + name if name in theirs else name: value for name, value in ours.items()}}


def _table(rows: Sequence[AnswerRow]) -> tuple[list[str], list[list[str]]]:
    others = list(dict.fromkeys(name for row in rows for name in row.columns))
    taken = {"id", "question", *others}
    ours = list(_facts(rows[0])) if rows else []
    header = ["id", "question", *others, *(_PREFIX + name if name in taken else name for name in ours)]
    table = [
        [row.id, row.question, *(row.columns.get(name, "") for name in others), *_harmless(_facts(row).values())]
        for row in rows
    ]
    return header, table


def _facts(row: AnswerRow) -> dict[str, str]:
    citations = [citation for claim in row.claims for citation in claim.citations]
    return {
        "status": row.status,
        "abstain_reason": row.abstain_reason or "",
        "answer": row.answer or "",
        "quotes": _lines(citation.quote.replace("\n", " ") for citation in citations),
        "documents": _lines(citation.document for citation in citations),
        "pages": _lines("" if citation.page is None else str(citation.page) for citation in citations),
        "spans": _lines(_span(citation) for citation in citations),
        "matches": _lines(citation.match for citation in citations),
        "confidence": "" if row.confidence is None else f"{row.confidence:.4f}",
        "model": row.model,
        "input_tokens": str(row.usage.input_tokens),
        "output_tokens": str(row.usage.output_tokens),
        "cost_usd": "" if row.cost_usd is None else f"{row.cost_usd:.6f}",
        "snapshot": row.snapshot,
        "request_key": row.request_key,
        "error": "" if row.error is None else json.dumps(dict(row.error), ensure_ascii=False),
    }


def _lines(parts: Iterable[str]) -> str:
    return "\n".join(parts)


def _span(citation: Citation) -> str:
    return "" if citation.start_char is None else f"{citation.start_char}-{citation.end_char}"


def _harmless(cells: Iterable[str]) -> list[str]:
    """Cells that no spreadsheet takes for a formula: what documents say is not to be run on a reader's desk."""
    return [f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell for cell in cells]


def _as_csv(header: Sequence[str], rows: Sequence[Sequence[str]], *, delimiter: str) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode("utf-8", "replace")


def _write_atomically(path: Path, content: bytes) -> None:
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
            f"write answers to {path}",
            found=error.strerror or str(error),
            remedy="Free space, or choose a folder that this user may write; the answers are kept in the ledger.",
        ) from error
