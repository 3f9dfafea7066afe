"""A small collection of three documents in a real Weaviate, embedded by the real model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pydantic import SecretStr

from wellread.documents import ChunkObject, Placement, VersionObject
from wellread.models.embedding.local_onnx import LocalEmbedder
from wellread.server import ServerAddress
from wellread.snapshots import Head, Projection, Snapshot
from wellread.stores.settings import StoreSettings
from wellread.stores.weaviate_store import WeaviateStore
from wellread.testing.index_samples import chunk_of, head_of, projection_of, version_of

LEASE = (
    "Lease of rooms at Marrow Quay between Tillingham Estates and Osprey Bakery, dated the third of May.",
    "The rent is nine hundred a month, payable on the first day.",
    "The tenant keeps the ovens in repair and insures them against fire.",
    "Either party may end the lease by giving six months of notice in writing.",
    "This lease is governed by the laws of Scotland.",
    "The landlord may enter the rooms to inspect them after two days of notice.",
)
SUPPLY = (
    "Supply of flour between Brackwater Mills and Halcyon Cakes, dated the ninth of June.",
    "The price of flour is fixed for each quarter and payable within thirty days.",
    "Deliveries that are late by a week may be refused by the buyer.",
    "Either party may end the supply by giving ninety days of notice in writing.",
    "This contract is governed by the laws of Norway.",
    "The mill insures the flour until it is unloaded.",
)
NOTE = ("Sourdough rises slowly in a cold kitchen.",)


@dataclass(frozen=True)
class Library:
    """What was written, with the store and the embedder to read it."""

    store: WeaviateStore
    embedder: LocalEmbedder
    projection: Projection

    def write(
        self,
        key: str,
        title: str,
        texts: Sequence[str],
        *,
        rev_from: int = 1,
        listed: int | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        """One document; its version lists the first ``listed`` chunks only, where given."""
        vectors = self.embedder.embed(texts, kind="document").vectors
        chunks = [
            replace(
                chunk_of(text, key, rev_from=rev_from, title=title, fields=fields or {}),
                vector=tuple(vector.tolist()),
            )
            for text, vector in zip(texts, vectors, strict=True)
        ]
        self.store.insert_chunks(self.projection, chunks)
        self.store.insert_versions(self.projection, [self._version(key, title, texts, chunks[:listed], rev_from)])

    def publish(self, seq: int, next_revision: int, *, oldest_readable: int = 0) -> Head:
        """A new head."""
        head = head_of(self.projection, Snapshot(next_revision), seq)
        head = replace(head, oldest_readable=oldest_readable)
        self.store.write_head(head)
        return head

    @staticmethod
    def _version(
        key: str, title: str, texts: Sequence[str], chunks: Sequence[ChunkObject], rev_from: int
    ) -> VersionObject:
        ends = [sum(len(text) + 2 for text in texts[:count]) for count in range(1, len(texts) + 1)]
        placements = tuple(
            Placement(chunk.chunk_key, end - 2 - len(chunk.text), end - 2, index + 1)
            for index, (chunk, end) in enumerate(zip(chunks, ends, strict=False))
        )
        return version_of(key, title=title, opening=texts[0], placements=placements, rev_from=rev_from)


@pytest.fixture
def library(weaviate_address: ServerAddress, collection_name: str) -> Iterator[Library]:
    """Two contracts and a note, published."""
    settings = StoreSettings(
        http_host=weaviate_address.http_host,
        http_port=weaviate_address.http_port,
        grpc_host=weaviate_address.grpc_host,
        grpc_port=weaviate_address.grpc_port,
        api_key=SecretStr(weaviate_address.api_key or ""),
    )
    embedder = LocalEmbedder()
    with WeaviateStore.connect(settings) as store:
        projection = projection_of(collection_name, model=embedder.identity)
        store.create_projection(projection)
        made = Library(store, embedder, projection)
        made.write("contracts/lease.pdf", "Lease of rooms", LEASE, fields={"year": 2020})
        made.write("contracts/supply.pdf", "Supply of flour", SUPPLY, fields={"year": 2021})
        made.write("notes/bread.txt", "Bread", NOTE)
        made.publish(1, 2)
        yield made
        store.drop_projection(projection)
