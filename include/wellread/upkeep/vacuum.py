"""Vacuum: delete what no reader can see any more, and give back revision numbers of dead runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from wellread.indexing.heads import flush_heads
from wellread.indexing.loading import delete_rows
from wellread.indexing.parts import Parts
from wellread.indexing.same_history import require_belonging
from wellread.ledger import objects as ledger_objects
from wellread.ledger import projections, revisions
from wellread.ledger.columns import epoch_now
from wellread.ledger.schema import collections
from wellread.ledger.schema import revisions as revisions_table
from wellread.snapshots import Projection

_OBJECTS_PER_ROUND = 2_000


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """What a vacuum did."""

    deleted: int
    oldest_readable: int


def vacuum(parts: Parts, collection: str) -> Vacuumed:
    """Delete objects that a revision closed which was published before the horizon.

    ``oldest_readable`` is raised in the head first: a reader with an older snapshot is refused, and never
    sees half of what it pinned. Raises ``EpochMismatchError`` if ledger or store were restored or lost.
    """
    with parts.ledger.reading() as reading:
        row = revisions.find_collection(reading, collection)
        if row is None:
            return Vacuumed(0, 0)
    require_belonging(parts, collection, asked=f"vacuum {collection!r}")
    with parts.ledger.reading() as reading:
        copies = [revisions.live_projection(reading, collection), *projections.mirrors(reading, collection)]
        horizon = epoch_now() - parts.settings.horizon_seconds
        old = (
            reading.execute(
                sa.select(revisions_table.c.number).where(
                    revisions_table.c.collection == collection,
                    revisions_table.c.state == "published",
                    revisions_table.c.ended_at < horizon,
                )
            )
            .scalars()
            .all()
        )
        if not any(ledger_objects.closed_before(reading, copy, old, limit=1) for copy in copies):
            return Vacuumed(0, row.oldest_readable)
    oldest = _raise_oldest_readable(parts, collection, max(old) + 1)
    return Vacuumed(sum(_delete(parts, copy, old) for copy in copies), oldest)


def _delete(parts: Parts, projection: Projection, old: Sequence[int]) -> int:
    deleted = 0
    while True:
        with parts.ledger.reading() as reading:
            waiting = ledger_objects.closed_before(reading, projection, old, limit=_OBJECTS_PER_ROUND)
        if not waiting:
            return deleted
        delete_rows(parts, projection, waiting)
        deleted += len(waiting)


def _raise_oldest_readable(parts: Parts, collection: str, oldest: int) -> int:
    with parts.ledger.transaction() as tx:
        row = revisions.locked_collection(tx, collection)
        if row.oldest_readable >= oldest:
            return row.oldest_readable
        tx.execute(sa.update(collections).where(collections.c.name == collection).values(oldest_readable=oldest))
        revisions.append_head(tx, collection)
    flush_heads(parts, collection)
    return oldest
