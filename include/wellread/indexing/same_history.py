"""Do ledger and store belong together? A restored backup of either side is noticed before anything is planned.

The head in the store carries a sequence number and the epoch of its copy, and the ledger knows which head it wrote
last and which it saw acknowledged. Head ahead of the ledger: the ledger was restored. Head behind the acknowledged
one: the store was. Runs publish meanwhile, so the ledger is read before and after the head.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from wellread.errors import EpochMismatchError, SettingsError
from wellread.indexing.parts import Parts
from wellread.ledger import projections, revisions
from wellread.ledger.revisions import CollectionRow
from wellread.snapshots import Head, Projection


@dataclass(frozen=True, slots=True)
class BothSides:
    """What store and ledger say of one collection."""

    collection: str
    acknowledged_seq: int
    """Of the ledger before the head was read: the store must have this one."""
    head: Head | None
    row: CollectionRow | None
    """Of the ledger after the head was read: no head of the store may be ahead of it."""
    live: Projection | None
    epochs: AbstractSet[str]
    """Of all copies that this ledger has ever made."""

    @property
    def store_is_behind(self) -> bool:
        """Whether the store was emptied or restored: it has lost a head that it had acknowledged."""
        return self.acknowledged_seq > (0 if self.head is None else self.head.seq)


def look_at_both(parts: Parts, collection: str) -> BothSides:
    """Read what :func:`require_same_history` judges."""
    with parts.ledger.reading() as reading:
        before = revisions.find_collection(reading, collection)
    head = parts.store.read_head(collection)
    with parts.ledger.reading() as reading:
        row = revisions.find_collection(reading, collection)
        live = None if row is None else revisions.live_projection(reading, collection)
        epochs = projections.known_epochs(reading, collection)
    return BothSides(collection, 0 if before is None else before.acknowledged_seq, head, row, live, epochs)


def require_same_history(both: BothSides, *, asked: str, store_may_be_behind: bool = False) -> None:
    """Raise ``EpochMismatchError`` where ledger or store were restored, replaced or lost."""
    head, row = both.head, both.row
    if head is not None and row is None:
        raise EpochMismatchError(
            asked,
            found=f"Weaviate holds {both.collection!r} (head {head.seq}), and this ledger does not know it",
            remedy="Use the WELLREAD_HOME (or ledger) that made it or another --collection, or delete it in "
            "Weaviate.",
        )
    if head is not None and row is not None:
        _require_own_head(both, head, row, asked)
    if both.store_is_behind and not store_may_be_behind:
        what = f"its head {head.seq} is older than" if head is not None else "it has no head, and lost"
        raise store_lost(both.collection, f"{what} the acknowledged {both.acknowledged_seq}", asked=asked)


def _require_own_head(both: BothSides, head: Head, row: CollectionRow, asked: str) -> None:
    epoch = head.projection.store_epoch
    # A switch to another copy that was cut off before its head was written: the outbox writes it now.
    is_switching = head.seq < row.head_seq and epoch in both.epochs
    if head.seq > row.head_seq:
        alien = "" if epoch in both.epochs else ", or the store is another ledger's: it made this copy"
        raise EpochMismatchError(
            asked,
            found=f"the store is at head {head.seq}, the ledger only at {row.head_seq}: the ledger was "
            f"restored{alien}",
            remedy="Restore the ledger's newest backup; an older ledger must not write over a newer store.",
        )
    if both.live is not None and epoch != both.live.store_epoch and not is_switching:
        raise EpochMismatchError(
            asked,
            found="the store's copy was made by another ledger",
            remedy="Point this WELLREAD_HOME at the store it belongs to, or at an empty one.",
        )


def store_lost(collection: str, what: str, *, asked: str) -> EpochMismatchError:
    """The error for a store that was emptied or restored from a backup."""
    return EpochMismatchError(
        asked,
        found=f"the store was emptied or restored: {what}",
        remedy=f"Run `wellread rebuild {collection}`: it costs no source read and no embedding. Or restore the "
        "store's newest backup.",
    )


def require_belonging(
    parts: Parts, collection: str, *, asked: str, store_may_be_behind: bool = False
) -> Projection:
    """The live copy of a collection that exists; nothing is created and no model is asked.

    ``asked`` is for the error. ``store_may_be_behind``: for what makes an older or emptied store good, or only
    drops copies. Raises ``SettingsError`` for an unknown collection, ``EpochMismatchError`` if ledger or store were
    restored, replaced or lost.
    """
    both = look_at_both(parts, collection)
    if both.live is None and both.head is None:
        raise SettingsError(
            asked,
            found=f"the ledger does not know the collection {collection!r}",
            remedy="Ingest a source into it first, or check the name and WELLREAD_HOME.",
        )
    require_same_history(both, asked=asked, store_may_be_behind=store_may_be_behind)
    assert both.live is not None
    if not store_may_be_behind and not parts.store.projection_exists(both.live):
        raise store_lost(collection, "its physical collections are gone", asked=asked)
    return both.live
