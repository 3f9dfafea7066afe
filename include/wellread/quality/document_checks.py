"""Checks of one document, before anything is paid for it. Pure functions."""

from __future__ import annotations

import unicodedata
from collections import Counter

from wellread.errors import DocumentError
from wellread.quality.media_groups import media_group
from wellread.quality.settings import DocumentRules
from wellread.runs import DocumentStatistics

_SAMPLE_CHARS = 20_000  # enough to estimate a share to about one in a hundred, whatever the length


def check_document(
    statistics: DocumentStatistics, rules: DocumentRules | None = None, *, text: str | None = None
) -> None:
    """Raises ``DocumentError`` (stage ``quality``) for a document whose text cannot be right.

    Causes: ``empty_text``, ``no_chunks``, ``undecodable``, ``sparse_text``, ``chunk_too_long``,
    ``too_many_chunks``, and with ``text`` (the cleaned text) ``garbled_text``.
    """
    rules = rules or DocumentRules()
    _check_presence(statistics)
    _check_decoding(statistics, rules)
    _check_density(statistics, rules)
    _check_chunks(statistics, rules)
    if text is not None:
        _check_characters(statistics.natural_key, text, rules)


def _check_presence(row: DocumentStatistics) -> None:
    if row.text_chars == 0:
        raise _refused(row.natural_key, "it holds no text after cleaning", "empty_text")
    if row.chunk_count == 0:
        raise _refused(row.natural_key, f"{row.text_chars} characters gave no chunk", "no_chunks")


def _check_decoding(row: DocumentStatistics, rules: DocumentRules) -> None:
    ratio = row.replacement_chars / row.text_chars
    if row.replacement_chars >= rules.replacement_chars_min and ratio > rules.replacement_ratio_max:
        found = f"{ratio:.0%} of its characters could not be decoded (limit {rules.replacement_ratio_max:.0%})"
        raise _refused(row.natural_key, found, "undecodable")


def _check_density(row: DocumentStatistics, rules: DocumentRules) -> None:
    group = media_group(row.media_type)
    if group is None or row.size_bytes < rules.sparse_from_bytes:
        return
    limit = rules.chars_per_byte_min.get(group, 0.0)
    if row.text_chars < limit * row.size_bytes:
        found = (
            f"{row.text_chars} characters from {row.size_bytes} bytes of {row.media_type} (limit {limit} a byte)"
        )
        raise _refused(row.natural_key, found, "sparse_text")


def _check_chunks(row: DocumentStatistics, rules: DocumentRules) -> None:
    if row.chunk_words_max > rules.chunk_words_max:
        found = f"a chunk of {row.chunk_words_max} words (limit {rules.chunk_words_max})"
        raise _refused(row.natural_key, found, "chunk_too_long")
    if row.chunk_count > rules.chunks_count_max:
        found = f"{row.chunk_count} chunks (limit {rules.chunks_count_max})"
        raise _refused(row.natural_key, found, "too_many_chunks")


def _check_characters(natural_key: str, text: str, rules: DocumentRules) -> None:
    classes: Counter[str] = Counter()
    for character, count in Counter(_sample(text)).items():  # few distinct ones: counting runs in C
        if not character.isspace():
            classes[unicodedata.category(character)[0]] += count
    visible = classes.total()
    if len(text) < rules.garbled_from_chars or visible == 0:
        return
    letters = (classes["L"] + classes["M"] + classes["N"]) / visible
    if letters < rules.letters_ratio_min:
        found = f"letters and digits are {letters:.0%} of its visible text (limit {rules.letters_ratio_min:.0%})"
        raise _refused(natural_key, found, "garbled_text")
    unassigned = classes["C"] / visible
    if unassigned > rules.unassigned_ratio_max:
        found = f"{unassigned:.0%} of its characters stand for nothing (limit {rules.unassigned_ratio_max:.0%})"
        raise _refused(natural_key, found, "garbled_text")


def _sample(text: str) -> str:
    """Characters at even distances over the whole text, so that a garbled appendix counts for its share."""
    return text[:: max(1, len(text) // _SAMPLE_CHARS)]


def _refused(natural_key: str, found: str, cause: str) -> DocumentError:
    return DocumentError(
        f"the text of {natural_key!r}",
        found=found,
        remedy="Look at the file; mend or exclude it, or change the document rules of the quality settings",
        stage="quality",
        cause=cause,
    )
