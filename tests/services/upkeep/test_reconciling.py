"""Whatever is done to the store, reconcile names it and restores what the ledger says, with 0 embeddings."""

from __future__ import annotations

import dataclasses
import random
import time
from typing import Any

import pytest

from wellread.errors import EpochMismatchError, SettingsError
from wellread.identities import object_id
from wellread.indexing.plans import lease_name
from wellread.indexing.restoring import restore_objects
from wellread.indexing.writing import insert_exactly
from wellread.ledger import leases, revisions
from wellread.ledger import objects as ledger_objects
from wellread.ledger.claims import Claimant
from wellread.stores.protocol import unfenced
from wellread.upkeep.reconciling import Reconciled, reconcile
from wellread.upkeep.vacuum import vacuum

pytestmark = pytest.mark.weaviate

FAULT_NAMES = ("missing", "payload", "unindexed", "vector", "rev_to", "access", "stray")


def reconciled(world: Any, *, repair: bool = True) -> Reconciled:
    paid = world.embedding.meter().requests_count
    with world.open() as workspace:
        done = reconcile(workspace.parts, world.collection, repair=repair)
    assert world.embedding.meter().requests_count == paid
    return done


def rows_of(workspace: Any, world: Any) -> Any:
    with workspace.ledger.reading() as reading:
        projection = revisions.live_projection(reading, world.collection)
        return projection, ledger_objects.all_rows(reading, projection, "chunks")


def test_a_true_index_is_left_alone_byte_by_byte(aged: Any, raw: Any, frozen: Any) -> None:
    before = frozen(aged, raw), (aged.home / "ledger.db").read_bytes()
    done = reconciled(aged)
    assert done.faults.total() == done.repaired == 0
    assert done.is_true
    index = aged.index()
    assert (done.counts.chunks, done.counts.versions) == (len(index.chunks), len(index.versions))
    assert done.counts.vectors == sum(1 for item in index.chunks if item.span[1] == 0)
    told = done.as_dict()
    assert told["seconds_per_million_objects"] == pytest.approx(done.seconds / done.objects * 1e6, abs=0.1)
    assert (frozen(aged, raw), (aged.home / "ledger.db").read_bytes()) == before


@pytest.mark.parametrize("fault", FAULT_NAMES)
def test_each_fault_is_named_and_repaired(aged: Any, raw: Any, faults: Any, fault: str) -> None:
    for number, damage in enumerate(faults[fault]):
        damage(aged, raw, random.Random(number))
        seen = reconciled(aged, repair=False)
        assert dict(seen.faults) == {fault: 1}
        assert (seen.repaired, seen.is_true) == (0, False)
        done = reconciled(aged)
        assert dict(done.faults) == {fault: 1}
        assert (done.repaired, done.is_true) == (1, True)
        assert [item.fault for item in done.examples] == [fault]
        aged.assert_exact(*aged.folders)
        assert reconciled(aged).faults.total() == 0


TAMPERED: dict[str, dict[str, Any]] = {
    "chunks": {
        "text": {"text": "The harbour has no cranes."},
        "title": {"title": "Another title"},
        "tenant": {"tenant": "strangers"},
        "fields": {"fields": ["year=1931"]},
        "acl": {"acl": ["strangers"]},
    },
    "versions": {
        "title": {"title": "Another title"},
        "opening": {"opening": "Other first words"},
        "natural_key_words": {"natural_key_words": "another.txt"},
        "modified_at": {"modified_at": "2001-01-01T00:00:00Z"},
        "body": {"body": "{}"},
    },
}


def test_what_was_changed_under_its_hash_is_found_and_written_anew(aged: Any, raw: Any) -> None:
    touched = set()
    for kind, edits in TAMPERED.items():
        found = raw.collections.get(f"{aged.collection}_{kind}_1")
        chosen = sorted(found.iterator(), key=lambda item: str(item.uuid))
        for item, properties in zip(chosen, edits.values(), strict=False):
            found.data.update(item.uuid, properties=properties)
            touched.add(item.uuid.int)
    assert dict(reconciled(aged, repair=False).faults) == {"payload": 9, "access": 1}
    done = reconciled(aged)
    assert (done.repaired, done.is_true) == (10, True)
    assert {item.object_id.int for item in done.examples} == touched
    assert any("its content hashes to" in item.found for item in done.examples)
    aged.assert_exact(*aged.folders)
    assert reconciled(aged).faults.total() == 0


def test_a_name_that_is_not_unicode_is_no_difference(library: Any) -> None:
    name = b"caf\xe9_notes.txt".decode("utf-8", "surrogateescape")
    library.files.write(name, library.prose("elder", parts=2))
    library.ingest()
    assert reconciled(library).faults.total() == 0


def test_looking_without_repair_changes_nothing_in_the_store(aged: Any, raw: Any, faults: Any, frozen: Any) -> None:
    for number, damages in enumerate(faults.values()):
        damages[0](aged, raw, random.Random(number))
    before = frozen(aged, raw)
    assert reconciled(aged, repair=False).faults.total() >= len(FAULT_NAMES) - 2
    assert frozen(aged, raw) == before


@pytest.mark.parametrize("seed", range(3))
def test_much_damage_at_once_is_repaired(aged: Any, raw: Any, faults: Any, seed: int) -> None:
    draw = random.Random(seed)
    damages = [damage for group in faults.values() for damage in group]
    for damage in draw.choices(damages, k=12):
        damage(aged, raw, draw)
    done = reconciled(aged)
    assert done.is_true
    assert done.faults.total() > 0
    aged.assert_exact(*aged.folders)
    again = reconciled(aged)
    assert (again.faults.total(), again.counts.in_progress) == (0, 0)
    assert aged.ingest().index_writes == 0


