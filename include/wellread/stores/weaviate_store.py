"""The vector store on Weaviate: the protocol's methods, each a few lines over this room's modules."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from wellread.documents import Acl, ChunkObject, VersionObject
from wellread.snapshots import Head, Projection, Snapshot
from wellread.stores.protocol import (
    Fence,
    ObjectKind,
    Scope,
    SearchHit,
    StoredObject,
    VersionHit,
    WriteResult,
    unfenced,
)
from wellread.stores.settings import StoreSettings
from wellread.stores.weaviate_audits import (
    count_of,
    fetch_stored,
    highest_rev_from,
    indexed_among,
    indexed_ids,
    iterate_stored,
    revision_objects,
    stored_vectors,
)
from wellread.stores.weaviate_conditions import condition_filter
from wellread.stores.weaviate_connection import open_client
from wellread.stores.weaviate_errors import translated
from wellread.stores.weaviate_facts import Remembered, StoredFacts
from wellread.stores.weaviate_filters import readable
from wellread.stores.weaviate_heads import read_newest_head, write_head_row
from wellread.stores.weaviate_objects import (
    HIT_PROPERTIES,
    READ_VERSION_PROPERTIES,
    chunk_properties,
    derived_of,
    printable,
    search_hit,
    version_from,
    version_properties,
)
from wellread.stores.weaviate_reads import (
    SearchCall,
    checked_call,
    fetch_visible,
    newest_versions,
    search_chunks,
    search_version_objects,
    without_copies,
)
from wellread.stores.weaviate_schema import (
    check_collection_name,
    create_collection,
    create_heads,
    physical_name,
)
from wellread.stores.weaviate_writes import (
    Row,
    check_dimensions,
    delete_ids,
    insert_rows,
    patch_objects,
    vector_fault,
)

if TYPE_CHECKING:
    from weaviate import WeaviateClient
    from weaviate.collections import Collection
    from weaviate.collections.classes.filters import _Filters as Filters

_KINDS: tuple[ObjectKind, ...] = ("chunks", "versions")


class WeaviateStore:
    """``VectorStore`` over one connection. Safe to use from several threads; not across a fork."""

    def __init__(self, client: WeaviateClient, settings: StoreSettings) -> None:
        self._client = client
        self._settings = settings
        self._remembered = Remembered()

    @classmethod
    def connect(cls, settings: StoreSettings) -> Self:
        """An open store. Raises ``ServerUnavailableError`` or ``AuthenticationError``."""
        return cls(open_client(settings), settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections. Closing twice is no error."""
        self._client.close()

    # -- projections and heads ------------------------------------------------------------------------
    def create_projection(self, projection: Projection, *, fence: Fence = unfenced) -> None:
        """Create both physical collections and the collection of heads, or check those that exist."""
        check_collection_name(projection.collection)
        create_heads(self._client)
        for kind in _KINDS:
            fence()
            create_collection(self._client, projection, kind)

    def projection_exists(self, projection: Projection) -> bool:
        """Whether both physical collections exist."""
        with translated(f"Look for the collections of {projection.collection}"):
            return all(self._client.collections.exists(physical_name(projection, kind)) for kind in _KINDS)

    def drop_projection(self, projection: Projection, *, fence: Fence = unfenced) -> None:
        """Delete both physical collections; missing ones are no error."""
        for kind in _KINDS:
            fence()
            with translated(f"Drop {physical_name(projection, kind)}"):
                self._client.collections.delete(physical_name(projection, kind))

    def write_head(self, head: Head) -> None:
        """Insert the head row and delete rows of this collection below ``seq`` - 20."""
        check_collection_name(head.projection.collection)
        write_head_row(self._client, head)

    def read_head(self, collection: str) -> Head | None:
        """The newest head row of a logical collection, or ``None`` if it has none."""
        return read_newest_head(self._client, collection)

    # -- writes ---------------------------------------------------------------------------------------
    def insert_chunks(
        self, projection: Projection, objects: Sequence[ChunkObject], *, fence: Fence = unfenced
    ) -> WriteResult:
        """Each object sent once. A vector that cannot be indexed is refused before anything is sent."""
        faults = {item.object_id: fault for item in objects if (fault := vector_fault(item.vector)) is not None}
        rows = [
            Row(item.object_id, chunk_properties(item), item.vector)
            for item in objects
            if item.object_id not in faults
        ]
        check_dimensions(rows, dimensions=projection.model.dimensions, collection=projection.chunks)
        outcome = insert_rows(self._collection(projection, "chunks"), rows, self._settings, fence)
        return WriteResult(stored=outcome.stored, refused={**faults, **outcome.refused}, unknown=outcome.unknown)

    def insert_versions(
        self, projection: Projection, objects: Sequence[VersionObject], *, fence: Fence = unfenced
    ) -> WriteResult:
        """The same for document versions (no vector)."""
        rows = [Row(item.object_id, version_properties(item), None) for item in objects]
        return insert_rows(self._collection(projection, "versions"), rows, self._settings, fence)

    def set_rev_to(
        self,
        projection: Projection,
        kind: ObjectKind,
        object_ids: Sequence[uuid.UUID],
        rev_to: int,
        *,
        fence: Fence = unfenced,
    ) -> WriteResult:
        """Close (or with 0 reopen) objects by patching one property. A vanished id is ``refused``."""
        return self._patch(projection, kind, object_ids, {"rev_to": rev_to}, fence)

    def set_acl(
        self,
        projection: Projection,
        kind: ObjectKind,
        object_ids: Sequence[uuid.UUID],
        acl: Acl,
        *,
        fence: Fence = unfenced,
    ) -> WriteResult:
        """Patch the access list."""
        return self._patch(projection, kind, object_ids, {"acl": [printable(group) for group in acl]}, fence)

    def delete_objects(
        self,
        projection: Projection,
        kind: ObjectKind,
        object_ids: Sequence[uuid.UUID],
        *,
        fence: Fence = unfenced,
    ) -> None:
        """Delete by id and prove that none is left. Missing ids are no error."""
        delete_ids(self._collection(projection, kind), object_ids, self._settings, fence)

    # -- audits ---------------------------------------------------------------------------------------
    def vector_indexed_ids(self, projection: Projection, rev_from: int, expected_count: int) -> set[uuid.UUID]:
        """Ids with this ``rev_from`` that the *vector index* finds."""
        return indexed_ids(
            self._collection(projection, "chunks"),
            dimensions=projection.model.dimensions,
            rev_from=rev_from,
            expected_count=expected_count,
        )

    def vector_indexed_among(self, projection: Projection, object_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
        """Those of the given ids that the vector index finds."""
        return indexed_among(
            self._collection(projection, "chunks"),
            dimensions=projection.model.dimensions,
            object_ids=object_ids,
        )

    def fetch_objects(
        self,
        projection: Projection,
        kind: ObjectKind,
        object_ids: Sequence[uuid.UUID],
        *,
        with_content: bool = False,
    ) -> dict[uuid.UUID, StoredObject]:
        """What is stored under these ids; missing ones are left out."""
        return fetch_stored(self._collection(projection, kind), kind, object_ids, with_content=with_content)

    def fetch_vectors(
        self, projection: Projection, object_ids: Sequence[uuid.UUID]
    ) -> dict[uuid.UUID, tuple[float, ...]]:
        """The vectors stored with these chunks; missing objects, and those without a vector, are left out."""
        return stored_vectors(self._collection(projection, "chunks"), object_ids)

    def iterate_objects(
        self, projection: Projection, kind: ObjectKind, *, with_content: bool = False
    ) -> Iterable[StoredObject]:
        """Every object in the order of its id, by cursor, for reconciling and for tests."""
        return iterate_stored(self._collection(projection, kind), kind, with_content=with_content)

    def derived_of(self, item: ChunkObject | VersionObject) -> tuple[str, ...]:
        """What is stored beside the object's own values, so that filters find it. Asks no server."""
        return derived_of(item)

    def objects_of_revision(self, projection: Projection, kind: ObjectKind, revision: int) -> list[StoredObject]:
        """Every object that the revision opened or closed (``rev_from`` or ``rev_to`` equals it)."""
        return revision_objects(self._collection(projection, kind), kind, revision)

    def count_objects(self, projection: Projection, kind: ObjectKind) -> int:
        """How many objects there are, open and closed."""
        return count_of(self._collection(projection, kind))

    def highest_revision(self, projection: Projection) -> int:
        """The largest ``rev_from`` stored in either collection, 0 if empty."""
        return max(highest_rev_from(self._collection(projection, kind)) for kind in _KINDS)

    # -- reads ----------------------------------------------------------------------------------------
    def search(
        self,
        head: Head,
        snapshot: Snapshot,
        scope: Scope,
        *,
        mode: Literal["hybrid", "vector", "keyword"],
        query: str,
        vector: Sequence[float] | None,
        alpha: float,
        limit: int,
        properties: Sequence[str] = ("title", "text"),
        with_vectors: bool = False,
    ) -> list[SearchHit]:
        """Visible chunks, best first; denied documents and second copies left out.

        A blank query finds nothing by keyword; hybrid search then ranks by vector alone, with the cosine as
        score. ``alpha`` 0 is words alone, 1 vectors alone.
        """
        call = checked_call(head, SearchCall(mode, query, vector, alpha, properties, with_vectors))
        if call is None or limit < 1:
            return []
        chunks = self._collection(head.projection, "chunks")
        filters = readable(head, snapshot, scope, *self._narrower(head, snapshot, scope, "chunks"))
        return search_chunks(chunks, filters, call, limit)

    def search_versions(
        self,
        head: Head,
        snapshot: Snapshot,
        scope: Scope,
        *,
        query: str,
        limit: int,
        properties: Sequence[str] = ("title^2", "opening"),
    ) -> list[VersionHit]:
        """Visible documents by keyword search over title, opening and natural key (``natural_key_words``)."""
        return search_version_objects(
            self._collection(head.projection, "versions"),
            readable(head, snapshot, scope, *self._narrower(head, snapshot, scope, "versions")),
            query=query,
            limit=limit,
            properties=properties,
        )

    def fetch_versions(
        self, head: Head, snapshot: Snapshot, scope: Scope, doc_ids: Sequence[uuid.UUID]
    ) -> dict[uuid.UUID, VersionObject]:
        """The visible version of each document."""
        found = fetch_visible(
            self._collection(head.projection, "versions"),
            head,
            snapshot,
            scope,
            narrower=self._narrower(head, snapshot, scope, "versions"),
            key_property="doc_id",
            keys=doc_ids,
            properties=READ_VERSION_PROPERTIES,
        )
        return newest_versions([version_from(item) for item in found])

    def fetch_chunks(
        self, head: Head, snapshot: Snapshot, scope: Scope, chunk_keys: Sequence[uuid.UUID]
    ) -> dict[uuid.UUID, SearchHit]:
        """Visible chunks by key: neighbours and citations. Their score is 0."""
        found = fetch_visible(
            self._collection(head.projection, "chunks"),
            head,
            snapshot,
            scope,
            narrower=self._narrower(head, snapshot, scope, "chunks"),
            key_property="chunk_key",
            keys=chunk_keys,
            properties=HIT_PROPERTIES,
        )
        hits = [search_hit(item, 0.0) for item in without_copies(list(found))]
        return {hit.chunk_key: hit for hit in hits}

    # -- inside ---------------------------------------------------------------------------------------
    def _collection(self, projection: Projection, kind: ObjectKind) -> Collection[Any, Any]:
        return self._client.collections.get(physical_name(projection, kind))

    def _narrower(self, head: Head, snapshot: Snapshot, scope: Scope, kind: ObjectKind) -> list[Filters]:
        """The scope's condition as terms to be joined by *and*."""
        condition = scope.condition()
        if condition is None:
            return []
        facts = StoredFacts(
            chunks=self._collection(head.projection, "chunks"),
            versions=self._collection(head.projection, "versions"),
            head=head,
            snapshot=snapshot,
            tenant=scope.tenant,
            remembered=self._remembered,
        )
        found = condition_filter(condition, kind, facts)
        return [] if found is None else [found]

    def _patch(
        self,
        projection: Projection,
        kind: ObjectKind,
        object_ids: Sequence[uuid.UUID],
        properties: dict[str, Any],
        fence: Fence,
    ) -> WriteResult:
        unique = list(dict.fromkeys(object_ids))
        return patch_objects(self._collection(projection, kind), unique, properties, self._settings, fence)
