"""One row of figures for each document: what the rules of a run look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from wellread.identities import sha256_text
from wellread.runs import DocumentStatistics

UnextractedOutcome = Literal["quarantined", "unsupported", "failed_transient", "gone"]


def document_statistics(
    *,
    natural_key: str,
    media_type: str,
    size_bytes: int,
    text: str,
    element_count: int,
    chunk_word_counts: Sequence[int],
    page_count: int | None = None,
) -> DocumentStatistics:
    """The row of a document that was extracted. ``text`` is the cleaned text; words are split at white space."""
    chunk_count = len(chunk_word_counts)
    return DocumentStatistics(
        natural_key=natural_key,
        media_type=media_type,
        outcome="extracted",
        cause=None,
        size_bytes=size_bytes,
        text_chars=len(text),
        replacement_chars=text.count("\ufffd"),
        element_count=element_count,
        chunk_count=chunk_count,
        chunk_words_mean=sum(chunk_word_counts) / chunk_count if chunk_count else 0.0,
        chunk_words_max=max(chunk_word_counts, default=0),
        page_count=page_count,
        text_sha256=sha256_text(text),
    )


def unextracted_statistics(
    *, natural_key: str, outcome: UnextractedOutcome, cause: str | None, media_type: str = "", size_bytes: int = 0
) -> DocumentStatistics:
    """The row of a document without text: it failed, vanished, or is of a type that is not read."""
    return DocumentStatistics(
        natural_key=natural_key,
        media_type=media_type,
        outcome=outcome,
        cause=cause,
        size_bytes=size_bytes,
        text_chars=0,
        replacement_chars=0,
        element_count=0,
        chunk_count=0,
        chunk_words_mean=0.0,
        chunk_words_max=0,
        page_count=None,
        text_sha256="",
    )


def mark_duplicates(rows: Iterable[DocumentStatistics]) -> list[DocumentStatistics]:
    """The rows again; each whose text an earlier row had is marked. Empty texts are no duplicates."""
    seen: set[str] = set()
    marked = []
    for row in rows:
        has_text = row.outcome == "extracted" and row.text_chars > 0
        marked.append(replace(row, is_duplicate=has_text and row.text_sha256 in seen))
        if has_text:
            seen.add(row.text_sha256)
    return marked
