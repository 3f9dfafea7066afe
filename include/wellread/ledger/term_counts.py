"""In how many chunks each stem occurs: counted by difference at publication."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from wellread.ledger.database import Transaction
from wellread.ledger.schema import collections, terms
from wellread.ledger.upserts import insert_missing


def add_terms(tx: Transaction, collection: str, *, chunks: int, differences: Mapping[str, int]) -> None:
    """Add differences (they may be negative) to the counts. The caller holds the counter row."""
    changed = {term: count for term, count in differences.items() if count}
    insert_missing(tx, terms, [{"collection": collection, "term": term, "chunks": 0} for term in changed])
    if changed:
        update = (
            sa.update(terms)
            .where(terms.c.collection == collection, terms.c.term == sa.bindparam("which"))
            .values(chunks=terms.c.chunks + sa.bindparam("by"))
        )
        tx.execute(update, [{"which": term, "by": count} for term, count in changed.items()])
    tx.execute(
        sa.update(collections)
        .where(collections.c.name == collection)
        .values(chunk_count=collections.c.chunk_count + chunks)
    )


def read_terms(tx: Transaction, collection: str) -> dict[str, int]:
    """All counts above zero."""
    query = sa.select(terms.c.term, terms.c.chunks).where(terms.c.collection == collection, terms.c.chunks > 0)
    return {row.term: row.chunks for row in tx.execute(query)}
