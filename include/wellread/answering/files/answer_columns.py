"""The facts of an answer as columns: one list for CSV, XLSX, Parquet and SQL tables."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wellread.questions import AnswerRow, Citation

ColumnKind = Literal["text", "integer", "number", "names", "quotes", "claims"]
"""``names``: several short texts; ``quotes``: one line a quote; ``claims``: nested, with all that is known."""

_PREFIX = "wellread_"
_NOT_PORTABLE = dict.fromkeys((0, *range(0xD800, 0xE000)), "\ufffd")


@dataclass(frozen=True, slots=True)
class AnswerColumn:
    """One fact of an answer."""

    name: str
    kind: ColumnKind
    value: Callable[[AnswerRow], Any]


def _quotes(name: str, of: Callable[[Citation], str]) -> AnswerColumn:
    """One line a quote, so that the columns of an answer stand side by side."""

    def lines(row: AnswerRow) -> str:
        citations = (citation for claim in row.claims for citation in claim.citations)
        return "\n".join(of(citation).replace("\n", " ") for citation in citations)

    return AnswerColumn(name, "quotes", lines)


def _span(citation: Citation) -> str:
    return "" if citation.start_char is None else f"{citation.start_char}-{citation.end_char}"


def _error(row: AnswerRow) -> str | None:
    return None if row.error is None else json.dumps(dict(row.error), ensure_ascii=False)


_COLUMNS = (
    AnswerColumn("status", "text", lambda row: row.status),
    AnswerColumn("abstain_reason", "text", lambda row: row.abstain_reason),
    AnswerColumn("answer", "text", lambda row: row.answer),
    AnswerColumn("claims", "claims", lambda row: [dataclasses.asdict(claim) for claim in row.claims]),
    _quotes("quotes", lambda citation: citation.quote),
    _quotes("documents", lambda citation: citation.document),
    _quotes("pages", lambda citation: "" if citation.page is None else str(citation.page)),
    _quotes("spans", _span),
    _quotes("matches", lambda citation: citation.match),
    _quotes("doc_ids", lambda citation: citation.doc_id),
    _quotes("versions", lambda citation: citation.version_hash),
    AnswerColumn("confidence", "number", lambda row: row.confidence),
    AnswerColumn("flags", "names", lambda row: list(row.flags)),
    AnswerColumn("model", "text", lambda row: row.model),
    AnswerColumn("origin", "text", lambda row: row.origin),
    AnswerColumn("prompt", "text", lambda row: row.prompt),
    AnswerColumn("prompt_sha256", "text", lambda row: row.prompt_sha256),
    AnswerColumn("left_out_count", "integer", lambda row: len(row.left_out)),
    AnswerColumn("input_tokens", "integer", lambda row: row.usage.input_tokens),
    AnswerColumn("output_tokens", "integer", lambda row: row.usage.output_tokens),
    AnswerColumn("cached_input_tokens", "integer", lambda row: row.usage.cached_input_tokens),
    AnswerColumn("cost_usd", "number", lambda row: row.cost_usd),
    AnswerColumn("snapshot", "text", lambda row: row.snapshot),
    AnswerColumn("request_key", "text", lambda row: row.request_key),
    AnswerColumn("error", "text", _error),
)
FLAT_COLUMNS = tuple(column for column in _COLUMNS if column.kind != "claims")
"""For files of text cells."""
TYPED_COLUMNS = tuple(column for column in _COLUMNS if column.kind != "quotes")
"""For Parquet and SQL tables, where claims keep their shape."""


def question_columns(rows: Iterable[AnswerRow]) -> list[str]:
    """The columns of the questions beside id and question, in the order of their first occurrence."""
    return list(dict.fromkeys(name for row in rows for name in row.columns))


def free_name(name: str, taken: Container[str]) -> str:
    """The name, prefixed as often as the questions have a column of that name: they keep theirs."""
    while name in taken or _PREFIX + name in taken:
        name = _PREFIX + name
    return name


def own_name(name: str, present: Container[str]) -> str:
    """The inverse: under which of the names that are ``present`` an answer file holds one of our columns."""
    while _PREFIX + name in present:
        name = _PREFIX + name
    return name


def as_cells(row: AnswerRow, columns: Sequence[AnswerColumn] = FLAT_COLUMNS) -> list[str]:
    """The facts as texts; nothing is an empty text."""
    return [_as_cell(column, column.value(row)) for column in columns]


def _as_cell(column: AnswerColumn, value: Any) -> str:
    if value is None:
        return ""
    if column.kind == "number":
        return f"{value:.6f}"
    return "\n".join(value) if column.kind == "names" else str(value)


def portable(value: Any) -> Any:
    """The value with every character that UTF-8 or a database refuses (NUL, lone surrogates) as U+FFFD."""
    if isinstance(value, str):
        return value.translate(_NOT_PORTABLE)
    if isinstance(value, dict):
        return {name: portable(item) for name, item in value.items()}
    return [portable(item) for item in value] if isinstance(value, (list, tuple)) else value
