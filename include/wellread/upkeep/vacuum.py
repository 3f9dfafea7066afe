"""Vacuum: delete what no reader can see any more, and give back revision numbers of dead runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from wellread.indexing.fences import CopyFence
from wellread.indexing.heads import flush_heads
from wellread.indexing.loading import delete_rows
from wellread.indexing.parts import Parts
from wellread.indexing.payloads import drop_payloads
from wellread.indexing.same_history import require_belonging
from wellread.ledger import claims, projections, revisions
from wellread.ledger import objects as ledger_objects
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
    claims: int = 0
    """Claims on embedding keys, of dead workers, that nobody met again."""


def vacuum(parts: Parts, collection: str) -> Vacuumed:
    """Delete objects that a revision closed which was published before the horizon.

    ``oldest_readable`` is raised in the head first: a reader with an older snapshot is refused, and never
    sees half of what it pinned. Payloads that no quarantine row needs go too, and claims of dead workers on
    embedding keys, whatever the collection. No lease is needed: what it deletes, the ledger has given up for good
    under ids that are never used again, so that two at once, or one that slept meanwhile, delete the same. Raises
    ``LeaseHeldError`` where a copy was dropped meanwhile, ``EpochMismatchError`` where ledger or store were
    restored or lost.
    """
    with parts.ledger.reading() as reading:
        row = revisions.find_collection(reading, collection)
    if row is not None:
        require_belonging(parts, collection, asked=f"vacuum {collection!r}")
    drop_payloads(parts)
    expired = claims.drop_expired(parts.ledger)
    if row is None:
        return Vacuumed(0, 0, expired)
    with parts.ledger.reading() as reading:
        copies = projections.kept_copies(reading, collection)
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
            return Vacuumed(0, row.oldest_readable, expired)
    oldest = _raise_oldest_readable(parts, collection, max(old) + 1)
    return Vacuumed(sum(_delete(parts, copy, old) for copy in copies), oldest, expired)


def _delete(parts: Parts, projection: Projection, old: Sequence[int]) -> int:
    deleted = 0
    fence = CopyFence(parts, projection, ("live", *projections.MIRRORS))
    while True:
        with parts.ledger.reading() as reading:
            waiting = ledger_objects.closed_before(reading, projection, old, limit=_OBJECTS_PER_ROUND)
        if not waiting:
            return deleted
        delete_rows(parts, projection, waiting, fence=fence)
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
