"""Physical collections say whose they are, and heads only go forward."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from wellread.errors import (
    AuthenticationError,
    EpochMismatchError,
    ModelMismatchError,
    SchemaMismatchError,
    ServerUnavailableError,
    SettingsError,
)
from wellread.server import ServerAddress
from wellread.snapshots import Projection, Snapshot
from wellread.stores.settings import StoreSettings
from wellread.stores.weaviate_store import WeaviateStore
from wellread.testing.index_samples import MODEL, chunk_of, head_of, projection_of, version_of

pytestmark = pytest.mark.weaviate


def test_creating_twice_checks_and_keeps_what_is_there(store: WeaviateStore, projection: Projection) -> None:
    store.insert_chunks(projection, [chunk_of("stays")])
    store.create_projection(projection)
    assert store.projection_exists(projection)
    assert store.count_objects(projection, "chunks") == 1


def test_several_processes_may_create_at_once(store: WeaviateStore, collection_name: str) -> None:
    wanted = projection_of(collection_name)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: store.create_projection(wanted), range(4)))
    assert store.projection_exists(wanted)
    store.drop_projection(wanted)
    store.drop_projection(wanted)
    assert not store.projection_exists(wanted)


def test_who_finds_a_collection_that_another_has_just_made_can_read_it(
    store: WeaviateStore, collection_name: str
) -> None:
    def meet(wanted: Projection) -> int:
        while not store.projection_exists(wanted):
            pass
        return store.highest_revision(wanted)

    for _ in range(12):  # the moment between its name and its index is short
        wanted = projection_of(collection_name)
        with ThreadPoolExecutor(2) as pool:
            met = [pool.submit(meet, wanted) for _ in range(2)]
            store.create_projection(wanted)
            assert [one.result() for one in met] == [0, 0]
        store.drop_projection(wanted)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"model": dataclasses.replace(MODEL, revision="2")}, ModelMismatchError),
        ({"model": dataclasses.replace(MODEL, document_prefix="passage: ")}, ModelMismatchError),
        ({"store_epoch": "another"}, EpochMismatchError),
    ],
)
def test_another_model_or_epoch_is_refused(
    store: WeaviateStore, projection: Projection, changes: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        store.create_projection(dataclasses.replace(projection, **changes))


def test_a_collection_that_is_not_ours_is_refused(
    store: WeaviateStore, weaviate_address: ServerAddress, collection_name: str
) -> None:
    import weaviate

    wanted = projection_of(collection_name)
    with weaviate.connect_to_local(
        port=weaviate_address.http_port,
        grpc_port=weaviate_address.grpc_port,
        auth_credentials=weaviate.auth.AuthApiKey(weaviate_address.api_key or ""),
        skip_init_checks=True,
    ) as client:
        client.collections.create(wanted.chunks, description="somebody else's")
    with pytest.raises(SchemaMismatchError, match="somebody else"):
        store.create_projection(wanted)
    store.drop_projection(wanted)


@pytest.mark.parametrize("name", ["documents", "Docu ments", "Dokumenté", "", "9Docs", "Docs-2"])
def test_a_name_that_the_server_would_change_is_refused(store: WeaviateStore, name: str) -> None:
    with pytest.raises(SettingsError):
        store.create_projection(projection_of(name))


def test_a_missing_collection_is_named_and_not_transient(store: WeaviateStore, collection_name: str) -> None:
    with pytest.raises(SchemaMismatchError, match="missing"):
        store.highest_revision(projection_of(collection_name))


def test_the_highest_revision_looks_into_both_collections(store: WeaviateStore, projection: Projection) -> None:
    assert store.highest_revision(projection) == 0
    store.insert_chunks(projection, [chunk_of("a", rev_from=3), chunk_of("b", rev_from=12)])
    store.insert_versions(projection, [version_of(rev_from=5)])
    assert store.highest_revision(projection) == 12
    store.insert_versions(projection, [version_of(rev_from=40)])
    assert store.highest_revision(projection) == 40


def test_the_newest_head_is_read_and_old_rows_go(store: WeaviateStore, projection: Projection) -> None:
    name = projection.collection
    assert store.read_head(name) is None
    denied = frozenset(uuid.uuid4() for _ in range(1_000))
    for seq in (1, 3, 2, *range(4, 31)):
        head = head_of(projection, Snapshot(seq, frozenset({seq - 1})), seq, denied=denied)
        store.write_head(head)
    assert store.read_head(name) == head
    late = head_of(projection, Snapshot(99), 29, denied=denied)
    with pytest.raises(EpochMismatchError, match="another head"):
        store.write_head(late)
    store.write_head(head)
    assert store.read_head(name) == head


def test_heads_of_collections_do_not_meet(store: WeaviateStore, collection_name: str) -> None:
    one, other = projection_of(collection_name), projection_of(f"{collection_name}b")
    store.write_head(head_of(one, Snapshot(2), 5))
    store.write_head(head_of(other, Snapshot(3), 4))
    assert store.read_head(one.collection) == head_of(one, Snapshot(2), 5)
    assert store.read_head(other.collection) == head_of(other, Snapshot(3), 4)
    assert store.read_head(f"{collection_name}c") is None


def test_a_wrong_key_is_refused_at_connect(
    weaviate_address: ServerAddress, store_settings: Callable[..., StoreSettings]
) -> None:
    for key in (SecretStr("wrong"), None):
        with pytest.raises(AuthenticationError):
            WeaviateStore.connect(store_settings(weaviate_address, api_key=key))


@pytest.mark.parametrize("port", ["http_port", "grpc_port"])
def test_a_closed_port_is_named_at_connect(
    weaviate_address: ServerAddress, store_settings: Callable[..., StoreSettings], port: str
) -> None:
    with pytest.raises(ServerUnavailableError, match="Connect to Weaviate"):
        WeaviateStore.connect(store_settings(weaviate_address, **{port: 9}))