def test_a_store_that_lost_all_objects_is_filled_again(aged: Any, raw: Any) -> None:
    index = aged.index()
    with aged.open() as workspace:
        projection, _ = rows_of(workspace, aged)
        workspace.store.drop_projection(projection)
        workspace.store.create_projection(projection)
    done = reconciled(aged)
    assert dict(done.faults) == {"missing": len(index.chunks) + len(index.versions)}
    aged.assert_exact(*aged.folders)


def test_a_source_that_is_being_written_is_left_for_later(aged: Any, raw: Any, faults: Any) -> None:
    with aged.open() as workspace:
        projection, rows = rows_of(workspace, aged)
        letters = [row for row in rows if row.facts["source_id"] == "letters"]
        papers = [row for row in rows if row.facts["source_id"] == "papers"]
        workspace.store.delete_objects(projection, "chunks", [letters[0].object_id, papers[0].object_id])
        name = lease_name(aged.collection, "letters")
        lease = leases.acquire(workspace.ledger, name, "a run", seconds=300, one_process=False)
        done = reconcile(workspace.parts, aged.collection, repair=True)
        assert (dict(done.faults), done.deferred, done.is_true) == ({"missing": 1}, {"letters": 1}, False)
        leases.release(workspace.ledger, lease)
    assert dict(reconciled(aged).faults) == {"missing": 1}
    aged.assert_exact(*aged.folders)


def test_an_open_run_is_no_fault_and_is_not_disturbed(aged: Any) -> None:
    aged.files.edit("cedar.txt", "the quay and counts", "the new quay and counts")
    aged.files.remove("fir.txt")
    with aged.open() as workspace:
        runner = workspace.runner
        run = runner.plan(aged.declaration(), run_id="slow", one_process=False)
        runner.extract(run, 0)
        runner.load(run, 0)
        done = reconcile(workspace.parts, aged.collection, repair=True)
        assert (done.faults.total(), done.deferred) == (0, {})
        assert done.counts.in_progress > 0
        assert runner.publish(run).sheet.outcomes["committed"] == 1
    aged.assert_exact(*aged.folders)


def test_vacuum_drops_the_claims_of_dead_workers(library: Any) -> None:
    with library.open() as workspace:
        Claimant(workspace.ledger, 0.01).take(["a key that nobody meets again"])
        time.sleep(0.05)
        assert [vacuum(workspace.parts, library.collection).claims for _ in range(2)] == [1, 0]


def test_what_vacuum_is_deleting_at_the_moment_is_no_fault(aged: Any) -> None:
    aged.options = {"indexing": {"horizon_seconds": 0.0}}

    class DeletesAndDies:
        def __init__(self, store: Any) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        def delete_objects(self, *arguments: Any, **options: Any) -> None:
            self._store.delete_objects(*arguments, **options)
            raise SystemExit("the process dies here")

    with aged.open() as workspace:
        dying = dataclasses.replace(workspace.parts, store=DeletesAndDies(workspace.store))
        with pytest.raises(SystemExit):
            vacuum(dying, aged.collection)
    assert reconciled(aged).faults.total() == 0
    with aged.open() as workspace:
        assert vacuum(workspace.parts, aged.collection).deleted > 0
    aged.assert_exact(*aged.folders)


class DiesAfterInserting:
    """A real store whose process dies once the copies are in."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def insert_chunks(self, projection: Any, objects: Any, **options: Any) -> Any:
        self._store.insert_chunks(projection, objects, **options)
        raise SystemExit("the process dies here")


def test_a_repair_that_died_is_finished_by_the_next(aged: Any, raw: Any, faults: Any) -> None:
    faults["payload"][0](aged, raw, random.Random(1))
    with aged.open() as workspace:
        dying = dataclasses.replace(workspace.parts, store=DiesAfterInserting(workspace.store))
        with pytest.raises(SystemExit):
            reconcile(dying, aged.collection, repair=True)
    done = reconciled(aged)
    assert dict(done.faults) == {"second_copy": 1}
    index = aged.assert_exact(*aged.folders)
    assert all("something else" not in item.properties["text"] for item in index.chunks)
    assert reconciled(aged).faults.total() == 0


def test_second_copies_of_cut_off_repairs_leave_one(aged: Any) -> None:
    with aged.open() as workspace:
        projection, rows = rows_of(workspace, aged)
        copies = [
            dataclasses.replace(row, copy=2, object_id=object_id(row.key, row.rev_from, 2), acknowledged_at=None)
            for row in rows[:5]
        ]
        with workspace.ledger.transaction() as tx:
            ledger_objects.intend(tx, projection, copies)
        restored = restore_objects(workspace.parts, projection, copies)
        insert_exactly(workspace.parts, projection, restored, fence=unfenced)
    assert dict(reconciled(aged, repair=False).faults) == {"second_copy": 5}
    assert dict(reconciled(aged).faults) == {"second_copy": 5}
    assert len(aged.assert_exact(*aged.folders).chunks) == len(rows)


def test_lost_restored_and_unknown_collections_are_refused(aged: Any) -> None:
    with aged.open() as workspace:
        with pytest.raises(SettingsError):
            reconcile(workspace.parts, "Nowhere", repair=True)
        projection, _ = rows_of(workspace, aged)
        workspace.store.drop_projection(projection)
        with pytest.raises(EpochMismatchError, match="rebuild"):
            reconcile(workspace.parts, aged.collection, repair=True)
