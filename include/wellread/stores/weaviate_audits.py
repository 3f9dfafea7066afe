"""What is really there, in the object store and, separately, in the vector index.

An object can be stored and found by words while the vector index has never heard of it: a client deadline
or a killed server does that without any error. A vector query under a filter that leaves fewer objects
than the server's flat-search cut-off (40,000) visits every one of them that the index holds, so its answer
names exactly the indexed ones.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from wellread.errors import AuditError
from wellread.identities import BUCKET_COUNT
from wellread.stores.protocol import ObjectKind, StoredObject
from wellread.stores.weaviate_errors import translated
from wellread.stores.weaviate_objects import CONTENT_PROPERTIES, STORED_PROPERTIES, stored_content, stored_object

if TYPE_CHECKING:
    from weaviate.collections import Collection
    from weaviate.collections.classes.filters import _Filters as Filters

ANSWER_LIMIT = 10_000
"""The server's QUERY_MAXIMUM_RESULTS: the most objects that one answer may name."""

EXPECTED_PER_QUERY = 8_000
"""Buckets are filled by chance: planning below the limit leaves room for the fullest."""

IDS_PER_QUERY = 1_000

VERSIONS_PER_QUERY = 100
"""With their content: the arrangement of a book of ten thousand chunks takes 600 kB."""


