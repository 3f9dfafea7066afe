"""What a vector store must do for exact synchronisation and reads under a snapshot.

Every write says for each id whether it is stored, refused or unknown. Unknown ids must be deleted before
they are written again: the caller (``wellread.indexing``) does that, the store only tells.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from wellread.documents import Acl, ChunkObject, VersionObject
from wellread.filters import Equals, Filter, all_of
from wellread.snapshots import Head, Projection, Snapshot

ObjectKind = Literal["chunks", "versions"]

Fence = Callable[[], None]
"""Asked right before each request that changes the store, in the thread that sends it. It raises where the writer
may no longer write; then nothing more is sent, and what it raised goes up as it is."""


def unfenced() -> None:
    """For a writer that nobody competes with: the only one, or one whose late request could do no harm."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """One outcome for each id of a write."""

    stored: frozenset[uuid.UUID]
    refused: Mapping[uuid.UUID, str] = field(default_factory=dict)
    """The server's message, for objects that it will never take as they are."""
    unknown: frozenset[uuid.UUID] = frozenset()
    """A deadline or a cut connection: stored or not, and if stored perhaps not in the vector index."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What an audit needs to know of one object."""

    object_id: uuid.UUID
    key: uuid.UUID
    """``chunk_key`` of a chunk, ``doc_id`` of a version."""
    doc_id: uuid.UUID
    source_id: str
    rev_from: int
    rev_to: int
    payload_hash: str
    acl: Acl = ()
    content: ChunkObject | VersionObject | None = None
    """What readers find, where it was asked for, without vector and declared fields. Each lone surrogate of its
    texts reads U+FFFD."""
    derived: tuple[str, ...] = ()
    """With the content: what the store made of the object for its filters (:meth:`VectorStore.derived_of`)."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which objects a reader may see at all; applied inside the store, never left to callers."""

    tenant: str
    groups: tuple[str, ...] | None = None
    """Access groups of the reader. ``None``: the caller is trusted with everything."""
    doc_ids: tuple[uuid.UUID, ...] = ()
    """Only these documents, where given."""
    source_ids: tuple[str, ...] = ()
    field_equals: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Short for ``Equals`` of each."""
    filter: Filter | None = None
    """Chunks must pass it as well: it is joined to the rest by *and*, so whatever stands in it can only narrow."""

    def narrowed(self, *conditions: Filter | None) -> Scope:
        """The scope with further conditions; ``None`` among them is none."""
        return replace(self, filter=all_of(self.filter, *conditions))

    def condition(self) -> Filter | None:
        """``filter`` and ``field_equals`` as one condition."""
        return all_of(self.filter, *(Equals(name, value) for name, value in sorted(self.field_equals.items())))


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One chunk found by one leg or by fusion."""

    object_id: uuid.UUID
    chunk_key: uuid.UUID
    doc_id: uuid.UUID
    source_id: str
    rev_from: int
    text: str
    repeated_chars: int
    title: str
    headings: tuple[str, ...]
    language: str
    kind: str
    score: float
    """Hybrid: the server's relative-score fusion, 0 to 1. Keyword: BM25. Vector: cosine similarity."""
    vector: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class VersionHit:
    """One document found by title and opening, best first."""

    version: VersionObject
    score: float


