"""What every run does first: clean up after runs that died, and audit what the store acknowledged last."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from wellread.errors import LeaseHeldError, RevisionClosedError
from wellread.indexing.fences import Fence, lease_fence
from wellread.indexing.heads import flush_heads
from wellread.indexing.loading import delete_rows
from wellread.indexing.parts import Parts
from wellread.indexing.plans import lease_name
from wellread.indexing.restoring import audit_and_heal, lost_objects
from wellread.indexing.writing import close_exactly
from wellread.ledger import leases, projections, revisions, run_records
from wellread.ledger import objects as ledger_objects
from wellread.ledger.objects import ObjectRow
from wellread.ledger.revisions import RevisionRow
from wellread.snapshots import OPEN, Projection
from wellread.stores.protocol import ObjectKind, StoredObject

_KINDS: tuple[ObjectKind, ...] = ("chunks", "versions")


def abandon_open(parts: Parts, collection: str, source_id: str, *, fence: Fence) -> list[int]:
    """Give up what a dead run of this source left open. ``fence``: of the source's lease."""
    given_up = []
    with parts.ledger.reading() as reading:
        left_open = revisions.revisions_in_state(reading, collection, ["open"], source_id=source_id)
    for revision in left_open:
        with suppress(RevisionClosedError), parts.ledger.transaction() as tx:
            fence.hold(tx)
            # It may have been published since it was looked for: what readers see is never given up.
            revisions.require_open(tx, collection, revision.number, exclusive=True)
            revisions.abandon_revision(tx, collection, revision.number)
            run_records.drop_staged(tx, collection, revision.number)
            run_records.finish_run(tx, revision.run_id, state="failed", report={"abandoned": True})
            given_up.append(revision.number)
    return given_up


def clean_abandoned(parts: Parts, projection: Projection, source_id: str, *, fence: Fence) -> None:
    """Delete what abandoned revisions opened, reopen what they closed. ``fence``: of the source's lease.

    No snapshot can tell the difference: they exclude the revision. Its number leaves the excluded ones after
    two clean audits, far enough apart that no call of the dead run can still arrive.
    """
    collection = projection.collection
    with parts.ledger.reading() as reading:
        abandoned = revisions.revisions_in_state(reading, collection, ["abandoned"], source_id=source_id)
        copies = projections.kept_copies(reading, collection)
    settled = False
    for revision in abandoned:
        clean = [_clean(parts, item, revision, fence) for item in copies]
        settled |= _settle(parts, collection, revision, clean, fence)
    if settled:
        with parts.ledger.transaction() as tx:
            revisions.append_head(tx, collection)
    flush_heads(parts, collection)


def _clean(parts: Parts, projection: Projection, revision: RevisionRow, fence: Fence) -> bool:
    """Undo one abandoned revision in one copy; returns whether nothing of it was found."""
    with parts.ledger.reading() as reading:
        opened = ledger_objects.opened_by(reading, projection, revision.number)
        closed = ledger_objects.closed_by(reading, projection, revision.number)
    delete_rows(parts, projection, opened, fence=fence)
    _reopen(parts, projection, closed, fence)
    is_clean = not opened and not closed
    for kind in _KINDS:
        strays = parts.store.objects_of_revision(projection, kind, revision.number)
        is_clean = is_clean and not strays
        _undo_strays(parts, projection, kind, revision.number, strays, fence)
    return is_clean


def _settle(parts: Parts, collection: str, revision: RevisionRow, clean: Sequence[bool], fence: Fence) -> bool:
    """Note the audit of all copies; returns whether the revision is settled now."""
    with parts.ledger.transaction() as tx:
        fence.hold(tx)  # an audit counts from its end: one that was slept through must not be the second
        if not all(clean):
            revisions.reset_clean_audit(tx, collection, revision.number)
            return False
        apart = parts.settings.longest_call_seconds
        return revisions.note_clean_audit(tx, collection, revision.number, apart_seconds=apart)


def _reopen(parts: Parts, projection: Projection, rows: Sequence[ObjectRow], fence: Fence) -> None:
    if not rows:
        return
    lost: set[uuid.UUID] = set()
    for kind in _KINDS:
        ids = [row.object_id for row in rows if row.kind == kind]
        lost |= close_exactly(parts, projection, kind, ids, OPEN, fence=fence)
    with parts.ledger.transaction() as tx:
        fence.hold(tx)
        ledger_objects.set_rev_to(tx, projection, [row.object_id for row in rows], OPEN)
    if lost:
        again = [replace(row, rev_to=OPEN) for row in rows if row.object_id in lost]
        audit_and_heal(parts, projection, again, fence=fence)


