"""An index that is lost or damaged stands again, from ledger, artifacts and cached vectors alone."""

from __future__ import annotations

import itertools
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from mortality import Mortal, let_fall, mortal_parts

from wellread.errors import EpochMismatchError, LeaseHeldError, SettingsError
from wellread.indexing.plans import lease_name
from wellread.ledger import leases, revisions
from wellread.server.temporary import local_weaviate
from wellread.upkeep.rebuilding import Rebuilt, rebuild
from wellread.upkeep.reconciling import reconcile

pytestmark = pytest.mark.weaviate


@pytest.fixture(autouse=True)
def dropped(aged: Any, raw: Any) -> Iterator[None]:
    """Copies beyond the first one are dropped at the end."""
    yield
    for name in raw.collections.list_all():
        if name.startswith(aged.collection):
            raw.collections.delete(name)


def rebuilt(world: Any) -> Rebuilt:
    """Rebuild without any source file, and without asking the embedder."""
    paid = world.embedding.meter().requests_count
    away = world.root / "away"
    away.mkdir(exist_ok=True)
    for folder in world.folders:
        folder.rename(away / folder.name)
    try:
        with world.open() as workspace:
            return rebuild(workspace.parts, world.collection, grace_seconds=0)
    finally:
        for folder in world.folders:
            (away / folder.name).rename(folder)
        assert world.embedding.meter().requests_count == paid


def contents(world: Any) -> list[str]:
    """Everything that tells objects apart, but for their ids and copies."""
    index = world.index()
    told = []
    for item in (*index.chunks, *index.versions):
        properties = {name: value for name, value in item.properties.items() if name not in {"copy", "bucket"}}
        told.append(f"{sorted(properties.items())} {[round(value, 5) for value in item.vector]}")
    return sorted(told)


def test_a_rebuilt_copy_holds_the_same_objects_open_and_closed(aged: Any, raw: Any) -> None:
    before, head = contents(aged), aged.index().head
    done = rebuilt(aged)
    assert contents(aged) == before
    index = aged.assert_exact(*aged.folders)
    assert (index.head["number"], index.head["snapshot"]) == (2, head["snapshot"])
    assert index.head["seq"] > head["seq"]
    assert index.head["store_epoch"] != head["store_epoch"]
    assert (done.chunks, done.versions, done.replaced) == (len(index.chunks), len(index.versions), [1])
    assert (done.filled.written, done.repaired) == (done.chunks + done.versions, 0)
    assert {name for name in raw.collections.list_all() if name.startswith(aged.collection)} == {
        f"{aged.collection}_chunks_2",
        f"{aged.collection}_versions_2",
    }
    for folder in aged.folders:
        assert aged.ingest(folder).index_writes == 0
    with aged.open() as workspace:
        assert reconcile(workspace.parts, aged.collection, repair=False).faults.total() == 0


def test_a_server_that_lost_everything_is_filled_again(aged: Any, tmp_path_factory: Any) -> None:
    before = contents(aged)
    with local_weaviate(tmp_path_factory.mktemp("empty-server")) as address:
        aged.address = address
        with aged.open() as workspace, pytest.raises(EpochMismatchError, match="rebuild"):
            workspace.runner.run(aged.declaration())
        rebuilt(aged)
        assert contents(aged) == before
        aged.assert_exact(*aged.folders)
        assert "amber.txt" in aged.search("amber harbour cranes")
        aged.files.edit("cedar.txt", "the quay and counts", "the new quay and counts")
        assert aged.ingest().outcomes["committed"] == 1
        aged.assert_exact(*aged.folders)


def test_damage_and_what_dead_runs_left_is_not_taken_over(aged: Any, raw: Any, faults: Any) -> None:
    before = contents(aged)
    aged.files.edit("cedar.txt", "the quay and counts", "the new quay and counts")
    with aged.open() as workspace:
        runner = workspace.runner
        run = runner.plan(aged.declaration(), run_id="dies", one_process=False)
        runner.extract(run, 0)
        runner.load(run, 0)
        lease = leases.Lease(run.lease_name, run.lease_holder, run.lease_token)
        leases.release(workspace.ledger, lease)
    for damages in faults.values():
        damages[0](aged, raw, random.Random(1))
    rebuilt(aged)
    assert contents(aged) == before
    with aged.open() as workspace, workspace.ledger.reading() as reading:
        assert revisions.find_revision(reading, aged.collection, run.revision).state == "abandoned"
    assert aged.ingest().outcomes["committed"] == 1
    aged.assert_exact(*aged.folders)


