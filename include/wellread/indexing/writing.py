"""Write exactly: every object stored once and in the vector index, or its refusal told.

An id whose write ended unknown is deleted before it is written again. A plain retry would find the object
stored, keep it as it is, and leave it outside the vector index for ever, with no error anywhere.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from wellread.documents import Acl, ChunkObject, VersionObject
from wellread.errors import AuditError, LeaseHeldError, TransientError, WriteUnknownError
from wellread.indexing.parts import Parts
from wellread.retries import wait_seconds
from wellread.snapshots import Projection
from wellread.stores.protocol import Fence, ObjectKind, StoredObject, WriteResult

IndexObject = ChunkObject | VersionObject


@dataclass(slots=True)
class Written:
    """What a write came to, over all its tries."""

    stored: set[uuid.UUID] = field(default_factory=set)
    refused: dict[uuid.UUID, str] = field(default_factory=dict)


def insert_exactly(
    parts: Parts, projection: Projection, objects: Sequence[IndexObject], *, fence: Fence
) -> Written:
    """Insert objects in bounded requests, a few at once. Raises ``TransientError`` when tries run out."""
    by_kind: dict[ObjectKind, list[IndexObject]] = {
        "chunks": [item for item in objects if isinstance(item, ChunkObject)],
        "versions": [item for item in objects if isinstance(item, VersionObject)],
    }
    size = parts.settings.objects_per_request
    requests = [
        (kind, items[start : start + size])
        for kind, items in by_kind.items()
        for start in range(0, len(items), size)
    ]

    def write(request: tuple[ObjectKind, list[IndexObject]]) -> Written:
        return _insert_until_known(parts, projection, *request, fence)

    total = Written()
    with ThreadPoolExecutor(max_workers=parts.settings.write_threads) as pool:
        for written in pool.map(write, requests):
            total.stored |= written.stored
            total.refused.update(written.refused)
    return total


def _insert_until_known(
    parts: Parts, projection: Projection, kind: ObjectKind, objects: Sequence[IndexObject], fence: Fence
) -> Written:
    waiting = {item.object_id: item for item in objects}
    written = Written()
    error: TransientError | None = None
    for attempt in range(1, parts.settings.write_attempts + 1):
        # The outcome of an earlier try is unknown: its ids are proven gone before they are written again.
        failed = None if attempt == 1 else _try_delete(parts, projection, kind, list(waiting), fence)
        error = failed or _try_insert(parts, projection, waiting, written, fence)
        if not waiting:
            return written
        _pause(parts, error, attempt)
    raise error or WriteUnknownError(
        f"write {len(waiting)} {kind} to {projection.collection}",
        found=f"no clear answer in {parts.settings.write_attempts} tries",
        remedy="Check that Weaviate is up and not overloaded; the next run deletes and writes them again.",
    )


def _try_insert(
    parts: Parts,
    projection: Projection,
    waiting: dict[uuid.UUID, IndexObject],
    written: Written,
    fence: Fence,
) -> TransientError | None:
    """One request; what it settled leaves ``waiting``. A raised transient error leaves all of them unknown."""
    try:
        result: WriteResult = _insert(parts, projection, list(waiting.values()), fence)
    except LeaseHeldError:
        raise
    except TransientError as error:
        return error
    written.stored |= result.stored
    written.refused.update(result.refused)
    for object_id in [*result.stored, *result.refused]:
        waiting.pop(object_id, None)
    return None


def _insert(parts: Parts, projection: Projection, objects: Sequence[IndexObject], fence: Fence) -> WriteResult:
    chunks = [item for item in objects if isinstance(item, ChunkObject)]
    if chunks:
        return parts.store.insert_chunks(projection, chunks, fence=fence)
    versions = [item for item in objects if isinstance(item, VersionObject)]
    return parts.store.insert_versions(projection, versions, fence=fence)


def _try_delete(
    parts: Parts, projection: Projection, kind: ObjectKind, object_ids: Sequence[uuid.UUID], fence: Fence
) -> TransientError | None:
    try:
        parts.store.delete_objects(projection, kind, object_ids, fence=fence)
    except LeaseHeldError:
        raise
    except TransientError as error:
        return error
    return None


def _pause(parts: Parts, error: TransientError | None, attempt: int) -> None:
    if attempt < parts.settings.write_attempts:
        time.sleep(wait_seconds(error, attempt=attempt, settings=parts.retry))


def patch_exactly(
    parts: Parts,
    what: str,
    patch: Callable[[Sequence[uuid.UUID]], WriteResult],
    object_ids: Sequence[uuid.UUID],
) -> set[uuid.UUID]:
    """Patch one property of objects, which may be repeated freely. Returns the ids that are gone.

    ``patch`` asks its fence itself, before each request.
    """
    waiting = list(object_ids)
    gone: set[uuid.UUID] = set()
    error: TransientError | None = None
    for attempt in range(1, parts.settings.write_attempts + 1):
        try:
            result = patch(waiting)
        except LeaseHeldError:
            raise
        except TransientError as raised:
            error = raised
        else:
            gone |= set(result.refused)
            waiting = [object_id for object_id in waiting if object_id in result.unknown]
        if not waiting:
            return gone
        _pause(parts, error, attempt)
    raise error or WriteUnknownError(
        what,
        found=f"{len(waiting)} patches without a clear answer",
        remedy="Check that Weaviate is up and not overloaded; the next run repeats them.",
    )


def close_exactly(
    parts: Parts,
    projection: Projection,
    kind: ObjectKind,
    object_ids: Sequence[uuid.UUID],
    rev_to: int,
    *,
    fence: Fence,
) -> set[uuid.UUID]:
    """Set ``rev_to`` (0 opens again) and audit it by reading it back. Returns the ids that the store has lost.

    A lost object needs no closing: it must not stop its document for ever. Who opens again must heal it.
    """
    if not object_ids:
        return set()
    patch_exactly(
        parts,
        f"close {len(object_ids)} {kind} of {projection.collection}",
        lambda ids: parts.store.set_rev_to(projection, kind, ids, rev_to, fence=fence),
        object_ids,
    )
    stored = parts.store.fetch_objects(projection, kind, object_ids)
    wrong = [item for item in object_ids if item in stored and stored[item].rev_to != rev_to]
    if wrong:
        raise AuditError(
            f"close {len(object_ids)} {kind} of {projection.collection} at revision {rev_to}",
            found=f"{len(wrong)} of them are not closed, such as {wrong[0]}",
            remedy="Run the source again; if it stays, look into the Weaviate server's log.",
        )
    return {item for item in object_ids if item not in stored}


def set_acl_exactly(
    parts: Parts,
    projection: Projection,
    kind: ObjectKind,
    object_ids: Sequence[uuid.UUID],
    acl: Acl,
    *,
    what: str,
    fence: Fence,
) -> None:
    """Set who may read objects; those that are gone need nothing. ``what``: for the error."""
    patch_exactly(parts, what, lambda ids: parts.store.set_acl(projection, kind, ids, acl, fence=fence), object_ids)


def missing_from_store(
    parts: Parts, projection: Projection, kind: ObjectKind, expected: dict[uuid.UUID, str]
) -> set[uuid.UUID]:
    """Ids (of id -> payload hash) that the store does not hold as written, or whose vector is not indexed."""
    ids = list(expected)
    if kind == "chunks":
        return set(ids) - parts.store.vector_indexed_among(projection, ids)
    stored: dict[uuid.UUID, StoredObject] = parts.store.fetch_objects(projection, kind, ids)
    return {item for item in ids if item not in stored or stored[item].payload_hash != expected[item]}
