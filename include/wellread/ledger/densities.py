"""How many chunks documents have become: the history that estimates are made from."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import sqlalchemy as sa

from wellread.ledger.database import Transaction
from wellread.ledger.schema import documents, objects, projections
from wellread.snapshots import OPEN

_IDS_PER_QUERY = 500


def count_chunks(tx: Transaction, collection: str, doc_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Open chunks by document, in the copy that readers use; documents without any are left out."""
    number = sa.select(projections.c.number).where(
        projections.c.collection == collection, projections.c.state == "live"
    )
    found: dict[uuid.UUID, int] = {}
    for start in range(0, len(doc_ids), _IDS_PER_QUERY):
        query = (
            sa.select(objects.c.doc_id, sa.func.count().label("chunks"))
            .where(
                objects.c.collection == collection,
                objects.c.projection == number.scalar_subquery(),
                objects.c.doc_id.in_(doc_ids[start : start + _IDS_PER_QUERY]),
                objects.c.kind == "chunks",
                objects.c.rev_to == OPEN,
            )
            .group_by(objects.c.doc_id)
        )
        found.update({row.doc_id: int(row.chunks) for row in tx.execute(query)})
    return found


def chunks_per_byte(tx: Transaction, collection: str, extension: str, *, most_documents: int = 200) -> list[float]:
    """Chunks per byte of the newest live documents with this extension (``.pdf``), rising."""
    query = (
        sa.select(documents.c.doc_id, documents.c.size_bytes)
        .where(
            documents.c.collection == collection,
            documents.c.state == "live",
            documents.c.size_bytes > 0,
            sa.func.lower(documents.c.natural_key).endswith(extension.casefold(), autoescape=True),
        )
        .order_by(documents.c.changed_at.desc())
        .limit(most_documents)
    )
    sizes = {row.doc_id: row.size_bytes for row in tx.execute(query)}
    chunks = count_chunks(tx, collection, list(sizes))
    return sorted(chunks.get(doc_id, 0) / size for doc_id, size in sizes.items())