def die_at(world: Any, point: int) -> bool:
    """One try of a rebuild that dies at a journal point; returns whether it came to its end before."""
    mortal = Mortal(point)
    with world.open() as workspace:
        try:
            rebuild(mortal_parts(workspace, mortal), world.collection, grace_seconds=0)
        except SystemExit:
            return False
        finally:
            let_fall(workspace)
        return True


def deaths(world: Any, points: Iterator[int]) -> int:
    """Let a rebuild die at each of these journal points, each time with an ordinary one after it.

    Ends with the first that came to its end before its point; returns that point.
    """
    before = contents(world)
    for point in points:
        is_over = die_at(world, point)
        assert world.search("amber harbour cranes")[0] == "amber.txt"
        if is_over:
            return point
        rebuilt(world)
        assert contents(world) == before
        world.assert_exact(*world.folders)
    raise AssertionError("no rebuild came to its end")


def test_death_at_journal_points_leaves_one_exact_copy(aged: Any) -> None:
    assert deaths(aged, itertools.count(1, 7)) > 40
    for folder in aged.folders:
        assert aged.ingest(folder).index_writes == 0


@pytest.mark.torture
@pytest.mark.timeout(3_600)
def test_death_at_every_journal_point_leaves_one_exact_copy(aged: Any) -> None:
    assert deaths(aged, itertools.count(1)) > 40


@pytest.mark.parametrize("seed", range(2))
def test_deaths_at_random_points_between_runs_that_change_the_index(aged: Any, seed: int) -> None:
    draw = random.Random(seed)
    for number in range(6):
        die_at(aged, draw.randint(5, 90))
        aged.files.edit("cedar.txt", "the quay", f"the quay of round {number}")
        aged.files.write(f"new{number}.txt", aged.prose(f"new{number}"))
        aged.ingest()
        aged.assert_exact(*aged.folders)
    rebuilt(aged)
    aged.assert_exact(*aged.folders)
    assert aged.ingest().index_writes == 0


@pytest.mark.torture
def test_a_killed_command_goes_on_where_it_was(aged: Any) -> None:
    before = contents(aged)
    draw = random.Random(7)
    for _ in range(3):
        process = aged.start("rebuild", aged.collection, "--json")
        time.sleep(draw.uniform(2.0, 7.0))
        process.kill()
        process.communicate(timeout=60)
    ended = aged.shell("rebuild", aged.collection, "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert contents(aged) == before
    aged.assert_exact(*aged.folders)


def test_readers_see_one_complete_state_all_the_while(aged: Any) -> None:
    stop, seen, failed = threading.Event(), Counter[str](), []

    def ask() -> None:
        with aged.open() as workspace:
            while not stop.is_set():
                try:
                    found = workspace.retriever.retrieve(
                        "amber harbour cranes",
                        collection=aged.collection,
                        scope=workspace.scope(),
                        k=4,
                        mode="hybrid",
                    )
                except Exception as error:  # noqa: BLE001 - whatever a reader meets is what this looks for
                    failed.append(error)
                    return
                seen[str(sorted(passage.text for passage in found.passages))] += 1

    reader = threading.Thread(target=ask)
    reader.start()
    try:
        with aged.open() as workspace:
            rebuild(workspace.parts, aged.collection, grace_seconds=2)
        time.sleep(0.3)
    finally:
        stop.set()
        reader.join()
    assert failed == []
    assert len(seen) == 1
    assert seen.total() > 10


def test_a_run_at_work_is_waited_for_and_a_rebuild_at_work_too(aged: Any) -> None:
    with aged.open() as workspace:
        name = lease_name(aged.collection, "letters")
        lease = leases.acquire(workspace.ledger, name, "a run", seconds=300, one_process=False)
        with pytest.raises(LeaseHeldError):
            rebuild(workspace.parts, aged.collection, grace_seconds=0)
        leases.release(workspace.ledger, lease)
    assert aged.ingest().index_writes == 0


def test_foreign_stores_older_ledgers_and_unknown_names_are_refused(aged: Any) -> None:
    copy = aged.root / "older.db"
    shutil.copy(aged.home / "ledger.db", copy)
    aged.files.edit("cedar.txt", "the quay", "the new quay")
    aged.ingest()
    with aged.open() as workspace, pytest.raises(SettingsError):
        rebuild(workspace.parts, "Nowhere", grace_seconds=0)
    shutil.copy(copy, aged.home / "ledger.db")
    with aged.open() as workspace, pytest.raises(EpochMismatchError, match="ledger was restored"):
        rebuild(workspace.parts, aged.collection, grace_seconds=0)
