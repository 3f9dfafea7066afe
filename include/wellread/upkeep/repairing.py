"""Make the store what the ledger says, from ledger, artifacts and cached vectors: 0 parses, 0 embeddings."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from wellread.documents import Acl
from wellread.indexing.fences import Fence
from wellread.indexing.loading import delete_rows
from wellread.indexing.parts import Parts
from wellread.indexing.restoring import audit_and_heal, lost_objects, write_copies
from wellread.indexing.revision_states import revision_states
from wellread.indexing.writing import close_exactly, set_acl_exactly
from wellread.ledger import objects as ledger_objects
from wellread.ledger.objects import ObjectRow
from wellread.snapshots import Projection
from wellread.stores.protocol import ObjectKind
from wellread.upkeep.differences import Difference, Fault

_WRITTEN_ANEW: frozenset[Fault] = frozenset({"missing", "payload", "unindexed", "vector"})


def repair_differences(
    parts: Parts, projection: Projection, kind: ObjectKind, differences: Sequence[Difference], *, fence: Fence
) -> None:
    """Repair differences of one source's objects. The caller holds the source's lease and looked just now.

    What cannot be mended in place is written as the next copy, audited, and only then is the old one deleted.
    """
    strays = [item.object_id for item in differences if item.fault == "stray"]
    if strays:
        parts.store.delete_objects(projection, kind, strays, fence=fence)
    anew = _rows(differences, _WRITTEN_ANEW)
    if anew:
        copies = write_copies(parts, projection, anew, fence=fence)
        audit_and_heal(parts, projection, copies, fence=fence)
    done = {row.object_id for row in anew}
    closed = [row for row in _rows(differences, {"rev_to"}) if row.object_id not in done]
    for rev_to, ids in _grouped(closed).items():
        close_exactly(parts, projection, kind, ids, rev_to, fence=fence)
    patched = [row for row in _rows(differences, {"access"}) if row.object_id not in done]
    _patch_access(parts, projection, kind, patched, fence)


def _rows(differences: Sequence[Difference], faults: frozenset[Fault] | set[Fault]) -> list[ObjectRow]:
    found = {item.object_id: item.row for item in differences if item.fault in faults and item.row is not None}
    return list(found.values())


def _grouped(rows: Sequence[ObjectRow]) -> dict[int, list[uuid.UUID]]:
    grouped: dict[int, list[uuid.UUID]] = {}
    for row in rows:
        grouped.setdefault(row.rev_to, []).append(row.object_id)
    return grouped


def _patch_access(
    parts: Parts, projection: Projection, kind: ObjectKind, rows: Sequence[ObjectRow], fence: Fence
) -> None:
    by_acl: dict[Acl, list[uuid.UUID]] = {}
    for row in rows:
        assert row.facts is not None
        by_acl.setdefault(tuple(row.facts["acl"]), []).append(row.object_id)
    for acl, ids in by_acl.items():
        what = f"restore the access of {len(ids)} {kind} of {projection.collection}"
        set_acl_exactly(parts, projection, kind, ids, acl, what=what, fence=fence)


def drop_second_copies(
    parts: Parts, projection: Projection, object_ids: Sequence[uuid.UUID], *, repair: bool, fence: Fence
) -> list[Difference]:
    """Of several copies of one key and revision the newest sound one stays. Returns those that were too many.

    The caller holds the source's lease. Copies of unpublished revisions are left to their runs.
    """
    unpublished = revision_states(parts, projection.collection).unpublished
    with parts.ledger.reading() as reading:
        rows = list(ledger_objects.find_rows(reading, projection, object_ids).values())
    rows = [row for row in rows if row.rev_from not in unpublished]
    lost = {row.object_id for row in lost_objects(parts, projection, rows)}
    groups: dict[tuple[str, uuid.UUID, int], list[ObjectRow]] = {}
    for row in rows:
        groups.setdefault((row.kind, row.key, row.rev_from), []).append(row)
    dropped = []
    for members in groups.values():
        members.sort(key=lambda row: (row.object_id not in lost, row.copy))
        dropped += members[:-1]
    if repair and dropped:
        delete_rows(parts, projection, dropped, fence=fence)
    return [_second_copy(row) for row in dropped]


def _second_copy(row: ObjectRow) -> Difference:
    assert row.facts is not None
    kind: ObjectKind = "chunks" if row.kind == "chunks" else "versions"
    return Difference(kind, "second_copy", row.object_id, str(row.facts["source_id"]), row, f"copy {row.copy}")
