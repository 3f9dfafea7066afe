"""Whole rows of live documents, for histories and for putting documents back; and sources that are held."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Transaction
from wellread.ledger.schema import documents, sources

Row = Mapping[str, Any]


def live_rows(tx: Transaction, collection: str, doc_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Row]:
    """The rows of live documents, by id; others are left out."""
    found: dict[uuid.UUID, Row] = {}
    for start in range(0, len(doc_ids), 500):
        query = sa.select(documents).where(
            documents.c.collection == collection,
            documents.c.doc_id.in_(doc_ids[start : start + 500]),
            documents.c.state == "live",
        )
        found.update({row["doc_id"]: dict(row) for row in tx.execute(query).mappings()})
    return found


def hold_source(tx: Transaction, collection: str, source_id: str, reason: str | None) -> bool:
    """Hold a source, so that no run plans it, or release it with ``None``. Returns whether it is known."""
    query = sa.update(sources).where(sources.c.collection == collection, sources.c.source_id == source_id)
    return tx.execute(query.values(held_reason=reason)).rowcount == 1


def live_keys(tx: Transaction, collection: str, source_id: str) -> dict[uuid.UUID, str]:
    """The natural keys of a source's live documents, by id."""
    query = sa.select(documents.c.doc_id, documents.c.natural_key).where(
        documents.c.collection == collection, documents.c.source_id == source_id, documents.c.state == "live"
    )
    return {row.doc_id: row.natural_key for row in tx.execute(query)}


def mark_retired(tx: Transaction, collection: str, source_id: str, *, retired: bool) -> None:
    """Mark a source as retired, or as in use again."""
    query = sa.update(sources).where(sources.c.collection == collection, sources.c.source_id == source_id)
    tx.execute(query.values(retired_at=epoch_now() if retired else None))
