"""The rules of a run as values: which column, which limits, from how many documents on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from wellread.quality.media_groups import MEDIA_GROUPS, media_group
from wellread.quality.settings import QualitySettings
from wellread.runs import DocumentStatistics

Measure = Literal["mean", "median"]
Column = list[float | None]

_NOT_JUDGED = {"unsupported", "gone"}
_CAUSES_OF_EMPTINESS = {"empty", "no_elements", "empty_text", "no_chunks"}
"""A scan (``no_text``) is not among them: it has something to read, only not for us."""


@dataclass(frozen=True, slots=True)
class RunRule:
    """One rule: the ``measure`` of ``column`` over the documents that have a value lies within the limits."""

    name: str
    column: str
    measure: Measure
    minimum: float | None
    maximum: float | None
    meaning: str


@dataclass(frozen=True, slots=True)
class RunTable:
    """The documents that are judged, as columns of equal length. ``None``: this one has no such value."""

    natural_keys: tuple[str, ...]
    columns: dict[str, Column]


def run_table(rows: Sequence[DocumentStatistics]) -> RunTable:
    """Columns of plain numbers; documents of unsupported types and vanished ones are left out."""
    judged = [row for row in rows if row.outcome not in _NOT_JUDGED]
    columns: dict[str, Column] = {
        "failed": [float(row.outcome != "extracted") for row in judged],
        "empty": [float(_is_empty(row) or row.cause in _CAUSES_OF_EMPTINESS) for row in judged],
        "duplicate": [_of_extracted(row, float(row.is_duplicate)) for row in judged],
        "replacement_ratio": [_of_text(row, row.replacement_chars / max(row.text_chars, 1)) for row in judged],
        "chunk_words_mean": [_of_text(row, row.chunk_words_mean) for row in judged],
    }
    for group in MEDIA_GROUPS:
        columns[f"chars_per_byte_{group}"] = [
            row.text_chars / row.size_bytes
            if row.outcome == "extracted" and row.size_bytes and media_group(row.media_type) == group
            else None
            for row in judged
        ]
    return RunTable(tuple(row.natural_key for row in judged), columns)


def run_rules(settings: QualitySettings) -> tuple[RunRule, ...]:
    """All rules of a run."""
    run = settings.run
    per_group = (
        RunRule(
            f"chars_per_byte_{group}",
            f"chars_per_byte_{group}",
            "median",
            run.chars_per_byte_median_min.get(group, 0.0),
            None,
            f"characters of text a byte of the file, in the median {group} document",
        )
        for group in MEDIA_GROUPS
    )
    words = run.chunk_words_mean_min, run.chunk_words_mean_max
    return (
        RunRule("failed_share", "failed", "mean", None, run.failed_share_max, "share of documents that failed"),
        RunRule("empty_share", "empty", "mean", None, run.empty_share_max, "share of documents without text"),
        RunRule("duplicate_share", "duplicate", "mean", None, run.duplicate_share_max, "share of repeated texts"),
        RunRule(
            "replacement_ratio",
            "replacement_ratio",
            "mean",
            None,
            run.replacement_ratio_mean_max,
            "share of characters that could not be decoded",
        ),
        RunRule("chunk_words", "chunk_words_mean", "mean", *words, "words in a chunk"),
        *per_group,
    )


def applicable_rules(
    rules: Sequence[RunRule], table: RunTable, *, documents_count_min: int
) -> tuple[tuple[RunRule, ...], tuple[str, ...]]:
    """The rules that have enough documents, and for each of the others a sentence that says why it has not."""
    applied: list[RunRule] = []
    notes: list[str] = []
    for rule in rules:
        count = sum(value is not None for value in table.columns[rule.column])
        if count >= documents_count_min:
            applied.append(rule)
        elif count:
            notes.append(
                f"{rule.name} not judged: {count} documents, and it means something from {documents_count_min}"
            )
    return tuple(applied), tuple(notes)


def worst_examples(rule: RunRule, table: RunTable, *, count: int, is_above: bool) -> tuple[str, ...]:
    """The documents that drive a rule over its upper (or under its lower) limit, worst first."""
    values = zip(table.natural_keys, table.columns[rule.column], strict=True)
    known = [(value, key) for key, value in values if value is not None and (value > 0 or not is_above)]
    known.sort(key=lambda pair: (-pair[0] if is_above else pair[0], pair[1]))
    return tuple(key for _, key in known[:count])


def _of_extracted(row: DocumentStatistics, value: float) -> float | None:
    return value if row.outcome == "extracted" else None


def _of_text(row: DocumentStatistics, value: float) -> float | None:
    return value if row.outcome == "extracted" and not _is_empty(row) else None


def _is_empty(row: DocumentStatistics) -> bool:
    return row.outcome == "extracted" and (row.text_chars == 0 or row.chunk_count == 0)
