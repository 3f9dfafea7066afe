"""Keep ledger and store together: create a collection, compare both, write heads from the outbox."""

from __future__ import annotations

from wellread.errors import ModelMismatchError
from wellread.indexing.fences import Fence
from wellread.indexing.parts import Parts
from wellread.indexing.same_history import look_at_both, require_belonging, require_same_history, store_lost
from wellread.ledger import projections, revisions
from wellread.snapshots import Head, Projection


def prepare_collection(parts: Parts, collection: str, *, fence: Fence) -> Projection:
    """The live projection, created where there is none, and proven to belong to this ledger.

    Raises ``EpochMismatchError`` if ledger or store were restored or replaced, ``ModelMismatchError`` if the
    collection was embedded with another model. ``fence``: of a source's lease.
    """
    asked = f"use the collection {collection!r}"
    both = look_at_both(parts, collection)
    if both.row is None:
        require_same_history(both, asked=asked)
        with parts.ledger.transaction() as tx:
            revisions.create_collection(tx, collection, parts.embedder.identity, next_revision=1)
        both = look_at_both(parts, collection)
    assert both.row is not None
    assert both.live is not None
    _require_model(parts, both.live)
    require_same_history(both, asked=asked)
    if both.row.acknowledged_seq and not parts.store.projection_exists(both.live):
        raise store_lost(collection, "its physical collections are gone", asked=asked)
    parts.store.create_projection(both.live, fence=fence)
    return both.live


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

    Raises as :func:`require_belonging`.
    """
    return require_belonging(parts, collection, asked=f"use the collection {collection!r}")


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
