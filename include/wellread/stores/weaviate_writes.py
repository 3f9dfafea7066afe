"""Writes whose every object ends as stored, refused or unknown."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wellread.errors import AuditError, ModelMismatchError
from wellread.stores.protocol import Fence, WriteResult
from wellread.stores.settings import StoreSettings
from wellread.stores.weaviate_errors import (
    CallFailedError,
    key_was_refused,
    may_pass,
    storage_full_error,
    storage_is_full,
    translated,
    typed_failure,
)

if TYPE_CHECKING:
    from weaviate.collections import Collection

DELETE_IDS_PER_CALL = 4_000
"""Below the server's limit of 10,000 deletions in one call, which it applies without an error."""

_DELETE_ROUNDS = 5
# The request never reached the handler: nothing can be stored.
_NEVER_TAKEN = frozenset({"UNIMPLEMENTED", "INVALID_ARGUMENT"})


@dataclass(frozen=True, slots=True)
class Row:
    """One object as it goes over the wire."""

    object_id: uuid.UUID
    properties: Mapping[str, Any]
    vector: Sequence[float] | None

    def estimated_bytes(self) -> int:
        """A little more than the size on the wire: text in UTF-8 is at most 4 bytes a character."""
        texts = sum(_text_bytes(value) for value in self.properties.values())
        return texts + 4 * len(self.vector or ()) + 400


def _text_bytes(value: object) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8"))
    if isinstance(value, list):
        return sum(_text_bytes(item) + 8 for item in value)
    return 8


def vector_fault(vector: Sequence[float] | None) -> str | None:
    """Why a vector cannot be indexed; ``None`` if it can. The server accepts all of these silently."""
    if not vector:
        return "the vector is missing"
    if not all(map(math.isfinite, vector)):
        return "the vector holds NaN or infinity"
    if not any(vector):
        return "the vector is all zeros: it has no direction"
    return None


def check_dimensions(rows: Sequence[Row], *, dimensions: int, collection: str) -> None:
    """Raise ``ModelMismatchError`` before anything is sent if a vector has another length."""
    for row in rows:
        if row.vector and len(row.vector) != dimensions:
            raise ModelMismatchError(
                f"Write object {row.object_id} to {collection}",
                found=f"its vector has {len(row.vector)} dimensions, the collection {dimensions}",
                remedy="Embed with the model that the collection was built with",
            )


def insert_rows(
    collection: Collection[Any, Any], rows: Sequence[Row], settings: StoreSettings, fence: Fence
) -> WriteResult:
    """Send each row once. After a request without an answer the rest is not sent and is unknown too."""
    stored: set[uuid.UUID] = set()
    refused: dict[uuid.UUID, str] = {}
    unknown: set[uuid.UUID] = set()
    for batch in batches(rows, settings):
        if unknown:
            unknown.update(row.object_id for row in batch)
            continue
        outcome = _insert_batch(collection, batch, fence)
        stored |= outcome.stored
        refused.update(outcome.refused)
        unknown |= outcome.unknown
    return WriteResult(stored=frozenset(stored), refused=refused, unknown=frozenset(unknown))


def batches(rows: Sequence[Row], settings: StoreSettings) -> Iterator[list[Row]]:
    """Requests bounded by count and bytes; one object alone may be larger than the bound."""
    batch: list[Row] = []
    filled_bytes = 0
    for row in rows:
        size_bytes = row.estimated_bytes()
        if batch and (len(batch) >= settings.batch_objects or filled_bytes + size_bytes > settings.batch_bytes):
            yield batch
            batch, filled_bytes = [], 0
        batch.append(row)
        filled_bytes += size_bytes
    if batch:
        yield batch


def _insert_batch(collection: Collection[Any, Any], batch: Sequence[Row], fence: Fence) -> WriteResult:
    from weaviate.classes.data import DataObject
    from weaviate.exceptions import WeaviateInsertManyAllFailedError

    asked = f"Insert {len(batch)} objects into {collection.name}"
    ids = [row.object_id for row in batch]
    objects = [
        DataObject(
            uuid=row.object_id,
            properties=dict(row.properties),
            vector=None if row.vector is None else list(row.vector),
        )
        for row in batch
    ]
    fence()
    try:
        errors = {index: error.message for index, error in collection.data.insert_many(objects).errors.items()}
    except WeaviateInsertManyAllFailedError as error:
        errors = dict.fromkeys(range(len(ids)), error.message)
    except CallFailedError as error:
        if error.code in _NEVER_TAKEN or key_was_refused(error.code, error.details):
            raise typed_failure(asked, error.code, error.details) from error
        if error.code == "RESOURCE_EXHAUSTED" and "larger than max" in error.details:
            return _too_large(collection, batch, error.details, fence)
        return WriteResult(stored=frozenset(), unknown=frozenset(ids))
    return _sorted_outcome(asked, ids, errors)


def _too_large(collection: Collection[Any, Any], batch: Sequence[Row], details: str, fence: Fence) -> WriteResult:
    """A request above the transport's limit was not sent: try its objects one by one, refuse the giant."""
    if len(batch) == 1:
        return WriteResult(stored=frozenset(), refused={batch[0].object_id: details})
    parts = [_insert_batch(collection, [row], fence) for row in batch]
    return WriteResult(
        stored=frozenset().union(*(part.stored for part in parts)),
        refused={key: message for part in parts for key, message in part.refused.items()},
        unknown=frozenset().union(*(part.unknown for part in parts)),
    )