def _undo_strays(
    parts: Parts,
    projection: Projection,
    kind: ObjectKind,
    revision: int,
    strays: Sequence[StoredObject],
    fence: Fence,
) -> None:
    """Writes of a dead revision that arrived after its rows were cleaned: the ledger says how it should be."""
    with parts.ledger.reading() as reading:
        known = ledger_objects.find_rows(reading, projection, [stray.object_id for stray in strays])
    unknown = [stray.object_id for stray in strays if stray.rev_from == revision or stray.object_id not in known]
    if unknown:
        parts.store.delete_objects(projection, kind, unknown, fence=fence)
    by_rev_to: dict[int, list[uuid.UUID]] = {}
    for stray in strays:
        if stray.object_id not in unknown:
            by_rev_to.setdefault(known[stray.object_id].rev_to, []).append(stray.object_id)
    for rev_to, object_ids in by_rev_to.items():
        # Another revision may have closed the object since: opening it again would show it beside its successor.
        close_exactly(parts, projection, kind, object_ids, rev_to, fence=fence)


def undo_documents(
    parts: Parts, projection: Projection, revision: int, doc_ids: Sequence[uuid.UUID], *, fence: Fence
) -> None:
    """Take documents out of an open revision before it is published: they keep their last good version."""
    with parts.ledger.reading() as reading:
        opened = ledger_objects.opened_by(reading, projection, revision, doc_ids)
        closed = ledger_objects.closed_by(reading, projection, revision, doc_ids)
    _reopen(parts, projection, closed, fence)
    delete_rows(parts, projection, opened, fence=fence)


def audit_newest(parts: Parts, projection: Projection, held_source: str, *, fence: Fence) -> int:
    """Audit the newest acknowledged objects of all sources and heal what a killed server lost.

    A copy is written under the lease of the source that owns it; a source that is being written now audits
    itself. ``fence``: of the lease of ``held_source``. Looking needs no lease, so that sources which run beside
    each other do not refuse each other.
    Returns how many were healed.
    """
    with parts.ledger.reading() as reading:
        rows = ledger_objects.newest_acknowledged(reading, projection, limit=parts.settings.audit_newest_objects)
        rows += ledger_objects.unaudited(reading, projection)
    healed = 0
    for source_id, members in _by_source(rows).items():
        if source_id == held_source:
            healed += audit_and_heal(parts, projection, members, fence=fence).repaired
        elif lost := lost_objects(parts, projection, members):
            healed += _heal_other(parts, projection, source_id, lost)
    return healed


def _heal_other(parts: Parts, projection: Projection, source_id: str, lost: Sequence[ObjectRow]) -> int:
    name = lease_name(projection.collection, source_id)
    try:
        lease = leases.acquire(
            parts.ledger, name, f"audit-{uuid.uuid4().hex}", seconds=parts.lease_seconds, one_process=True
        )
    except LeaseHeldError:
        return 0
    try:
        with parts.ledger.reading() as reading:
            # Under the lease again: its own run may have closed or replaced them since they were read.
            rows = ledger_objects.find_rows(reading, projection, [row.object_id for row in lost])
        return audit_and_heal(parts, projection, list(rows.values()), fence=lease_fence(parts, lease)).repaired
    finally:
        leases.release(parts.ledger, lease)


def _by_source(rows: Sequence[ObjectRow]) -> dict[str, list[ObjectRow]]:
    grouped: dict[str, list[ObjectRow]] = {}
    for row in rows:
        assert row.facts is not None
        grouped.setdefault(str(row.facts["source_id"]), []).append(row)
    return grouped


def audit_revision(parts: Parts, projection: Projection, revision: int, *, fence: Fence) -> int:
    """Audit everything that a revision opened, just before it is published. Returns how many were healed."""
    with parts.ledger.reading() as reading:
        rows = ledger_objects.opened_by(reading, projection, revision)
    expected = sum(1 for row in rows if row.kind == "chunks")
    indexed = parts.store.vector_indexed_ids(projection, revision, expected) if expected else set()
    doubtful = [row for row in rows if row.kind == "versions" or row.object_id not in indexed]
    healed = audit_and_heal(parts, projection, doubtful, fence=fence).repaired if doubtful else 0
    with parts.ledger.transaction() as tx:
        fence.hold(tx)
        ledger_objects.record_audit(tx, projection, revision, objects_seen=len(rows), repaired=healed)
    return healed
