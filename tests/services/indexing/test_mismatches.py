"""Ledger and store that do not belong together, other models, full disks: said, and nothing half-written."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wellread.errors import (
    EpochMismatchError,
    ModelMismatchError,
    SchemaMismatchError,
    SourceUnavailableError,
    WellreadError,
)

pytestmark = pytest.mark.weaviate


def states(sheet: Any) -> dict[str, int]:
    return {name: count for name, count in sheet.outcomes.items() if count}


def frozen(world: Any) -> list[str]:
    index = world.index()
    return sorted(item.frozen() for item in (*index.chunks, *index.versions))


def refused(world: Any, error: type[WellreadError]) -> WellreadError:
    """The error of a run that must leave the store as it is."""
    before = frozen(world)
    with pytest.raises(error) as caught:
        world.ingest()
    assert frozen(world) == before
    assert caught.value.asked
    assert caught.value.found
    assert caught.value.remedy
    assert not caught.value.retryable
    return caught.value


def ledger_files(world: Any) -> list[Path]:
    return [path for path in world.home.iterdir() if path.name.startswith("ledger.db")]


def test_a_lost_ledger_is_refused_and_its_return_ends_exact(library: Any) -> None:
    library.ingest()
    aside = library.root / "aside"
    aside.mkdir()
    for path in ledger_files(library):
        shutil.move(path, aside / path.name)
    assert "does not know" in refused(library, EpochMismatchError).found
    for path in ledger_files(library):
        path.unlink()
    for path in aside.iterdir():
        shutil.move(path, library.home / path.name)
    assert states(library.ingest()) == {"unchanged": 6}
    library.assert_exact()


def copy_ledger(world: Any, target: Path) -> None:
    with sqlite3.connect(world.home / "ledger.db") as source, sqlite3.connect(target) as copy:
        source.backup(copy)


def restore_ledger(world: Any, copy: Path) -> None:
    for path in ledger_files(world):
        path.unlink()
    shutil.copy(copy, world.home / "ledger.db")


def test_an_older_ledger_is_refused(library: Any) -> None:
    library.ingest()
    copy_ledger(library, library.root / "old.db")
    library.files.edit("amber.txt", "and counts the ropes", "and counts the long ropes")
    library.ingest()
    copy_ledger(library, library.root / "new.db")
    restore_ledger(library, library.root / "old.db")
    assert "restored" in refused(library, EpochMismatchError).found
    restore_ledger(library, library.root / "new.db")
    assert states(library.ingest()) == {"unchanged": 6}
    library.assert_exact()


def test_an_older_ledger_beside_an_unpublished_revision_shows_nobody_its_writes(library: Any) -> None:
    library.ingest()
    copy_ledger(library, library.root / "old.db")
    library.files.edit("amber.txt", "and counts the ropes", "and counts the long ropes")
    with library.open() as workspace:
        run = workspace.runner.plan(library.declaration(), run_id="lost", one_process=True)
        workspace.runner.extract(run, 0)
        workspace.runner.load(run, 0)
    restore_ledger(library, library.root / "old.db")
    library.files.edit("birch.txt", "and counts the ropes", "and counts the short ropes")
    assert states(library.ingest()) == {"committed": 2, "unchanged": 4}
    index = library.index()
    shown = [item for items in index.visible_chunks().values() for item in items]
    assert all(item.span[0] != run.revision for item in shown)
    library.ingest()
    library.assert_exact()


def test_an_emptied_store_is_refused(library: Any) -> None:
    library.ingest()
    client = __import__("wellread_tests_oracle").connect(
        library.address.http_host, library.address.http_port, library.address.grpc_port, library.address.api_key
    )
    with client:
        client.collections.delete(f"{library.collection}_chunks_1")
        client.collections.delete(f"{library.collection}_versions_1")
    with pytest.raises(EpochMismatchError) as caught:
        library.ingest()
    assert "emptied or restored" in caught.value.found
    with library.open() as workspace:
        assert not workspace.store._client.collections.exists(f"{library.collection}_chunks_1")


def test_a_store_of_another_home_is_refused(library: Any, build_world: Any, tmp_path: Path) -> None:
    library.ingest()
    other = build_world(root=tmp_path / "other", collection=library.collection)
    other.files.write("a.txt", other.prose("alien"))
    refused(other, EpochMismatchError)
    library.assert_exact()


def test_a_ledger_of_a_newer_version_is_refused(library: Any) -> None:
    library.ingest()
    with sqlite3.connect(library.home / "ledger.db") as connection:
        (version,) = connection.execute("select version_num from alembic_version").fetchone()
        connection.execute("update alembic_version set version_num = '9999_from_the_future'")
    assert "9999_from_the_future" in refused(library, SchemaMismatchError).found
    with sqlite3.connect(library.home / "ledger.db") as connection:
        connection.execute("update alembic_version set version_num = ?", (version,))
    assert states(library.ingest()) == {"unchanged": 6}


def test_another_model_is_refused_at_ingest_and_at_query(library: Any) -> None:
    library.ingest()
    library.options = {"embedder": {"openai": {"model": "another-model"}}}
    assert "another-model" in refused(library, ModelMismatchError).asked
    with pytest.raises(ModelMismatchError):
        library.search("amber council quay ropes")
    library.options = {}
    assert states(library.ingest()) == {"unchanged": 6}


def test_a_folder_that_went_away_deletes_nothing(library: Any) -> None:
    library.ingest()
    declaration = library.declaration()
    library.files.path.rename(library.root / "aside")
    before = frozen(library)
    with library.open() as workspace, pytest.raises(SourceUnavailableError):
        workspace.runner.run(declaration)
    assert frozen(library) == before
    (library.root / "aside").rename(library.files.path)
    assert states(library.ingest()) == {"unchanged": 6}
    library.assert_exact()


@pytest.mark.parametrize("small_disk", [8], indirect=True)
def test_a_full_disk_is_said_and_the_next_run_ends_exact(
    library: Any, small_disk: Path, fill_up: Callable[[Path], Path]
) -> None:
    library.options = {"home": small_disk}
    library.ingest()
    filler = fill_up(small_disk)
    for topic in ("amber", "birch", "cedar"):
        library.files.write(f"{topic}.txt", library.prose(f"long{topic}", 30))
    with pytest.raises(WellreadError) as caught:
        library.ingest()
    assert type(caught.value).__name__ == "StorageFullError"
    assert "space" in caught.value.remedy.lower()
    shown = library.index()
    assert len(shown.visible_versions()) == 6
    filler.unlink()
    assert states(library.ingest()) == {"committed": 3, "unchanged": 3}
    index = library.index()
    oracle = __import__("wellread_tests_oracle")
    assert oracle.faults_of_source(index, "papers", library.files.path) == []
    assert oracle.faults_of_ledger(index, small_disk / "ledger.db", library.collection) == []
