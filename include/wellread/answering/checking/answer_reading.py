"""Files of answers, read back as far as their quotes can be checked again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from wellread.answering.checking.auditing import CitedAnswer
from wellread.answering.files.answer_columns import own_name
from wellread.answering.files.answer_files import FORMATS
from wellread.answering.files.formulas import unguarded
from wellread.errors import QuestionsFileError
from wellread.questions import Citation

_LONGEST_CELL_CHARS = 10_000_000
_QUOTE_COLUMNS = ("quotes", "documents", "pages", "spans", "matches", "doc_ids", "versions")
_MATCHES = ("exact", "normalised", "fuzzy", "failed")


def read_cited_answers(path: Path) -> list[CitedAnswer]:
    """The answers of a file that ``wellread answer`` wrote in any of its formats, in order.

    Files without the columns ``doc_ids`` and ``versions`` do not tell whether a document has changed, only whether
    the quote is still in it. Raises ``QuestionsFileError`` for a file that cannot be read as answers.
    """
    rows = list(_rows(path))
    if not any(_has_quotes(row) for _, row in rows):
        raise QuestionsFileError(
            f"read answers from {path}",
            found="no row has claims or quotes",
            remedy="Give a file that `wellread answer` wrote, with its columns.",
        )
    return [
        CitedAnswer(str(row.get("id") or f"row-{number}"), _citations(path, line, row))
        for number, (line, row) in enumerate(rows, start=1)
    ]


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(line, cells by column) of each row."""
    try:
        content = path.read_bytes()
        suffix = path.suffix.lower()
        if suffix == ".xlsx":
            from wellread.answering.files.spreadsheets import read_sheet

            yield from read_sheet(path, content)
        elif suffix == ".parquet":
            from wellread.answering.files.parquet_files import read_table

            yield from enumerate(read_table(path, content)[1], start=1)
        elif suffix in {".csv", ".tsv"}:
            yield from _table_rows(content.decode("utf-8-sig"))
        elif suffix in {".jsonl", ".ndjson"}:
            yield from _json_rows(path, content.decode("utf-8-sig"))
        else:
            raise _broken(path, None, f"its name ends in {suffix or 'nothing'!r}, not in {', '.join(FORMATS)}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _broken(path, None, getattr(error, "strerror", None) or str(error)) from error


def _table_rows(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    csv.field_size_limit(_LONGEST_CELL_CHARS)
    delimiter = max((",", ";", "\t"), key=text.split("\n", 1)[0].count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, restval="")
    for cells in reader:
        yield reader.line_num, {name: cell for name, cell in cells.items() if isinstance(cell, str)}


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _broken(path, number, f"it is no JSON ({error})") from error
        if not isinstance(row, dict):
            raise _broken(path, number, "it is no JSON object")
        yield number, row


def _ours(row: Mapping[str, Any], name: str) -> Any:
    return row.get(own_name(name, row))


def _has_quotes(row: Mapping[str, Any]) -> bool:
    return isinstance(_ours(row, "claims"), list) or isinstance(_ours(row, "quotes"), str)


def _citations(path: Path, line: int, row: Mapping[str, Any]) -> tuple[Citation, ...]:
    claims = _ours(row, "claims")
    if isinstance(claims, list):
        try:
            return tuple(_from_json(citation) for claim in claims for citation in claim["citations"])
        except (TypeError, KeyError) as error:
            raise _broken(path, line, f"a claim has no citations as Wellread writes them ({error!r})") from error
    columns = [_lines(_ours(row, name)) for name in _QUOTE_COLUMNS]
    return tuple(_from_cells(*cells) for cells in zip_longest(*columns, fillvalue="") if cells[0])


def _from_json(data: Mapping[str, Any]) -> Citation:
    citation = Citation(**data)
    texts = (citation.quote, citation.document, citation.doc_id, citation.version_hash, citation.chunk_key)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a quote or an id that is no text")
    return citation


def _lines(cell: object) -> Sequence[str]:
    """The lines of a cell, without the mark that keeps spreadsheets from running it."""
    return unguarded(cell if isinstance(cell, str) else "").split("\n")


def _from_cells(
    quote: str, document: str, page: str, span: str, match: str, doc_id: str, version_hash: str
) -> Citation:
    start, _, end = span.partition("-")
    is_span = start.isdecimal() and end.isdecimal()
    return Citation(
        document=document,
        doc_id=doc_id,
        version_hash=version_hash,
        chunk_key="",
        quote=quote,
        page=int(page) if page.isdecimal() else None,
        start_char=int(start) if is_span else None,
        end_char=int(end) if is_span else None,
        match=match if match in _MATCHES else "failed",  # type: ignore[arg-type]  # one of the four
    )


def _broken(path: Path, line: int | None, found: str) -> QuestionsFileError:
    place = f"read answers from {path}" + (f", line {line}" if line is not None else "")
    return QuestionsFileError(
        place, found=found, remedy="Give a file that `wellread answer` wrote, as it wrote it."
    )
