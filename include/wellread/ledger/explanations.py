"""What every table says of one document: read for a person who asks why it is, or is not, in the index."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from wellread.ledger.database import Transaction
from wellread.ledger.purge_schema import purges
from wellread.ledger.schema import denied, documents, holds, quarantine, revisions, runs, sources, staged

Row = Mapping[str, Any]
_SIMILAR = 5


def find_source_rows(tx: Transaction, collection: str, source_id: str | None = None) -> list[Row]:
    """The sources that have ever run into the collection (or this one of them)."""
    query = sa.select(sources).where(sources.c.collection == collection).order_by(sources.c.source_id)
    return _rows(tx, query if source_id is None else query.where(sources.c.source_id == source_id))


def find_document_rows(tx: Transaction, collection: str, name: str) -> list[Row]:
    """Document rows by natural key or by id, whatever their state, of every source."""
    matches = documents.c.natural_key == name
    if (doc_id := _as_id(name)) is not None:
        matches = sa.or_(matches, documents.c.doc_id == doc_id)
    query = sa.select(documents).where(documents.c.collection == collection, matches)
    return _rows(tx, query.order_by(documents.c.source_id))


def find_quarantine_rows(tx: Transaction, collection: str, natural_key: str) -> list[Row]:
    """What stands in quarantine under a natural key, of every source."""
    return _rows(
        tx,
        sa.select(quarantine).where(quarantine.c.collection == collection, quarantine.c.natural_key == natural_key),
    )


def find_hold_rows(tx: Transaction, collection: str, natural_key: str) -> list[Row]:
    """The deletions of this natural key that wait for a person, or were approved and wait for a run."""
    return _rows(tx, sa.select(holds).where(holds.c.collection == collection, holds.c.natural_key == natural_key))


def find_staged_rows(tx: Transaction, collection: str, doc_id: uuid.UUID) -> list[Row]:
    """What open runs are doing with the document."""
    query = sa.select(staged, revisions.c.run_id).join(
        revisions,
        sa.and_(revisions.c.collection == staged.c.collection, revisions.c.number == staged.c.revision),
    )
    return _rows(tx, query.where(staged.c.collection == collection, staged.c.doc_id == doc_id))


def find_denials(tx: Transaction, collection: str, source_id: str, doc_id: uuid.UUID) -> list[Row]:
    """Why readers are refused the document, or its whole source."""
    of_document = sa.and_(denied.c.kind == "document", denied.c.value == str(doc_id))
    of_source = sa.and_(denied.c.kind == "source", denied.c.value == source_id)
    return _rows(tx, sa.select(denied).where(denied.c.collection == collection, sa.or_(of_document, of_source)))


def find_purge_rows(tx: Transaction, collection: str, name: str) -> list[Row]:
    """Purges, begun or ended, of documents of this natural key or id, of every source."""
    matches = purges.c.natural_key == name
    if (doc_id := _as_id(name)) is not None:
        matches = sa.or_(matches, purges.c.doc_id == doc_id)
    return _rows(tx, sa.select(purges).where(purges.c.collection == collection, matches))


def find_revision_rows(tx: Transaction, collection: str, numbers: Sequence[int]) -> dict[int, Row]:
    """Revisions by number."""
    query = sa.select(revisions).where(revisions.c.collection == collection, revisions.c.number.in_(list(numbers)))
    return {row["number"]: row for row in _rows(tx, query)}


def find_runs_of_source(tx: Transaction, collection: str, source_id: str, *, limit: int) -> list[Row]:
    """The newest runs of one source, newest first."""
    query = sa.select(runs).where(runs.c.collection == collection, runs.c.source_id == source_id)
    return _rows(tx, query.order_by(runs.c.started_at.desc()).limit(limit))


def find_moved_to(tx: Transaction, row: Row) -> str | None:
    """The natural key that a moved document has now, where a document of the same content came with its going."""
    query = sa.select(documents.c.natural_key).where(
        documents.c.collection == row["collection"],
        documents.c.source_id == row["source_id"],
        documents.c.content_sha == row["content_sha"],
        documents.c.revision >= row["revision"],
        documents.c.state == "live",
    )
    return tx.execute(query.order_by(documents.c.revision).limit(1)).scalar_one_or_none()


def similar_keys(tx: Transaction, collection: str, name: str) -> list[str]:
    """Some known natural keys that hold the last part of ``name``, for a person who mistyped."""
    part = name.rstrip("/").rsplit("/", 1)[-1]
    found: list[str] = []
    for table in (documents, quarantine):
        query = sa.select(table.c.natural_key).where(
            table.c.collection == collection, table.c.natural_key.contains(part, autoescape=True)
        )
        found += tx.execute(query.order_by(table.c.natural_key).limit(_SIMILAR)).scalars()
    return sorted(set(found))[:_SIMILAR]


def _as_id(name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(name)
    except ValueError:
        return None


def _rows(tx: Transaction, query: sa.Select[Any]) -> list[Row]:
    return [dict(row) for row in tx.execute(query).mappings()]
