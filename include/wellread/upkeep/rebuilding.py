"""Rebuild a lost or damaged index from ledger, artifacts and cached vectors: 0 source reads, 0 embeddings.

A new physical copy is filled beside the old one under a new epoch, audited, and switched to by one head row. Every
step may be repeated, so a rebuild that was killed goes on where it was: what the new copy's rows have acknowledged
stays, what they only intended is deleted and written again.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field

from wellread.errors import AuditError, SettingsError
from wellread.indexing.fences import CopyFence
from wellread.indexing.heads import flush_heads
from wellread.indexing.parts import Parts
from wellread.indexing.revision_states import revision_states
from wellread.indexing.same_history import look_at_both, require_belonging
from wellread.ledger import objects as ledger_objects
from wellread.ledger import projections, revisions
from wellread.snapshots import Projection
from wellread.stores.protocol import ObjectKind
from wellread.upkeep.differences import Comparison, Sample, look_again
from wellread.upkeep.filling import Filled, fill_projection
from wellread.upkeep.repairing import repair_differences
from wellread.upkeep.source_leases import AllSources

GRACE_SECONDS = 10.0
"""The old copy is dropped so long after the switch: readers keep a head for at most two seconds."""

_AUDITS = 5
_KINDS: tuple[ObjectKind, ...] = ("chunks", "versions")


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild did."""

    collection: str
    projection: Projection | None = None
    replaced: list[int] = field(default_factory=list)
    """Numbers of the copies that were dropped."""
    is_resumed: bool = False
    filled: Filled = field(default_factory=Filled)
    chunks: int = 0
    versions: int = 0
    repaired: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """The JSON that ``wellread rebuild --json`` prints."""
        return {
            "collection": self.collection,
            "projection": None if self.projection is None else self.projection.number,
            "dropped": self.replaced,
            "resumed": self.is_resumed,
            "objects": {"chunks": self.chunks, "versions": self.versions},
            "written": self.filled.written,
            "kept": self.filled.kept,
            "repaired": self.repaired,
            "embeddings": 0,
            "source_reads": 0,
            "seconds": round(self.seconds, 3),
        }


def rebuild(parts: Parts, collection: str, *, grace_seconds: float = GRACE_SECONDS) -> Rebuilt:
    """Fill a new copy of the collection from the ledger, audit it, switch to it, drop the old one.

    Holds the leases of all its sources: ingestion waits, readers go on with the old copy until the switch.
    Raises ``LeaseHeldError`` where a run is at work, ``EpochMismatchError`` where the store is another or a newer
    ledger's.
    """
    started = time.monotonic()
    require_belonging(parts, collection, asked=f"rebuild {collection!r}", store_may_be_behind=True)
    is_behind = look_at_both(parts, collection).store_is_behind
    _require_one_copy(parts, collection)
    done = Rebuilt(collection)
    with ExitStack() as stack:
        held = AllSources(parts, collection, stack, purpose="rebuild")
        held.take_all()
        if not is_behind and _was_switched(parts, collection):
            _resume_switched(parts, done, held)
        else:
            _build(parts, done, held)
        flush_heads(parts, collection)
        with parts.ledger.reading() as reading:
            live = done.projection = revisions.live_projection(reading, collection)
        done.chunks, done.versions = (parts.store.count_objects(live, kind) for kind in _KINDS)
    done.replaced = drop_replaced(parts, collection, grace_seconds=grace_seconds)
    if is_behind:
        _drop_returned(parts, collection)
    done.seconds = time.monotonic() - started
    return done


def _require_one_copy(parts: Parts, collection: str) -> None:
    with parts.ledger.reading() as reading:
        mirrors = projections.mirrors(reading, collection)
        mirrors += projections.projections_in_state(reading, collection, "creating")
    if mirrors:
        raise SettingsError(
            f"rebuild {collection!r}",
            found=f"a migration is under way: copy {mirrors[0].number} is kept beside the live one",
            remedy=f"Roll it back or keep it, then drop the other copy: `wellread migrate {collection} --finish`.",
        )


def _was_switched(parts: Parts, collection: str) -> bool:
    """Whether an earlier rebuild was killed after its switch: only its old copy is left to be dropped."""
    with parts.ledger.reading() as reading:
        is_left = bool(projections.projections_in_state(reading, collection, "replaced"))
        live = revisions.live_projection(reading, collection)
    return is_left and parts.store.projection_exists(live)


