"""Ask for one more try of quarantined documents, and tell what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from wellread.ledger.database import Transaction
from wellread.ledger.schema import documents, quarantine

_ASKED = ""
"""The stage signature of a row that is to be tried again: no run's, until a new failure writes it."""


@dataclass(frozen=True, slots=True)
class Redriven:
    """How a document stands that was to be tried again."""

    source_id: str
    natural_key: str
    outcome: Literal["read", "failed", "gone", "untried"]
    """``gone``: neither in quarantine nor in the index, so its source does not list it any more."""
    stage: str | None = None
    cause: str | None = None
    attempts: int | None = None


def mark_for_redrive(
    tx: Transaction,
    collection: str,
    *,
    natural_key: str | None = None,
    source_id: str | None = None,
    cause: str | None = None,
    stage: str | None = None,
) -> list[tuple[str, str]]:
    """Mark the rows that meet all that is given; returns their (source id, natural key), sorted.

    A marked row bears no stage signature, so it equals no run's: the next run tries the document as if it had
    changed, and a new failure writes the signature again. Attempts go on counting.
    """
    where = [quarantine.c.collection == collection]
    wanted = (
        (quarantine.c.natural_key, natural_key),
        (quarantine.c.source_id, source_id),
        (quarantine.c.cause, cause),
        (quarantine.c.stage, stage),
    )
    where += [column == value for column, value in wanted if value is not None]
    found = tx.execute(sa.select(quarantine.c.source_id, quarantine.c.natural_key).where(*where)).all()
    tx.execute(sa.update(quarantine).where(*where).values(stage_signature=_ASKED))
    return sorted((row.source_id, row.natural_key) for row in found)


def redriven(tx: Transaction, collection: str, marked: Sequence[tuple[str, str]]) -> list[Redriven]:
    """What came of documents that were marked, in their order; (source id, natural key) each."""
    sources = sorted({source_id for source_id, _ in marked})
    troubled = {
        (row.source_id, row.natural_key): row
        for row in tx.execute(
            sa.select(quarantine).where(quarantine.c.collection == collection, quarantine.c.source_id.in_(sources))
        )
    }
    return [
        _told(troubled[item])
        if item in troubled
        else Redriven(*item, "read" if _is_live(tx, collection, item) else "gone")
        for item in marked
    ]


def _told(row: sa.Row[Any]) -> Redriven:
    outcome: Literal["failed", "untried"] = "untried" if row.stage_signature == _ASKED else "failed"
    return Redriven(row.source_id, row.natural_key, outcome, row.stage, row.cause, row.attempts)


def _is_live(tx: Transaction, collection: str, item: tuple[str, str]) -> bool:
    source_id, natural_key = item
    query = sa.select(documents.c.doc_id).where(
        documents.c.collection == collection,
        documents.c.source_id == source_id,
        documents.c.natural_key == natural_key,
        documents.c.state == "live",
    )
    return tx.execute(query).first() is not None