def _sorted_outcome(asked: str, ids: Sequence[uuid.UUID], errors: Mapping[int, str]) -> WriteResult:
    full = next((message for message in errors.values() if storage_is_full(message)), None)
    if full is not None:
        raise storage_full_error(asked, full)
    # An error that ends by itself may have come between the row and its vector: never a plain retry.
    unknown = frozenset(ids[index] for index, message in errors.items() if may_pass(message))
    refused = {ids[index]: message for index, message in errors.items() if not may_pass(message)}
    return WriteResult(stored=frozenset(ids) - unknown - refused.keys(), refused=refused, unknown=unknown)


def patch_objects(
    collection: Collection[Any, Any],
    object_ids: Sequence[uuid.UUID],
    properties: Mapping[str, Any],
    settings: StoreSettings,
    fence: Fence,
) -> WriteResult:
    """Merge ``properties`` into each object, several at once. Vector and other properties stay."""
    with ThreadPoolExecutor(max_workers=settings.patch_threads_count, thread_name_prefix="patch") as pool:
        outcomes = list(pool.map(lambda object_id: _patch(collection, object_id, properties, fence), object_ids))
    refused: dict[uuid.UUID, str] = {}
    stored, unknown = set(), set()
    for object_id, (is_known, message) in zip(object_ids, outcomes, strict=True):
        if not is_known:
            unknown.add(object_id)
        elif message is None:
            stored.add(object_id)
        else:
            refused[object_id] = message
    return WriteResult(stored=frozenset(stored), refused=refused, unknown=frozenset(unknown))


def _patch(
    collection: Collection[Any, Any], object_id: uuid.UUID, properties: Mapping[str, Any], fence: Fence
) -> tuple[bool, str | None]:
    """Whether the outcome is known, and the server's message if it refused."""
    import httpx
    from weaviate.exceptions import UnexpectedStatusCodeError, WeaviateConnectionError, WeaviateTimeoutError

    asked = f"Patch object {object_id} of {collection.name}"
    fence()
    try:
        collection.data.update(uuid=object_id, properties=dict(properties))
    except UnexpectedStatusCodeError as error:
        message = str(error.error or error.message)
        if error.status_code in {401, 403} or storage_is_full(message):
            raise typed_failure(asked, f"HTTP {error.status_code}", message) from error
        if error.status_code == 404:
            return True, "the object does not exist"
        return error.status_code < 500, message
    except (WeaviateConnectionError, WeaviateTimeoutError, httpx.TransportError):
        return False, None
    return True, None


def delete_ids(
    collection: Collection[Any, Any], object_ids: Sequence[uuid.UUID], settings: StoreSettings, fence: Fence
) -> None:
    """Delete and prove it: every id is looked up afterwards, over and over until none is left.

    The many are deleted by a filter, in few calls. A killed server may have lost an object's entry in the index
    that filters read and still hold the object: so the proof asks for each id itself, and what is left is deleted
    one by one. Raises ``AuditError`` if some stay after several rounds.
    """

    def delete(object_id: uuid.UUID) -> bool:
        fence()
        return collection.data.delete_by_id(object_id)

    left = list(dict.fromkeys(object_ids))
    for start in range(0, len(left), DELETE_IDS_PER_CALL):
        fence()
        _delete_call(collection, left[start : start + DELETE_IDS_PER_CALL])
    for _ in range(_DELETE_ROUNDS):
        left = _still_there(collection, left, settings)
        if not left:
            return
        _each(collection, delete, left, settings)
    raise AuditError(
        f"Delete {len(object_ids)} objects from {collection.name}",
        found=f"{len(left)} are still there after {_DELETE_ROUNDS} rounds, {left[0]} for one",
        remedy="Look into the server's log for the reason and run again",
    )


def _delete_call(collection: Collection[Any, Any], object_ids: Sequence[uuid.UUID]) -> None:
    from weaviate.classes.query import Filter

    with translated(f"Delete {len(object_ids)} objects from {collection.name}"):
        collection.data.delete_many(where=Filter.by_id().contains_any(list(object_ids)))


def _still_there(
    collection: Collection[Any, Any], object_ids: Sequence[uuid.UUID], settings: StoreSettings
) -> list[uuid.UUID]:
    there = _each(collection, collection.data.exists, object_ids, settings)
    return [object_id for object_id, is_there in zip(object_ids, there, strict=True) if is_there]


def _each(
    collection: Collection[Any, Any],
    call: Callable[[uuid.UUID], bool],
    object_ids: Sequence[uuid.UUID],
    settings: StoreSettings,
) -> list[bool]:
    """One call an id, several at once."""
    with (
        translated(f"Look for {len(object_ids)} deleted objects in {collection.name}"),
        ThreadPoolExecutor(max_workers=settings.patch_threads_count, thread_name_prefix="delete") as pool,
    ):
        return list(pool.map(call, object_ids))
