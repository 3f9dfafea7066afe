"""No request that changes the store is sent unless its fence let it pass just before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wellread.errors import LeaseHeldError
from wellread.server import ServerAddress
from wellread.snapshots import Projection
from wellread.stores.settings import StoreSettings
from wellread.stores.weaviate_store import WeaviateStore
from wellread.testing.index_samples import chunk_of, version_of

pytestmark = pytest.mark.weaviate


class Fence:
    """Lets so many requests pass."""

    def __init__(self, passes: int) -> None:
        self.left = passes

    def __call__(self) -> None:
        if self.left == 0:
            raise LeaseHeldError("go on", found="another run took it", remedy="Run again.")
        self.left -= 1


def test_inserts_stop_at_the_request_that_the_fence_refuses(
    weaviate_address: ServerAddress, store_settings: Callable[..., StoreSettings], projection: Projection
) -> None:
    chunks = [chunk_of(f"sentence {number}") for number in range(5)]
    with WeaviateStore.connect(store_settings(weaviate_address, batch_objects=2)) as store:
        with pytest.raises(LeaseHeldError):
            store.insert_chunks(projection, chunks, fence=Fence(2))
        with pytest.raises(LeaseHeldError):
            store.insert_versions(projection, [version_of("a.txt")], fence=Fence(0))
        assert (store.count_objects(projection, "chunks"), store.count_objects(projection, "versions")) == (4, 0)
        assert store.insert_chunks(projection, chunks[4:], fence=Fence(1)).stored == {chunks[4].object_id}


def test_each_patch_asks_for_itself(store: WeaviateStore, projection: Projection) -> None:
    chunks = [chunk_of(f"sentence {number}") for number in range(6)]
    ids = [chunk.object_id for chunk in chunks]
    store.insert_chunks(projection, chunks)
    with pytest.raises(LeaseHeldError):
        store.set_rev_to(projection, "chunks", ids, 7, fence=Fence(2))
    with pytest.raises(LeaseHeldError):
        store.set_acl(projection, "chunks", ids, ("board",), fence=Fence(3))
    found = store.fetch_objects(projection, "chunks", ids).values()
    assert (sum(item.rev_to == 7 for item in found), sum(item.acl == ("board",) for item in found)) == (2, 3)


def test_a_refused_deletion_deletes_nothing(store: WeaviateStore, projection: Projection) -> None:
    chunk = chunk_of("stays")
    store.insert_chunks(projection, [chunk])
    with pytest.raises(LeaseHeldError):
        store.delete_objects(projection, "chunks", [chunk.object_id], fence=Fence(0))
    assert store.count_objects(projection, "chunks") == 1


def test_a_refused_drop_or_creation_leaves_the_collections_as_they_are(
    store: WeaviateStore, projection: Projection
) -> None:
    with pytest.raises(LeaseHeldError):
        store.drop_projection(projection, fence=Fence(0))
    assert store.projection_exists(projection)
    store.drop_projection(projection)
    with pytest.raises(LeaseHeldError):
        store.create_projection(projection, fence=Fence(0))
    assert not store.projection_exists(projection)
