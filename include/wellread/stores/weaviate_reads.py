"""Searches and fetches under a snapshot, a scope and the head's withdrawals."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from wellread.documents import VersionObject
from wellread.errors import ModelMismatchError, SettingsError
from wellread.snapshots import Head, Snapshot
from wellread.stores.protocol import Scope, SearchHit, VersionHit
from wellread.stores.weaviate_audits import ANSWER_LIMIT
from wellread.stores.weaviate_errors import CallFailedError, translated
from wellread.stores.weaviate_filters import any_uuid, readable
from wellread.stores.weaviate_objects import (
    HIT_PROPERTIES,
    READ_VERSION_PROPERTIES,
    copy_of,
    printable,
    search_hit,
    version_from,
)
from wellread.stores.weaviate_writes import vector_fault

if TYPE_CHECKING:
    from weaviate.collections import Collection
    from weaviate.collections.classes.filters import _Filters as Filters
    from weaviate.collections.classes.internal import Object, QueryReturn

SearchMode = Literal["hybrid", "vector", "keyword"]

KEYS_PER_CALL = 200
"""Documents or chunks asked for at once; an answer too large for the transport is asked again in halves."""


@dataclass(frozen=True, slots=True)
class SearchCall:
    """One chunk search, checked."""

    mode: SearchMode
    query: str
    vector: Sequence[float] | None
    alpha: float
    properties: Sequence[str]
    with_vectors: bool


def checked_call(head: Head, call: SearchCall) -> SearchCall | None:
    """The call as it can be sent; ``None`` if nothing can be found.

    A blank query has no words: keyword search finds nothing, hybrid search becomes vector search (the
    server refuses it otherwise).

    Raises:
        SettingsError: A mode that compares vectors has none, or ``alpha`` is not between 0 and 1.
        ModelMismatchError: The vector has another length than the collection's.
    """
    query = printable(call.query)
    mode: SearchMode = "vector" if call.mode == "hybrid" and not query.strip() else call.mode
    if mode == "keyword":
        return SearchCall(mode, query, None, 0.0, call.properties, call.with_vectors) if query.strip() else None
    _check_vector(head, call)
    return SearchCall(mode, query, call.vector, call.alpha, call.properties, call.with_vectors)


def _check_vector(head: Head, call: SearchCall) -> None:
    asked = f"Search {head.projection.chunks} by vector"
    dimensions = head.projection.model.dimensions
    if call.vector and len(call.vector) != dimensions:
        raise ModelMismatchError(
            asked,
            found=f"the query's vector has {len(call.vector)} dimensions, the collection {dimensions}",
            remedy="Embed the query with the model that the head names",
        )
    fault = vector_fault(call.vector)
    if fault is None and not 0.0 <= call.alpha <= 1.0:
        fault = f"alpha is {call.alpha}, not between 0 (words) and 1 (vectors)"
    if fault is not None:
        raise SettingsError(asked, found=fault, remedy="Give the query's vector, or search by keyword")


def search_chunks(
    collection: Collection[Any, Any], filters: Filters, call: SearchCall, limit: int
) -> list[SearchHit]:
    """Hits, best first, one for each chunk: of two copies the higher stays."""

    def ask(count: int) -> list[Object[Any, Any]]:
        with translated(f"Search {collection.name}"):
            return list(_ask(collection, filters, call, count).objects)

    found = ask(limit)
    hits = without_copies(found)
    if len(hits) < limit and len(found) == limit:
        # Copies stand beside each other for moments only, while a repair runs.
        hits = without_copies(ask(min(2 * limit, ANSWER_LIMIT)))
    return [search_hit(item, _score(item, call.mode)) for item in hits[:limit]]


def _ask(collection: Collection[Any, Any], filters: Filters, call: SearchCall, limit: int) -> QueryReturn[Any, Any]:
    from weaviate.classes.query import HybridFusion, MetadataQuery

    common: dict[str, Any] = {
        "filters": filters,
        "limit": limit,
        "include_vector": call.with_vectors,
        "return_properties": list(HIT_PROPERTIES),
    }
    if call.mode == "vector":
        near: QueryReturn[Any, Any] = collection.query.near_vector(
            list(call.vector or ()), return_metadata=MetadataQuery(distance=True), **common
        )
        return near
    common["return_metadata"] = MetadataQuery(score=True)
    common["query_properties"] = list(call.properties)
    if call.mode == "hybrid":
        common |= {
            "vector": list(call.vector or ()),
            "alpha": call.alpha,
            "fusion_type": HybridFusion.RELATIVE_SCORE,
        }
    search: Callable[..., QueryReturn[Any, Any]] = (
        collection.query.hybrid if call.mode == "hybrid" else collection.query.bm25
    )
    return search(call.query, **common)


def _score(found: Object[Any, Any], mode: SearchMode) -> float:
    if mode == "vector":
        return 1.0 - float(found.metadata.distance or 0.0)
    return float(found.metadata.score or 0.0)


def without_copies(found: Sequence[Object[Any, Any]]) -> list[Object[Any, Any]]:
    """Of several copies of one (chunk, revision) only the highest, in the order of the answer."""
    keys = [(item.properties["chunk_key"], int(item.properties["rev_from"])) for item in found]
    if len(set(keys)) == len(keys):
        return list(found)
    best: dict[tuple[str, int], Object[Any, Any]] = {}
    for key, item in zip(keys, found, strict=True):
        if key not in best or copy_of(item) > copy_of(best[key]):
            best[key] = item
    kept = {str(item.uuid) for item in best.values()}
    return [item for item in found if str(item.uuid) in kept]


def search_version_objects(
    collection: Collection[Any, Any],
    filters: Filters,
    *,
    query: str,
    limit: int,
    properties: Sequence[str],
) -> list[VersionHit]:
    """Documents by words, best first; a blank query finds none."""
    from weaviate.classes.query import MetadataQuery

    if not query.strip():
        return []
    with translated(f"Search {collection.name}"):
        reply = collection.query.bm25(
            printable(query),
            query_properties=list(properties),
            filters=filters,
            limit=limit,
            return_metadata=MetadataQuery(score=True),
            return_properties=list(READ_VERSION_PROPERTIES),
        )
    hits = [VersionHit(version_from(item), float(item.metadata.score or 0.0)) for item in reply.objects]
    newest = newest_versions([hit.version for hit in hits])
    return [hit for hit in hits if newest[hit.version.doc_id].object_id == hit.version.object_id]


def newest_versions(versions: Sequence[VersionObject]) -> dict[uuid.UUID, VersionObject]:
    """One version for each document: while a repair runs, the higher copy."""
    best: dict[uuid.UUID, VersionObject] = {}
    for version in versions:
        known = best.get(version.doc_id)
        if known is None or (version.rev_from, version.copy) > (known.rev_from, known.copy):
            best[version.doc_id] = version
    return best


def fetch_visible(
    collection: Collection[Any, Any],
    head: Head,
    snapshot: Snapshot,
    scope: Scope,
    *,
    narrower: Sequence[Filters],
    key_property: str,
    keys: Sequence[uuid.UUID],
    properties: Sequence[str],
) -> Iterator[Object[Any, Any]]:
    """Visible objects by key, in calls that the transport can carry. ``narrower`` is the scope's condition."""

    def ask(part: Sequence[uuid.UUID]) -> list[Object[Any, Any]]:
        reply = collection.query.fetch_objects(
            filters=readable(head, snapshot, scope, *narrower, any_uuid(key_property, part)),
            limit=ANSWER_LIMIT,
            return_properties=list(properties),
        )
        return list(reply.objects)

    unique = list(dict.fromkeys(keys))
    for start in range(0, len(unique), KEYS_PER_CALL):
        with translated(f"Fetch from {collection.name}"):
            yield from _in_halves(ask, unique[start : start + KEYS_PER_CALL])


def _in_halves(
    ask: Callable[[Sequence[uuid.UUID]], list[Object[Any, Any]]], keys: Sequence[uuid.UUID]
) -> list[Object[Any, Any]]:
    try:
        return ask(keys)
    except CallFailedError as error:
        if error.code != "RESOURCE_EXHAUSTED" or len(keys) == 1:
            raise
    middle = len(keys) // 2
    return _in_halves(ask, keys[:middle]) + _in_halves(ask, keys[middle:])
