"""A backup of ledger or store that was restored alone is noticed by every command, before it plans or deletes."""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wellread_tests_worlds as worlds

from wellread.cli.output import Output
from wellread.cli.redriving import redrive
from wellread.errors import EpochMismatchError, WellreadError
from wellread.server.control import ensure_server, stop_server
from wellread.server.settings import ServerSettings
from wellread.server.temporary import local_weaviate
from wellread.testing.embedding_server import embedding_server
from wellread.upkeep.migrating import finish, migrate, roll_back
from wellread.upkeep.migration_estimate import estimate_migration
from wellread.upkeep.purging import find_target
from wellread.upkeep.rebuilding import rebuild
from wellread.upkeep.reconciling import reconcile
from wellread.upkeep.retiring import plan_retirement
from wellread.upkeep.reverting import plan_revert
from wellread.upkeep.undoing import release_source
from wellread.upkeep.vacuum import vacuum

pytestmark = pytest.mark.weaviate

Command = Callable[[Any, Any], object]


def redrive_as_a_person_does(world: Any, workspace: Any) -> None:
    """The command; it opens a workspace of its own."""
    del workspace
    with pytest.MonkeyPatch.context() as patch:
        for name, value in world.environment().items():
            patch.setenv(name, value)
        redrive(Output(as_json=True), None, source=None, cause=None, run=False, collection=None)


COMMANDS: dict[str, Command] = {
    "ingest": lambda world, workspace: workspace.runner.run(world.declaration()),
    "ingest --dry-run": lambda world, workspace: workspace.runner.dry_run(world.declaration()),
    "reconcile": lambda world, workspace: reconcile(workspace.parts, world.collection, repair=True),
    "undo": lambda world, workspace: plan_revert(workspace.parts, world.collection, "1"),
    "release": lambda world, workspace: release_source(workspace.parts, world.collection, "papers"),
    "retire": lambda world, workspace: plan_retirement(workspace.parts, world.collection, "papers"),
    "purge": lambda world, workspace: find_target(workspace.parts, world.collection, "amber.txt"),
    "redrive": redrive_as_a_person_does,
    "vacuum": lambda world, workspace: vacuum(workspace.parts, world.collection),
    "migrate": lambda world, workspace: migrate(workspace.parts, world.collection, anew=True),
    "migrate --dry-run": lambda world, workspace: estimate_migration(workspace.parts, world.collection),
    "migrate --rollback": lambda world, workspace: roll_back(workspace.parts, world.collection),
}
MENDERS: dict[str, Command] = {
    "rebuild": lambda world, workspace: rebuild(workspace.parts, world.collection, grace_seconds=0),
    "migrate --finish": lambda world, workspace: finish(workspace.parts, world.collection, grace_seconds=0),
}
"""These refuse an older ledger too, but an older store is what they are for."""


@dataclasses.dataclass
class Backups:
    """A deployment with a server of its own, and copies of both sides at two moments."""

    world: Any
    server_home: Path
    root: Path

    def start(self) -> None:
        self.world.address = ensure_server(ServerSettings(), self.server_home)

    def stop(self) -> None:
        stop_server(self.server_home)

    def keep(self, name: str) -> None:
        """Back both sides up; the server is down meanwhile, as for a copy of its disk."""
        self.stop()
        shutil.copytree(self.server_home / "server" / "data", self.root / name / "data")
        with sqlite3.connect(self.world.home / "ledger.db") as ledger:
            ledger.execute("vacuum into ?", (str(self.root / name / "ledger.db"),))
        self.start()

    def restore(self, *, ledger: str, store: str | None = None) -> None:
        """Both sides as they were at these moments; without ``store`` it stays as it is."""
        for path in self.world.home.glob("ledger.db*"):
            path.unlink()
        shutil.copy(self.root / ledger / "ledger.db", self.world.home / "ledger.db")
        if store is not None:
            self.stop()
            data = self.server_home / "server" / "data"
            shutil.rmtree(data)
            shutil.copytree(self.root / store / "data", data)
            self.start()

    def everything(self) -> list[str]:
        """What both sides hold, leases apart: those a refused command may have taken for a moment."""
        index = self.world.index()
        objects = sorted(item.frozen() for item in (*index.chunks, *index.versions))
        with sqlite3.connect(self.world.home / "ledger.db") as ledger:
            rows = [line for line in ledger.iterdump() if 'INTO "leases"' not in line]
        return [*objects, str(index.head), *rows]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, parser_pool: Any) -> Iterator[Backups]:
    """Backups: ``old``, ``newer`` (after an edit, a new file and a removal) and ``newest`` (in a migration)."""
    root, server_home = tmp_path_factory.mktemp("backups"), tmp_path_factory.mktemp("server")
    with embedding_server(dimensions=worlds.DIMENSIONS) as embedding, local_weaviate(server_home) as address:
        world = worlds.World(root / "world", address, embedding, parser_pool)
        backups = Backups(world, server_home, root)
        for topic in ("amber", "birch", "cedar"):
            world.files.write(f"{topic}.txt", world.prose(topic, 2))
        world.ingest()
        backups.keep("old")
        world.files.edit("amber.txt", "the quay and counts", "the long quay and counts")
        world.files.write("dogwood.txt", world.prose("dogwood", 2))
        world.files.remove("birch.txt")
        world.ingest()
        backups.keep("newer")
        with world.open() as workspace:
            migrate(workspace.parts, world.collection, anew=True)
        backups.keep("newest")
        yield backups


