"""Deadlines, cut connections and killed servers: told as unknown, cured by delete and insert, proved by audit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from wellread.errors import StorageFullError, TransientError
from wellread.server import ServerAddress, ServerSettings, ensure_server, server_status
from wellread.server.temporary import local_weaviate
from wellread.snapshots import ModelIdentity, Projection
from wellread.stores.settings import StoreSettings
from wellread.stores.weaviate_connection import _one_shot
from wellread.stores.weaviate_store import WeaviateStore
from wellread.testing.index_samples import chunk_of, projection_of, vector_of

pytestmark = pytest.mark.weaviate

DIMENSIONS = 384
MODEL = ModelIdentity(provider="test", model="hash", revision="1", dimensions=DIMENSIONS)


@pytest.fixture
def wide(store: WeaviateStore, collection_name: str) -> Iterator[Projection]:
    """A projection whose vectors are long enough for indexing to take time."""
    made = projection_of(collection_name, model=MODEL)
    store.create_projection(made)
    yield made
    store.drop_projection(made)


def test_a_deadline_in_mid_load_is_unknown_and_delete_then_insert_heals(
    store: WeaviateStore,
    wide: Projection,
    weaviate_address: ServerAddress,
    store_settings: Callable[..., StoreSettings],
) -> None:
    chunks = [chunk_of(f"cut {number}", vector=vector_of(f"cut {number}", DIMENSIONS)) for number in range(1_200)]
    ids = {chunk.object_id for chunk in chunks}
    hasty_settings = store_settings(weaviate_address, insert_seconds=0.03, batch_objects=400)
    cut = set()
    with WeaviateStore.connect(hasty_settings) as hasty:
        for start in range(0, len(chunks), 400):
            part = chunks[start : start + 400]
            result = hasty.insert_chunks(wide, part)
            assert not result.refused
            assert result.stored | result.unknown == {chunk.object_id for chunk in part}
            cut |= result.unknown
    assert cut, "the deadline was too generous to cut anything"
    store.delete_objects(wide, "chunks", list(cut))
    healed = store.insert_chunks(wide, [chunk for chunk in chunks if chunk.object_id in cut])
    assert healed.stored == cut
    assert store.vector_indexed_ids(wide, 1, len(ids)) == ids
    assert store.vector_indexed_among(wide, list(ids)) == ids


def test_a_write_that_ends_without_answer_or_error_is_unknown(
    store: WeaviateStore, wide: Projection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As gRPC was seen to end a call of a process that had been stopped and woken."""
    chunks = [chunk_of("no answer", vector=vector_of("no answer", DIMENSIONS))]
    stub = store._client._connection.grpc_stub
    carried_out = stub.BatchObjects

    def without_answer(*arguments: Any, **options: Any) -> None:
        carried_out(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(stub, "BatchObjects", _one_shot(without_answer))
        assert store.insert_chunks(wide, chunks).unknown == {chunks[0].object_id}
    assert store.count_objects(wide, "chunks") == 1
    store.delete_objects(wide, "chunks", [chunks[0].object_id])
    assert store.insert_chunks(wide, chunks).stored == {chunks[0].object_id}


def test_a_plain_retry_after_a_deadline_is_what_the_audit_would_catch(
    store: WeaviateStore,
    wide: Projection,
    weaviate_address: ServerAddress,
    store_settings: Callable[..., StoreSettings],
) -> None:
    """The reason for all of this: the wrong cure leaves holes that only the audit of the vector index sees."""
    chunks = [chunk_of(f"hole {number}", vector=vector_of(f"hole {number}", DIMENSIONS)) for number in range(800)]
    ids = {chunk.object_id for chunk in chunks}
    with WeaviateStore.connect(store_settings(weaviate_address, insert_seconds=0.1, batch_objects=800)) as hasty:
        assert hasty.insert_chunks(wide, chunks).unknown == ids
    assert store.insert_chunks(wide, chunks).stored == ids
    assert store.count_objects(wide, "chunks") == len(ids)
    holes = ids - store.vector_indexed_ids(wide, 1, len(ids))
    assert holes == ids - store.vector_indexed_among(wide, list(ids))
    store.delete_objects(wide, "chunks", list(holes))
    store.insert_chunks(wide, [chunk for chunk in chunks if chunk.object_id in holes])
    assert store.vector_indexed_ids(wide, 1, len(ids)) == ids


def test_a_server_killed_in_mid_load_loses_nothing_that_the_audit_does_not_name(
    tmp_path: Path, store_settings: Callable[..., StoreSettings], weaviate_address: ServerAddress
) -> None:
    chunks = [chunk_of(f"kill {number}", vector=vector_of(f"kill {number}", DIMENSIONS)) for number in range(4_000)]
    home = tmp_path / "home"
    wanted = projection_of("Killed", model=MODEL)
    with local_weaviate(home) as address:
        pid = server_status(home).pid
        assert pid is not None
        with WeaviateStore.connect(store_settings(address, insert_seconds=10.0, batch_objects=100)) as store:
            store.create_projection(wanted)
            first = store.insert_chunks(wanted, chunks[:200])
            threading.Timer(0.3, psutil.Process(pid).kill).start()
            rest = store.insert_chunks(wanted, chunks[200:])
        assert rest.unknown, "the load was over before the kill"
        acknowledged = first.stored | rest.stored
        again = ensure_server(ServerSettings(), home)
        assert again.api_key == address.api_key
        with WeaviateStore.connect(store_settings(again)) as store:
            assert set(store.fetch_objects(wanted, "chunks", list(acknowledged))) == acknowledged
            lost = acknowledged - store.vector_indexed_among(wanted, list(acknowledged))
            to_heal = lost | rest.unknown
            store.delete_objects(wanted, "chunks", list(to_heal))
            by_id = {chunk.object_id: chunk for chunk in chunks}
            assert store.insert_chunks(wanted, [by_id[key] for key in to_heal]).stored == to_heal
            assert store.vector_indexed_ids(wanted, 1, len(chunks)) == set(by_id)


def test_a_call_to_a_dead_server_fails_at_once_and_is_sent_once(
    tmp_path: Path, store_settings: Callable[..., StoreSettings], weaviate_address: ServerAddress
) -> None:
    """Left to itself the client sends a failed insert three times, with sleeps of 7 seconds in all."""
    home = tmp_path / "home"
    wanted = projection_of("Dead")
    with local_weaviate(home) as address, WeaviateStore.connect(store_settings(address)) as store:
        store.create_projection(wanted)
        pid = server_status(home).pid
        assert pid is not None
        psutil.Process(pid).kill()
        chunk = chunk_of("too late")
        before = time.monotonic()
        assert store.insert_chunks(wanted, [chunk]).unknown == {chunk.object_id}
        assert store.set_rev_to(wanted, "chunks", [chunk.object_id], 2).unknown == {chunk.object_id}
        for call in (
            lambda: store.vector_indexed_ids(wanted, 1, 1),
            lambda: store.count_objects(wanted, "chunks"),
            lambda: store.delete_objects(wanted, "chunks", [chunk.object_id]),
            lambda: store.read_head("Dead"),
        ):
            with pytest.raises(TransientError):
                call()
        assert time.monotonic() - before < 5, "something slept and tried again"


def test_a_shard_that_takes_no_writes_is_a_full_storage_and_heals(
    store: WeaviateStore, projection: Projection, weaviate_address: ServerAddress
) -> None:
    import weaviate

    chunk = chunk_of("no room")
    with weaviate.connect_to_local(
        port=weaviate_address.http_port,
        grpc_port=weaviate_address.grpc_port,
        auth_credentials=weaviate.auth.AuthApiKey(weaviate_address.api_key or ""),
        skip_init_checks=True,
    ) as client:
        config = client.collections.get(projection.chunks).config
        config.update_shards("READONLY")
        with pytest.raises(StorageFullError):
            store.insert_chunks(projection, [chunk, chunk_of("no room either")])
        config.update_shards("READY")
    assert store.insert_chunks(projection, [chunk]).stored == {chunk.object_id}
    assert store.vector_indexed_ids(projection, 1, 1) == {chunk.object_id}
