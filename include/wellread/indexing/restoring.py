"""Make an index object again from ledger, artifact and cached vector: 0 parses, 0 embeddings."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from wellread.artifacts.codec import get_json
from wellread.documents import ChunkObject, VersionObject
from wellread.errors import AuditError
from wellread.identities import object_id, sha256_json
from wellread.indexing.content import (
    ChunkSet,
    DesiredChunk,
    DocumentFacts,
    chunk_object,
    desired_chunks,
    facts_from_dict,
    shown_title,
    version_object,
)
from wellread.indexing.fences import Fence
from wellread.indexing.parts import Parts
from wellread.indexing.writing import insert_exactly, missing_from_store
from wellread.ledger import objects as ledger_objects
from wellread.ledger import vectors as ledger_vectors
from wellread.ledger.objects import ObjectRow
from wellread.snapshots import Projection
from wellread.stores.protocol import ObjectKind

_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Healed:
    """What an audit of some rows came to."""

    audited: int
    repaired: int


def restore_objects(
    parts: Parts, projection: Projection, rows: Sequence[ObjectRow]
) -> list[ChunkObject | VersionObject]:
    """The objects that these rows of ``projection`` stand for, in another order."""
    keys = [row.embedding_key for row in rows if row.embedding_key is not None]
    with parts.ledger.reading() as reading:
        vectors = ledger_vectors.find_vectors(reading, keys)
    model_hash = sha256_json(projection.model.as_dict())
    by_version: dict[tuple[str, uuid.UUID, str], list[ObjectRow]] = {}
    for row in rows:
        assert row.facts is not None
        # Versions of one text may differ in metadata and declared fields.
        by_version.setdefault((row.reference, row.doc_id, row.facts["version_hash"]), []).append(row)
    restored: list[ChunkObject | VersionObject] = []
    for (reference, _, _), members in by_version.items():
        content = get_json(parts.artifacts, ChunkSet, reference)
        restored.extend(_restore(members, content, model_hash, vectors))
    return restored


def _restore(
    rows: Sequence[ObjectRow], content: ChunkSet, model_hash: str, vectors: dict[str, ledger_vectors.Vector]
) -> Iterator[ChunkObject | VersionObject]:
    assert rows[0].facts is not None
    facts = facts_from_dict(rows[0].doc_id, rows[0].facts)
    desired = desired_chunks(content, facts, model_hash)
    for row in rows:
        yield (
            _restored_chunk(row, desired, content, facts, vectors)
            if row.kind == "chunks"
            else _restored_version(row, desired, content)
        )


def _restored_chunk(
    row: ObjectRow,
    desired: Sequence[DesiredChunk],
    content: ChunkSet,
    facts: DocumentFacts,
    vectors: dict[str, ledger_vectors.Vector],
) -> ChunkObject:
    item = desired[row.ordinal]
    vector = vectors.get(row.embedding_key or "")
    if item.key != row.key or vector is None:
        raise AuditError(
            f"restore the object {row.object_id}",
            found="its vector or its content is not what the ledger recorded",
            remedy="Restore ledger and artifacts from one backup, or ingest the source anew.",
        )
    return chunk_object(
        item,
        facts,
        title=shown_title(content.title, facts.natural_key),
        rev_from=row.rev_from,
        rev_to=row.rev_to,
        copy=row.copy,
        vector=vector.tolist(),
    )


def _restored_version(row: ObjectRow, desired: Sequence[DesiredChunk], content: ChunkSet) -> VersionObject:
    assert row.facts is not None
    return version_object(
        content,
        facts_from_dict(row.doc_id, row.facts),
        [(item.key, item.chunk) for item in desired],
        version_hash=str(row.facts["version_hash"]),
        rev_from=row.rev_from,
        rev_to=row.rev_to,
        copy=row.copy,
        ingested_at=float(row.facts["ingested_at"]),
    )


def audit_and_heal(parts: Parts, projection: Projection, rows: Sequence[ObjectRow], *, fence: Fence) -> Healed:
    """Every row's object is in the store and in the vector index, healed by a new copy where it was not.

    Raises ``AuditError`` if copies keep getting lost.
    """
    waiting = list(rows)
    repaired = 0
    for _ in range(_ROUNDS):
        lost = lost_objects(parts, projection, waiting)
        _acknowledge(parts, projection, waiting, lost, fence)
        if not lost:
            return Healed(len(rows), repaired)
        repaired += len(lost)
        waiting = write_copies(parts, projection, lost, fence=fence)
    still = lost_objects(parts, projection, waiting)
    if still:
        raise AuditError(
            f"audit {len(rows)} objects of {projection.collection}",
            found=f"{len(still)} are not in the vector index after {_ROUNDS} repairs, such as {still[0].object_id}",
            remedy="Check the Weaviate server's log and disk, then run the source again.",
        )
    _acknowledge(parts, projection, waiting, still, fence)
    return Healed(len(rows), repaired)


def _acknowledge(
    parts: Parts, projection: Projection, rows: Sequence[ObjectRow], lost: Sequence[ObjectRow], fence: Fence
) -> None:
    """Note what the audit found, once: looking again later writes nothing."""
    missing = {row.object_id for row in lost}
    found = [row.object_id for row in rows if row.object_id not in missing and row.acknowledged_at is None]
    if found:
        with parts.ledger.transaction() as tx:
            fence.hold(tx)
            ledger_objects.acknowledge(tx, projection, found)


def lost_objects(parts: Parts, projection: Projection, rows: Sequence[ObjectRow]) -> list[ObjectRow]:
    """Those rows whose object the store, or its vector index, does not hold as it was written."""
    lost: set[uuid.UUID] = set()
    kinds: tuple[ObjectKind, ...] = ("chunks", "versions")
    for kind in kinds:
        expected = {row.object_id: row.payload_hash for row in rows if row.kind == kind}
        if expected:
            lost |= missing_from_store(parts, projection, kind, expected)
    return [row for row in rows if row.object_id in lost]


def write_copies(
    parts: Parts, projection: Projection, lost: Sequence[ObjectRow], *, fence: Fence
) -> list[ObjectRow]:
    """Intend the next copies, write them, then delete the lost ones. Readers drop second copies meanwhile."""
    copies = [
        replace(
            row,
            copy=row.copy + 1,
            object_id=object_id(row.key, row.rev_from, row.copy + 1),
            acknowledged_at=None,
        )
        for row in lost
    ]
    with parts.ledger.transaction() as tx:
        fence.hold(tx)
        ledger_objects.intend(tx, projection, copies)
    restored = restore_objects(parts, projection, copies)
    insert_exactly(parts, projection, restored, fence=fence)
    kinds: tuple[ObjectKind, ...] = ("chunks", "versions")
    for kind in kinds:
        ids = [row.object_id for row in lost if row.kind == kind]
        if ids:
            parts.store.delete_objects(projection, kind, ids, fence=fence)
    with parts.ledger.transaction() as tx:
        fence.hold(tx)
        ledger_objects.forget(tx, projection, [row.object_id for row in lost])
    return copies