def refused(backups: Backups, command: Command) -> WellreadError:
    """The error of a command that must leave both sides as they are."""
    before = backups.everything()
    with backups.world.open() as workspace, pytest.raises(EpochMismatchError) as caught:
        command(backups.world, workspace)
    assert backups.everything() == before
    assert not caught.value.retryable
    return caught.value


@pytest.fixture(scope="module")
def older_ledger(kept: Backups) -> Backups:
    kept.restore(ledger="old", store="newer")
    return kept


@pytest.mark.parametrize("name", [*COMMANDS, *MENDERS])
def test_an_older_ledger_is_refused_by(older_ledger: Backups, name: str) -> None:
    error = refused(older_ledger, {**COMMANDS, **MENDERS}[name])
    assert "the ledger was restored" in error.found
    assert "Restore the ledger's newest backup" in error.remedy


def test_the_newest_ledger_makes_it_good(older_ledger: Backups) -> None:
    older_ledger.restore(ledger="newer")
    assert older_ledger.world.ingest().index_writes == 0
    older_ledger.world.assert_exact()


def test_a_ledger_from_before_another_copy_was_made_is_refused(kept: Backups) -> None:
    kept.restore(ledger="newer", store="newest")
    assert "the ledger was restored, or the store is another ledger's" in refused(kept, COMMANDS["vacuum"]).found


@pytest.fixture(scope="module")
def older_store(kept: Backups) -> Backups:
    kept.restore(ledger="newer", store="old")
    return kept


@pytest.mark.parametrize("name", COMMANDS)
def test_an_older_store_is_refused_by(older_store: Backups, name: str) -> None:
    error = refused(older_store, COMMANDS[name])
    assert "the store was emptied or restored" in error.found
    assert f"wellread rebuild {older_store.world.collection}" in error.remedy


def test_a_rebuild_makes_an_older_store_good(older_store: Backups) -> None:
    kept = older_store
    asked = kept.world.embedding.meter().requests_count
    with kept.world.open() as workspace:
        rebuild(workspace.parts, kept.world.collection, grace_seconds=0)
    assert kept.world.embedding.meter().requests_count == asked
    kept.world.assert_exact()
    assert copies_in_store(kept) == {2}
    assert kept.world.ingest().index_writes == 0
    with kept.world.open() as workspace:
        assert reconcile(workspace.parts, kept.world.collection, repair=False).faults.total() == 0


def copies_in_store(backups: Backups) -> set[int]:
    with backups.world.open() as workspace:
        names = workspace.store._client.collections.list_all()
    prefix = f"{backups.world.collection}_chunks_"
    return {int(name.removeprefix(prefix)) for name in names if name.startswith(prefix)}


def test_a_store_from_before_a_migration_is_made_good_by_finish_and_rebuild(kept: Backups) -> None:
    kept.restore(ledger="newest", store="old")
    world = kept.world
    assert f"wellread rebuild {world.collection}" in refused(kept, COMMANDS["ingest"]).remedy
    with world.open() as workspace:
        with pytest.raises(WellreadError, match="--finish"):
            rebuild(workspace.parts, world.collection, grace_seconds=0)
        assert finish(workspace.parts, world.collection, grace_seconds=0).dropped == [1]
        rebuild(workspace.parts, world.collection, grace_seconds=0)
    world.assert_exact()
    assert copies_in_store(kept) == {3}
    assert world.ingest().index_writes == 0


@pytest.mark.torture
def test_copies_that_a_restored_store_brings_back_are_dropped_again(kept: Backups) -> None:
    kept.restore(ledger="newest", store="newest")
    world = kept.world
    with world.open() as workspace:
        finish(workspace.parts, world.collection, grace_seconds=0)
    with sqlite3.connect(world.home / "ledger.db") as ledger:
        ledger.execute("vacuum into ?", (str(kept.root / "old" / "finished.db"),))
    shutil.move(kept.root / "old" / "finished.db", kept.root / "newest" / "ledger.db")
    kept.restore(ledger="newest", store="old")
    assert copies_in_store(kept) == {1}
    with world.open() as workspace:
        rebuild(workspace.parts, world.collection, grace_seconds=0)
    assert copies_in_store(kept) == {3}
    world.assert_exact()


class PublishesBeside:
    """A real store; after each read of a head another source publishes, as a run beside this one does."""

    def __init__(self, store: Any, publish: Callable[[], object]) -> None:
        self._store, self._publish = store, publish

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read_head(self, collection: str) -> Any:
        head = self._store.read_head(collection)
        self._publish()
        return head


def test_a_run_that_publishes_while_the_head_is_read_is_no_restored_backup(library: Any) -> None:
    library.ingest()
    other = library.root / "letters"
    other.mkdir()

    def publish() -> None:
        (other / "a.txt").write_text(library.prose(f"letter{len(list(other.iterdir()))}", 1), "utf-8")
        (other / f"{len(list(other.iterdir()))}.txt").write_text(library.prose("more", 1), "utf-8")
        library.ingest(other)

    with library.open() as workspace:
        parts = dataclasses.replace(workspace.parts, store=PublishesBeside(workspace.store, publish))
        vacuum(parts, library.collection)
        done = reconcile(parts, library.collection, repair=True)
    assert done.faults.total() == 0
