"""Deadlines that cut writes, and killed servers: the vector index is whole when a run has ended."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from wellread.errors import WellreadError
from wellread.indexing.running import Runner
from wellread.server import ServerSettings, ensure_server, server_status
from wellread.server.temporary import local_weaviate
from wellread.stores.protocol import WriteResult
from wellread.stores.settings import StoreSettings
from wellread.stores.weaviate_store import WeaviateStore

pytestmark = pytest.mark.weaviate


class Hasty:
    """A real store, of which the first inserts go over a real connection with a deadline that cuts them."""

    def __init__(self, store: Any, hasty: WeaviateStore, cut_calls: int) -> None:
        self._store, self._hasty, self._left = store, hasty, cut_calls
        self.unknown: set[Any] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def insert_chunks(self, projection: Any, objects: Any, **options: Any) -> WriteResult:
        self._left -= 1
        store = self._hasty if self._left >= 0 else self._store
        result: WriteResult = store.insert_chunks(projection, objects, **options)
        self.unknown |= result.unknown
        return result


def hasty_settings(world: Any) -> StoreSettings:
    address = world.address
    return StoreSettings(
        http_host=address.http_host,
        http_port=address.http_port,
        grpc_host=address.grpc_host,
        grpc_port=address.grpc_port,
        api_key=address.api_key,
        insert_seconds=0.02,
    )


def test_after_deadlines_that_cut_writes_every_object_is_in_the_vector_index(world: Any) -> None:
    for number in range(5):
        world.files.write(f"long-{number}.txt", world.prose(f"topic{number}", 60))
    with world.open() as workspace, WeaviateStore.connect(hasty_settings(world)) as quick:
        store = Hasty(workspace.store, quick, cut_calls=4)
        parts = dataclasses.replace(workspace.parts, store=store)
        sheet = Runner(parts, workspace.open_source).run(world.declaration())
    assert store.unknown, "no deadline cut anything"
    assert sheet.published
    world.assert_exact()


@pytest.fixture
def killable(build_world: Callable[..., Any], tmp_path: Path) -> Iterator[Any]:
    """A world on a server of its own."""
    home = tmp_path / "server-home"
    with local_weaviate(home) as address:
        world = build_world(address=address)
        world.server_home = home
        yield world


def kill(world: Any) -> None:
    pid = server_status(world.server_home).pid
    assert pid is not None
    process = psutil.Process(pid)
    process.kill()
    process.wait(10)


def restart(world: Any) -> None:
    world.address = ensure_server(ServerSettings(), world.server_home)


def test_after_a_kill_of_the_idle_server_a_run_of_any_source_heals_the_index(killable: Any) -> None:
    for number in range(2):
        killable.files.write(f"first-{number}.txt", killable.prose(f"first{number}", 120))
    killable.ingest()
    kill(killable)
    restart(killable)
    assert killable.index().unindexed, "the killed server lost nothing: this test proves nothing"
    other = killable.root / "letters"
    other.mkdir()
    (other / "second.txt").write_text(killable.prose("second", 2), "utf-8")
    killable.embedding.reset()
    killable.ingest(other)
    killable.assert_exact(killable.files.path, other)
    paid = set(killable.embedding.meter().times_by_text)
    assert not any("first" in text for text in paid)


class Killer:
    """A real store whose server is killed after some inserts."""

    def __init__(self, store: Any, world: Any, after: int) -> None:
        self._store, self._world, self._left = store, world, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def insert_chunks(self, projection: Any, objects: Any, **options: Any) -> WriteResult:
        self._left -= 1
        if self._left == 0:
            kill(self._world)
        result: WriteResult = self._store.insert_chunks(projection, objects, **options)
        return result


def test_after_a_kill_of_the_server_in_mid_load_the_next_run_ends_exact(killable: Any) -> None:
    killable.files.write("base.txt", killable.prose("base", 20))
    killable.ingest()
    killable.options = {"indexing": {"chunks_per_group": 40, "objects_per_request": 20, "write_attempts": 2}}
    for number in range(4):
        killable.files.write(f"more-{number}.txt", killable.prose(f"topic{number}", 30))
    with killable.open() as workspace:
        parts = dataclasses.replace(workspace.parts, store=Killer(workspace.store, killable, after=4))
        with pytest.raises(WellreadError) as caught:
            Runner(parts, workspace.open_source).run(killable.declaration())
    assert caught.value.remedy
    restart(killable)
    killable.embedding.reset()
    sheet = killable.ingest()
    assert sheet.outcomes["committed"] == 4
    killable.assert_exact()
    assert not killable.embedding.meter().repeated_texts
