"""Keep ledger and store together: create a collection, compare both, write heads from the outbox."""

from __future__ import annotations

from collections.abc import Collection

from wellread.errors import EpochMismatchError, ModelMismatchError, SettingsError
from wellread.indexing.fences import Fence
from wellread.indexing.parts import Parts
from wellread.ledger import projections, revisions
from wellread.ledger.revisions import CollectionRow
from wellread.snapshots import Head, Projection


def prepare_collection(parts: Parts, collection: str, *, fence: Fence) -> Projection:
    """The live projection, created where there is none, and proven to belong to this ledger.

    Raises ``EpochMismatchError`` if ledger or store were restored or replaced, ``ModelMismatchError`` if the
    collection was embedded with another model. ``fence``: of a source's lease.
    """
    head = parts.store.read_head(collection)
    with parts.ledger.reading() as reading:
        row = revisions.find_collection(reading, collection)
    if row is None:
        _require_unused(collection, head)
        with parts.ledger.transaction() as tx:
            revisions.create_collection(tx, collection, parts.embedder.identity, next_revision=1)
        with parts.ledger.reading() as reading:
            row = revisions.find_collection(reading, collection)
    assert row is not None
    with parts.ledger.reading() as reading:
        projection = revisions.live_projection(reading, collection)
        epochs = projections.known_epochs(reading, collection)
    _require_model(parts, projection)
    _require_same_history(row, projection, head, epochs)
    if row.acknowledged_seq == 0 or parts.store.projection_exists(projection):
        parts.store.create_projection(projection, fence=fence)
    else:
        raise _store_lost(collection, "its physical collections are gone")
    return projection


def parts_of(parts: Parts, projection: Projection) -> Parts:
    """The parts with the embedder of a copy. Raises ``ModelMismatchError`` where it is not at hand."""
    found = parts.with_model(projection.model)
    if found.embedder.identity != projection.model:
        model = projection.model
        raise ModelMismatchError(
            f"write copy {projection.number} of {projection.collection!r}",
            found=f"its model {model.provider} {model.model} ({model.dimensions} dimensions) is neither the "
            "embedder nor the previous_embedder of the settings",
            remedy="While two copies stand, set both. Or drop the copy that is not live: `wellread migrate "
            f"{projection.collection} --finish`.",
        )
    return found


def parts_of_live(parts: Parts, collection: str) -> Parts:
    """The parts with the embedder of the live copy; proves that the copies beside it have theirs.

    A model that fits no copy is left to :func:`prepare_collection`. Raises ``ModelMismatchError``.
    """
    with parts.ledger.reading() as reading:
        if revisions.find_collection(reading, collection) is None:
            return parts
        live = revisions.live_projection(reading, collection)
        mirrors = projections.mirrors(reading, collection)
    bound = parts.with_model(live.model)
    for mirror in mirrors:
        parts_of(bound, mirror)
    return bound


def known_projection(parts: Parts, collection: str) -> Projection:
    """The live projection of a collection that exists, proven to stand in the store and to belong to this ledger.

    Nothing is created and no model is asked. Raises ``SettingsError`` for an unknown collection and
    ``EpochMismatchError`` if ledger or store were restored, replaced or lost.
    """
    head = parts.store.read_head(collection)
    with parts.ledger.reading() as reading:
        row = revisions.find_collection(reading, collection)
        if row is None:
            raise SettingsError(
                f"use the collection {collection!r}",
                found="the ledger does not know it",
                remedy="Ingest a source into it first, or check the name and WELLREAD_HOME.",
            )
        projection = revisions.live_projection(reading, collection)
        epochs = projections.known_epochs(reading, collection)
    _require_same_history(row, projection, head, epochs)
    if not parts.store.projection_exists(projection):
        raise _store_lost(collection, "its physical collections are gone")
    return projection


def _require_unused(collection: str, head: Head | None) -> None:
    if head is None:
        return
    raise EpochMismatchError(
        f"create the collection {collection!r}",
        found=f"Weaviate holds one of this name (head {head.seq}) that this ledger does not know",
        remedy="Use the WELLREAD_HOME (or ledger) that made it, another --collection, or delete it in Weaviate.",
    )


def _require_model(parts: Parts, projection: Projection) -> None:
    asked, stored = parts.embedder.identity, projection.model
    if asked != stored:
        raise ModelMismatchError(
            f"write to the collection {projection.collection!r} with {asked.provider} {asked.model}",
            found=f"its vectors come from {stored.provider} {stored.model} (revision {stored.revision[:12]}, "
            f"{stored.dimensions} dimensions); the configured one is revision {asked.revision[:12]}, "
            f"{asked.dimensions} dimensions",
            remedy="Configure the model that built it, or use another --collection. To move this one, set the "
            "old model as previous_embedder and run `wellread migrate`.",
        )


def _require_same_history(
    row: CollectionRow, projection: Projection, head: Head | None, epochs: Collection[str]
) -> None:
    if head is None:
        if row.acknowledged_seq == 0:
            return
        raise _store_lost(row.name, "its head is gone")
    # A switch to another copy that was cut off before its head was written: the outbox writes it now.
    is_switching = head.seq < row.head_seq and head.projection.store_epoch in epochs
    if head.projection.store_epoch != projection.store_epoch and not is_switching:
        raise EpochMismatchError(
            f"use the collection {row.name!r}",
            found="the store's copy was made by another ledger",
            remedy="Point this WELLREAD_HOME at the store it belongs to.",
        )
    if head.seq > row.head_seq:
        raise EpochMismatchError(
            f"use the collection {row.name!r}",
            found=f"the store is at head {head.seq}, the ledger only at {row.head_seq}: the ledger was restored",
            remedy="Restore the ledger's newest backup; an older ledger must not write over a newer store.",
        )
    if head.seq < row.acknowledged_seq:
        raise _store_lost(row.name, f"its head {head.seq} is older than the acknowledged {row.acknowledged_seq}")


def _store_lost(collection: str, what: str) -> EpochMismatchError:
    return EpochMismatchError(
        f"use the collection {collection!r}",
        found=f"the store was emptied or restored: {what}",
        remedy=f"Run `wellread rebuild {collection}`: it costs no source read and no embedding. Or restore the "
        "store's newest backup.",
    )


def flush_heads(parts: Parts, collection: str) -> Head | None:
    """Write the newest head if the store does not have it yet. Part of every run, so a crash heals at the next.

    Needs no fence: see :meth:`VectorStore.write_head`.
    """
    with parts.ledger.reading() as reading:
        head = revisions.pending_head(reading, collection)
    if head is None:
        return None
    parts.store.write_head(head)
    with parts.ledger.transaction() as tx:
        revisions.acknowledge_head(tx, collection, head.seq)
    return head
