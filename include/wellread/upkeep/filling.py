"""Fill a new physical copy with what the ledger says of the old one, document by document."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from wellread.documents import ChunkObject, VersionObject
from wellread.errors import AuditError
from wellread.identities import object_id
from wellread.indexing.loading import delete_rows
from wellread.indexing.parts import Parts
from wellread.indexing.restoring import audit_and_heal, restore_objects
from wellread.indexing.writing import Fence, insert_exactly
from wellread.ledger import objects as ledger_objects
from wellread.ledger import projections
from wellread.ledger.objects import ObjectRow
from wellread.snapshots import OPEN, Projection
from wellread.upkeep.differences import RevisionStates, revision_states

_DOCUMENTS = 100
_ROWS = 1_000
_Key = tuple[str, uuid.UUID, int]


@dataclass(frozen=True, slots=True)
class Filled:
    """How many objects the new copy got, and how many it had."""

    written: int = 0
    kept: int = 0

    def __add__(self, other: Filled) -> Filled:
        return Filled(self.written + other.written, self.kept + other.kept)


def fill_projection(parts: Parts, old: Projection, new: Projection, *, fence: Fence) -> Filled:
    """Make the rows and objects of ``new`` those that ``old`` should have; what is right already stays.

    Objects of revisions that were given up are left out, and what those closed is open again: no snapshot can tell
    the difference. The caller holds the leases of all sources, so that ``old`` stands still.
    """
    states = revision_states(parts, old.collection)
    filled = Filled()
    after: uuid.UUID | None = None
    parts.progress.start("rebuild")
    while True:
        with parts.ledger.reading() as reading:
            documents = projections.documents_of(reading, [old, new], after=after, limit=_DOCUMENTS)
            wanted = ledger_objects.rows_of_documents(reading, old, documents)
            present = ledger_objects.rows_of_documents(reading, new, documents)
        if not documents:
            break
        filled = filled + _fill(parts, new, _wanted(wanted, states), present, fence=fence)
        parts.progress.advance("rebuild", count=len(documents))
        after = documents[-1]
    parts.progress.finish("rebuild")
    return filled


def _wanted(rows: Sequence[ObjectRow], states: RevisionStates) -> dict[_Key, ObjectRow]:
    """The rows of the new copy: one for each key and revision, whatever repairs the old one has seen."""
    wanted: dict[_Key, ObjectRow] = {}
    for row in sorted(rows, key=lambda row: row.copy):
        if row.rev_from in states.unpublished or states.is_spent(row):
            continue
        wanted[_key(row)] = replace(
            row,
            rev_to=OPEN if row.rev_to in states.unpublished else row.rev_to,
            copy=1,
            object_id=object_id(row.key, row.rev_from, 1),
            acknowledged_at=None,
        )
    return wanted


def _key(row: ObjectRow) -> _Key:
    return row.kind, row.key, row.rev_from


def _fill(
    parts: Parts,
    new: Projection,
    wanted: dict[_Key, ObjectRow],
    present: Sequence[ObjectRow],
    *,
    fence: Fence,
) -> Filled:
    sound = {_key(row): row for row in present if _is_same(row, wanted.get(_key(row)))}
    # What an earlier try only intended is in doubt: it is proven gone before it is written again.
    doubtful = [row for row in present if sound.get(_key(row)) is not row]
    if doubtful:
        fence()
        delete_rows(parts, new, doubtful)
    lacking = [row for key, row in wanted.items() if key not in sound]
    for start in range(0, len(lacking), _ROWS):
        _write(parts, new, lacking[start : start + _ROWS], fence=fence)
    return Filled(len(lacking), len(sound))


def _is_same(row: ObjectRow, wanted: ObjectRow | None) -> bool:
    if wanted is None or row.acknowledged_at is None:
        return False
    return replace(row, object_id=wanted.object_id, copy=wanted.copy, acknowledged_at=None) == wanted


def _write(parts: Parts, new: Projection, rows: Sequence[ObjectRow], *, fence: Fence) -> None:
    fence()
    with parts.ledger.transaction() as tx:
        ledger_objects.intend(tx, new, rows)
    restored = restore_objects(parts, new, rows)
    chunks = [item for item in restored if isinstance(item, ChunkObject)]
    versions = [item for item in restored if isinstance(item, VersionObject)]
    refused = insert_exactly(parts, new, "chunks", chunks, fence=fence).refused
    refused.update(insert_exactly(parts, new, "versions", versions, fence=fence).refused)
    if refused:
        refused_id, message = next(iter(refused.items()))
        raise AuditError(
            f"rebuild {new.collection!r}",
            found=f"the store refuses {len(refused)} objects, such as {refused_id}: {message}",
            remedy="See the message of the store; the old index is still the one that readers use.",
        )
    audit_and_heal(parts, new, rows, fence=fence)