class VectorStore(Protocol):
    """Physical collections, heads and searches of one database.

    What changes the store asks a fence, which every caller must name.
    """

    # -- projections and heads ------------------------------------------------------------------------
    def create_projection(self, projection: Projection, *, fence: Fence) -> None:
        """Create both physical collections, or check that existing ones have this schema and model.

        Raises ``SchemaMismatchError``, ``ModelMismatchError`` or ``EpochMismatchError``.
        """

    def projection_exists(self, projection: Projection) -> bool:
        """Whether both physical collections exist."""

    def drop_projection(self, projection: Projection, *, fence: Fence) -> None:
        """Delete both physical collections; missing ones are no error."""

    def write_head(self, head: Head) -> None:
        """Insert the head row and delete rows of this collection below ``seq`` - 20.

        It needs no fence. The ledger gives out each ``seq`` once, with one content, under the lock of its counter:
        whoever writes this row, how often and how late, readers take the highest one, and that has not changed.
        """

    def read_head(self, collection: str) -> Head | None:
        """The newest head row of a logical collection, or ``None`` if it has none."""

    # -- writes ---------------------------------------------------------------------------------------
    def insert_chunks(self, projection: Projection, objects: Sequence[ChunkObject], *, fence: Fence) -> WriteResult:
        """One request, one outcome for each object. The caller bounds count and bytes."""

    def insert_versions(
        self, projection: Projection, objects: Sequence[VersionObject], *, fence: Fence
    ) -> WriteResult:
        """The same for document versions (no vector)."""

    def set_rev_to(
        self,
        projection: Projection,
        kind: ObjectKind,
        object_ids: Sequence[uuid.UUID],
        rev_to: int,
        *,
        fence: Fence,
    ) -> WriteResult:
        """Close (or with 0 reopen) objects by patching one property. A vanished id is ``refused``."""

    def set_acl(
        self,
        projection: Projection,
        kind: ObjectKind,
        object_ids: Sequence[uuid.UUID],
        acl: Acl,
        *,
        fence: Fence,
    ) -> WriteResult:
        """Patch the access list."""

    def delete_objects(
        self, projection: Projection, kind: ObjectKind, object_ids: Sequence[uuid.UUID], *, fence: Fence
    ) -> None:
        """Delete by id and prove that none is left. Missing ids are no error."""

    # -- audits ---------------------------------------------------------------------------------------
    def vector_indexed_ids(self, projection: Projection, rev_from: int, expected_count: int) -> set[uuid.UUID]:
        """Ids with this ``rev_from`` that the *vector index* finds (one query, or bucket by bucket)."""

    def vector_indexed_among(self, projection: Projection, object_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
        """Those of the given ids that the vector index finds."""

    def fetch_objects(
        self,
        projection: Projection,
        kind: ObjectKind,
        object_ids: Sequence[uuid.UUID],
        *,
        with_content: bool = False,
    ) -> dict[uuid.UUID, StoredObject]:
        """What is stored under these ids; missing ones are left out."""

    def fetch_vectors(
        self, projection: Projection, object_ids: Sequence[uuid.UUID]
    ) -> dict[uuid.UUID, tuple[float, ...]]:
        """The vectors stored with these chunks; missing objects, and those without a vector, are left out."""

    def iterate_objects(
        self, projection: Projection, kind: ObjectKind, *, with_content: bool = False
    ) -> Iterable[StoredObject]:
        """Every object in the order of its id, by cursor, for reconciling and for tests."""

    def derived_of(self, item: ChunkObject | VersionObject) -> tuple[str, ...]:
        """What is stored beside the object's own values, so that filters find it. Asks no server."""

    def objects_of_revision(self, projection: Projection, kind: ObjectKind, revision: int) -> list[StoredObject]:
        """Every object that the revision opened or closed (``rev_from`` or ``rev_to`` equals it)."""

    def count_objects(self, projection: Projection, kind: ObjectKind) -> int:
        """How many objects there are, open and closed."""

    def highest_revision(self, projection: Projection) -> int:
        """The largest ``rev_from`` stored in either collection, 0 if empty."""

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
        """Visible chunks, best first; denied documents and second copies left out."""

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
        """Visible documents by keyword search over title, opening and natural key.

        Version objects know neither declared fields nor a chunk's language: of the scope's filter only what they
        can tell is applied here and in :meth:`fetch_versions`. No document that has a passing chunk is left out;
        whether one has, :meth:`search` says.
        """

    def fetch_versions(
        self, head: Head, snapshot: Snapshot, scope: Scope, doc_ids: Sequence[uuid.UUID]
    ) -> dict[uuid.UUID, VersionObject]:
        """The visible version of each document, in calls bounded by bytes."""

    def fetch_chunks(
        self, head: Head, snapshot: Snapshot, scope: Scope, chunk_keys: Sequence[uuid.UUID]
    ) -> dict[uuid.UUID, SearchHit]:
        """Visible chunks by key: neighbours and citations."""

    def close(self) -> None:
        """Close connections."""
