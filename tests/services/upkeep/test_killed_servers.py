"""A Weaviate that was killed loses index entries, in mid rebuild more: both are made good."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from wellread.errors import WellreadError
from wellread.server.control import ensure_server, server_status
from wellread.server.settings import ServerSettings
from wellread.server.temporary import local_weaviate
from wellread.upkeep.rebuilding import rebuild
from wellread.upkeep.reconciling import reconcile

pytestmark = pytest.mark.weaviate


@pytest.fixture
def mortal(library: Any, tmp_path_factory: Any) -> Iterator[Any]:
    """A library of some hundred chunks on a server of its own."""
    home = tmp_path_factory.mktemp("mortal-server")
    for number in range(40):
        library.files.write(f"more{number}.txt", library.prose(f"more{number}", 6))
    library.options = {"indexing": {"audit_newest_objects": 0}}
    with local_weaviate(home) as address:
        library.address = address
        library.server_home = home
        library.ingest()
        yield library


def kill_server(world: Any) -> None:
    pid = server_status(world.server_home).pid
    assert pid is not None
    psutil.Process(pid).kill()


def start_server(world: Any) -> None:
    world.address = ensure_server(ServerSettings(), world.server_home)


def test_what_a_killed_server_lost_is_found_and_repaired(mortal: Any) -> None:
    for _ in range(2):
        kill_server(mortal)
        start_server(mortal)
        lost = len(mortal.index().unindexed)
        with mortal.open() as workspace:
            done = reconcile(workspace.parts, mortal.collection, repair=True)
        assert done.faults["unindexed"] == lost
        assert done.is_true
        mortal.assert_exact()


class DiesBeforeDropping:
    """A real store, whose process ends when the old copy is to be dropped: the switch is behind it."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        if name == "drop_projection":
            raise SystemExit("the process dies here")
        return getattr(self._store, name)


def test_a_server_killed_after_the_switch_is_audited_before_the_old_copy_goes(mortal: Any) -> None:
    with mortal.open() as workspace, pytest.raises(SystemExit):
        parts = dataclasses.replace(workspace.parts, store=DiesBeforeDropping(workspace.store))
        rebuild(parts, mortal.collection, grace_seconds=0)
    kill_server(mortal)
    start_server(mortal)
    lost = len(mortal.index().unindexed)
    assert lost
    with mortal.open() as workspace:
        done = rebuild(workspace.parts, mortal.collection, grace_seconds=0)
    assert (done.is_resumed, done.repaired, done.replaced) == (True, lost, [1])
    mortal.assert_exact()


def test_a_rebuild_goes_on_after_its_server_was_killed(mortal: Any) -> None:
    before = mortal.index().visible_versions().keys()
    with mortal.open() as workspace:
        timer = threading.Timer(0.6, kill_server, [mortal])
        timer.start()
        with pytest.raises(WellreadError):
            while True:  # some machines are through before the kill: then it meets the next one
                rebuild(workspace.parts, mortal.collection, grace_seconds=0)
        timer.join()
    start_server(mortal)
    with mortal.open() as workspace:
        rebuild(workspace.parts, mortal.collection, grace_seconds=0)
    assert mortal.assert_exact().visible_versions().keys() == before
    with mortal.open() as workspace:
        assert reconcile(workspace.parts, mortal.collection, repair=True).is_true
    mortal.assert_exact()