def _resume_switched(parts: Parts, done: Rebuilt, held: AllSources) -> None:
    """The new copy is live. A server that was killed with the earlier try has lost its newest index entries."""
    done.is_resumed = True
    with parts.ledger.reading() as reading:
        live = revisions.live_projection(reading, done.collection)
    _audit(parts, done, live, held)


def _build(parts: Parts, done: Rebuilt, held: AllSources) -> None:
    new = _new_projection(parts, done)
    parts.store.create_projection(new, fence=held.fence)
    while True:
        with parts.ledger.reading() as reading:
            old = revisions.live_projection(reading, done.collection)
        again = fill_projection(parts, old, new, fence=held.fence)
        done.filled = Filled(done.filled.written + again.written, again.kept)
        _audit(parts, done, new, held)
        if not held.take_all() and _switch(parts, new, held):
            return


def _new_projection(parts: Parts, done: Rebuilt) -> Projection:
    """The copy that an earlier try began, or a new one."""
    with parts.ledger.transaction() as tx:
        begun = projections.projections_in_state(tx, done.collection, "rebuilding")
        done.is_resumed = bool(begun)
        if begun:
            return begun[0]
        live = revisions.live_projection(tx, done.collection)
        return projections.add_projection(tx, done.collection, live.model, state="rebuilding")


def _audit(parts: Parts, done: Rebuilt, new: Projection, held: AllSources) -> None:
    """Compare the new copy with its rows until nothing differs. Raises ``AuditError`` if it never does."""
    for _ in range(_AUDITS):
        with parts.ledger.reading() as reading:
            total = ledger_objects.count_open_chunks(reading, new, without=())
        comparison = Comparison(parts, new, Sample.of(total), revision_states(parts, done.collection))
        repaired = sum(_repair(parts, new, kind, comparison, held) for kind in _KINDS)
        done.repaired += repaired
        if not repaired:
            return
    raise AuditError(
        f"rebuild {done.collection!r}",
        found=f"the new copy still differs from the ledger after {_AUDITS} repairs",
        remedy="Check the Weaviate server's log and disk, then run the rebuild again: it goes on where it was.",
    )


def _repair(parts: Parts, new: Projection, kind: ObjectKind, comparison: Comparison, held: AllSources) -> int:
    repaired = 0
    for doubtful in comparison.differences(kind):
        standing = look_again(parts, new, kind, doubtful) if doubtful else []
        if standing:
            repair_differences(parts, new, kind, standing, fence=held.fence)
            repaired += len(standing)
    return repaired


def _switch(parts: Parts, new: Projection, held: AllSources) -> bool:
    """One head row; ``False`` where a source ran into the old copy meanwhile, whose lease is not held."""
    with parts.ledger.transaction() as tx:
        revisions.locked_collection(tx, new.collection)
        held.fence.hold(tx)
        if held.misses_one(tx):
            return False
        projections.switch_to(tx, new)
    return True


def _drop_returned(parts: Parts, collection: str) -> None:
    """A restored store may bring back copies that were dropped since: nobody reads them, but texts stand there."""
    with parts.ledger.reading() as reading:
        gone = projections.projections_in_state(reading, collection, "dropped")
    for projection in gone:
        parts.store.drop_projection(projection, fence=CopyFence(parts, projection, ("dropped",)))


def drop_replaced(parts: Parts, collection: str, *, grace_seconds: float) -> list[int]:
    """Once no reader can hold a head that names them, the old copies go: first from the store, then their rows.

    Returns their numbers.
    """
    with parts.ledger.reading() as reading:
        old = [
            copy
            for state in projections.LEAVING
            for copy in projections.projections_in_state(reading, collection, state)
        ]
    if old:
        time.sleep(grace_seconds)
    for projection in old:
        fence = CopyFence(parts, projection, projections.LEAVING)  # no lease: runs need not wait for the grace
        parts.store.drop_projection(projection, fence=fence)
        left = 1
        while left:
            with parts.ledger.transaction() as tx:
                fence.hold(tx)
                left = projections.forget_some_rows(tx, projection)
        with parts.ledger.transaction() as tx:
            fence.hold(tx)
            projections.set_state(tx, projection, "dropped")
    return [projection.number for projection in old]