def indexed_ids(
    collection: Collection[Any, Any], *, dimensions: int, rev_from: int, expected_count: int
) -> set[uuid.UUID]:
    """Ids with this ``rev_from`` that the vector index holds, whatever their number."""
    parts = max(1, -(-expected_count // EXPECTED_PER_QUERY))
    edges = [BUCKET_COUNT * index // parts for index in range(parts + 1)]
    found: set[uuid.UUID] = set()
    for start, end in itertools.pairwise(edges):
        found |= _indexed_in_buckets(collection, dimensions, rev_from, start, end)
    return found


def _indexed_in_buckets(
    collection: Collection[Any, Any], dimensions: int, rev_from: int, start: int, end: int
) -> set[uuid.UUID]:
    """Ids of the buckets ``start`` to ``end`` (exclusive); an answer at the limit is asked again in halves."""
    from weaviate.classes.query import Filter

    terms = [Filter.by_property("rev_from").equal(rev_from)]
    if (start, end) != (0, BUCKET_COUNT):
        bucket = Filter.by_property("bucket")
        terms += [bucket.greater_or_equal(start), bucket.less_than(end)]
    found = _nearest(collection, dimensions, Filter.all_of(terms), ANSWER_LIMIT)
    if len(found) < ANSWER_LIMIT:
        return found
    if end - start == 1:
        raise AuditError(
            f"Audit revision {rev_from} of {collection.name}",
            found=f"bucket {start} alone holds {ANSWER_LIMIT} objects or more",
            remedy="Load so many objects in several revisions",
        )
    middle = (start + end) // 2
    return _indexed_in_buckets(collection, dimensions, rev_from, start, middle) | _indexed_in_buckets(
        collection, dimensions, rev_from, middle, end
    )


def indexed_among(
    collection: Collection[Any, Any], *, dimensions: int, object_ids: Sequence[uuid.UUID]
) -> set[uuid.UUID]:
    """Those of the given ids that the vector index holds."""
    from weaviate.classes.query import Filter

    found: set[uuid.UUID] = set()
    for part in _parts(object_ids):
        found |= _nearest(collection, dimensions, Filter.by_id().contains_any(part), len(part))
    return found


def _nearest(collection: Collection[Any, Any], dimensions: int, filters: Filters, limit: int) -> set[uuid.UUID]:
    # Any direction will do: the limit is above the number of objects that pass the filter.
    probe = [1.0, *([0.0] * (dimensions - 1))]
    with translated(f"Audit the vector index of {collection.name}"):
        reply = collection.query.near_vector(probe, filters=filters, limit=limit, return_properties=False)
    return {uuid.UUID(int=item.uuid.int) for item in reply.objects}


def _parts(object_ids: Sequence[uuid.UUID], size: int = IDS_PER_QUERY) -> Iterator[list[uuid.UUID]]:
    unique = list(dict.fromkeys(object_ids))
    for start in range(0, len(unique), size):
        yield unique[start : start + size]


def fetch_stored(
    collection: Collection[Any, Any],
    kind: ObjectKind,
    object_ids: Sequence[uuid.UUID],
    *,
    with_content: bool = False,
) -> dict[uuid.UUID, StoredObject]:
    """What is stored under these ids."""
    from weaviate.classes.query import Filter

    names, convert = _reading(kind, with_content=with_content)

    found: dict[uuid.UUID, StoredObject] = {}
    for part in _parts(object_ids, _per_query(kind, with_content=with_content)):
        with translated(f"Fetch {len(part)} objects of {collection.name}"):
            reply = collection.query.fetch_objects(
                filters=Filter.by_id().contains_any(part),
                limit=len(part),
                return_properties=names,
            )
        found.update((uuid.UUID(int=item.uuid.int), convert(item, kind)) for item in reply.objects)
    return found


def _per_query(kind: ObjectKind, *, with_content: bool) -> int:
    return VERSIONS_PER_QUERY if with_content and kind == "versions" else IDS_PER_QUERY


def _reading(kind: ObjectKind, *, with_content: bool) -> tuple[list[str], Callable[..., StoredObject]]:
    """The properties to ask for, and what makes an object of them."""
    if with_content:
        return list(CONTENT_PROPERTIES[kind]), stored_content
    return list(STORED_PROPERTIES[kind]), stored_object


def stored_vectors(
    collection: Collection[Any, Any], object_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, tuple[float, ...]]:
    """The vectors that are stored under these ids, as the object store (not the index) holds them."""
    from weaviate.classes.query import Filter

    found: dict[uuid.UUID, tuple[float, ...]] = {}
    for part in _parts(object_ids):
        with translated(f"Fetch {len(part)} vectors of {collection.name}"):
            reply = collection.query.fetch_objects(
                filters=Filter.by_id().contains_any(part),
                limit=len(part),
                include_vector=True,
                return_properties=False,
            )
        for item in reply.objects:
            vector: Any = item.vector.get("default")
            if vector:
                found[uuid.UUID(int=item.uuid.int)] = tuple(vector)
    return found


def iterate_stored(
    collection: Collection[Any, Any], kind: ObjectKind, *, with_content: bool = False
) -> Iterator[StoredObject]:
    """Every object in the order of ids, by cursor: not a snapshot while others write."""
    names, convert = _reading(kind, with_content=with_content)
    limit = _per_query(kind, with_content=with_content)
    after: uuid.UUID | None = None
    while True:
        with translated(f"Read through {collection.name}"):
            reply = collection.query.fetch_objects(after=after, limit=limit, return_properties=names)
        for item in reply.objects:
            yield convert(item, kind)
        if len(reply.objects) < limit:
            return
        after = reply.objects[-1].uuid


def revision_objects(collection: Collection[Any, Any], kind: ObjectKind, revision: int) -> list[StoredObject]:
    """Every object that the revision opened or closed."""
    from weaviate.classes.query import Filter

    touched = Filter.by_property("rev_from").equal(revision) | Filter.by_property("rev_to").equal(revision)
    with translated(f"List the objects of revision {revision} in {collection.name}"):
        reply = collection.query.fetch_objects(
            filters=touched, limit=ANSWER_LIMIT, return_properties=list(STORED_PROPERTIES[kind])
        )
    if len(reply.objects) < ANSWER_LIMIT:
        return [stored_object(item, kind) for item in reply.objects]
    # Cursors take no filter and offsets end at the limit: a revision this large is read by a full pass.
    return [item for item in iterate_stored(collection, kind) if revision in {item.rev_from, item.rev_to}]


def count_of(collection: Collection[Any, Any]) -> int:
    """How many objects there are."""
    with translated(f"Count the objects of {collection.name}"):
        return collection.aggregate.over_all(total_count=True).total_count or 0


def highest_rev_from(collection: Collection[Any, Any]) -> int:
    """The largest ``rev_from``, 0 if there is none."""
    from weaviate.classes.query import Sort

    with translated(f"Find the newest revision of {collection.name}"):
        reply = collection.query.fetch_objects(
            sort=Sort.by_property("rev_from", ascending=False), limit=1, return_properties=["rev_from"]
        )
    return int(reply.objects[0].properties["rev_from"]) if reply.objects else 0
