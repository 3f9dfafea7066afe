"""The collection as one retrieval sees it: a head, a snapshot and a scope, bound to the store."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from wellread.documents import VersionObject
from wellread.retrieval.results import SearchMode
from wellread.snapshots import Head, Snapshot
from wellread.stores.protocol import Scope, SearchHit, VectorStore, VersionHit

Vector = Sequence[float]

_NAME_PROPERTIES = ("title^2", "opening", "natural_key_words")


@dataclass(frozen=True, slots=True)
class View:
    """Every read of one retrieval goes through here, so that none can see another state or more documents."""

    store: VectorStore
    head: Head
    snapshot: Snapshot
    scope: Scope

    def inside(self, doc_ids: Sequence[uuid.UUID]) -> View:
        """The view narrowed to documents that were found through it."""
        return replace(self, scope=replace(self.scope, doc_ids=tuple(doc_ids)))

    def search(
        self, query: str, vector: Vector | None, *, mode: SearchMode, alpha: float, limit: int
    ) -> list[SearchHit]:
        """Chunks, best first, with their vectors where the query has one."""
        return self.store.search(
            self.head,
            self.snapshot,
            self.scope,
            mode=mode,
            query=query,
            vector=vector,
            alpha=alpha,
            limit=limit,
            with_vectors=vector is not None,
        )

    def named(self, question: str, limit: int) -> list[VersionHit]:
        """Documents whose title, opening or name hold the question's words, best first."""
        return self.store.search_versions(
            self.head, self.snapshot, self.scope, query=question, limit=limit, properties=_NAME_PROPERTIES
        )

    def versions(self, doc_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, VersionObject]:
        """The visible versions."""
        return self.store.fetch_versions(self.head, self.snapshot, self.scope, doc_ids) if doc_ids else {}

    def chunks(self, chunk_keys: Sequence[uuid.UUID]) -> dict[uuid.UUID, SearchHit]:
        """The visible chunks."""
        return self.store.fetch_chunks(self.head, self.snapshot, self.scope, chunk_keys) if chunk_keys else {}
