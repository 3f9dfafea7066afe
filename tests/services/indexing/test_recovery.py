"""Dead runs, sleeping runs, repeated tasks, runs at once: the index ends as if nothing had happened."""

from __future__ import annotations

import dataclasses
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from wellread.errors import LeaseHeldError, RevisionClosedError, TransientError, WellreadError
from wellread.indexing import loading
from wellread.indexing.restoring import restore_objects
from wellread.indexing.running import Runner
from wellread.indexing.writing import insert_exactly
from wellread.ledger import documents as ledger_documents
from wellread.ledger import objects as ledger_objects
from wellread.ledger import revisions, schema
from wellread.stores.protocol import WriteResult, unfenced
from wellread.upkeep.vacuum import vacuum

pytestmark = pytest.mark.weaviate

BRIEF = {"ledger": {"lease_seconds": 2.0}, "indexing": {"longest_call_seconds": 1.5}}
PAST_LEASE_SECONDS = 2.2


def states(sheet: Any) -> dict[str, int]:
    return {name: count for name, count in sheet.outcomes.items() if count}


def edit(world: Any, topic: str, word: str) -> None:
    text = world.files.read(f"{topic}.txt")
    world.files.write(f"{topic}.txt", text.replace("the quay and counts", f"the quay, {word}, and counts", 1))


def loaded(runner: Runner, world: Any, run_id: str) -> Any:
    """A run that died just before it published."""
    run = runner.plan(world.declaration(), run_id=run_id, one_process=False)
    for batch in range(run.batch_count):
        runner.extract(run, batch)
    for batch in range(run.batch_count):
        runner.load(run, batch)
    return run


def state_of(workspace: Any, world: Any, number: int) -> str:
    with workspace.ledger.reading() as reading:
        return revisions.find_revision(reading, world.collection, number).state


def chunk_rows(workspace: Any, world: Any) -> Any:
    with workspace.ledger.reading() as reading:
        projection = revisions.live_projection(reading, world.collection)
        return projection, ledger_objects.all_rows(reading, projection, "chunks")


def test_an_abandoned_revision_is_hidden_cleaned_and_settled_after_two_clean_audits(library: Any) -> None:
    library.options = BRIEF
    library.ingest()
    edit(library, "amber", "slowly")
    with library.open() as workspace:
        run = loaded(workspace.runner, library, "dies")
        index = library.index()
        assert any(item.span[0] == run.revision for item in index.chunks)
        assert all(item.span[0] != run.revision for items in index.visible_chunks().values() for item in items)
        time.sleep(PAST_LEASE_SECONDS)
    # So long a call could still be under way that the clean audits of these runs are not far enough apart.
    library.options = {"ledger": {"lease_seconds": 120.0}, "indexing": {"longest_call_seconds": 60.0}}
    with library.open() as workspace:
        sheet = workspace.runner.run(library.declaration())
        assert states(sheet) == {"committed": 1, "unchanged": 5}
        assert sheet.embeddings_computed == 0
        assert state_of(workspace, library, run.revision) == "abandoned"
        index = library.assert_exact()
        assert all(run.revision not in item.span for item in (*index.chunks, *index.versions))
        assert str(run.revision) in index.head["snapshot"]
        workspace.runner.run(library.declaration())
        assert state_of(workspace, library, run.revision) == "abandoned"
        library.options = {"indexing": {"longest_call_seconds": 1.0}}
    with library.open() as workspace:
        time.sleep(1.1)
        workspace.runner.run(library.declaration())
        assert state_of(workspace, library, run.revision) == "settled"
    assert "{" not in library.assert_exact().head["snapshot"]


def test_repeated_tasks_of_one_run_end_like_one(library: Any) -> None:
    library.ingest()
    edit(library, "amber", "slowly")
    library.files.remove("fir.txt")
    with library.open() as workspace:
        runner, declaration = workspace.runner, library.declaration()
        first = runner.plan(declaration, run_id="task", one_process=False)
        second = runner.plan(declaration, run_id="task", one_process=False)
        assert second == first
        for _ in range(2):
            runner.extract(first, 0)
        for _ in range(2):
            runner.load(first, 0)
        sheet = runner.publish(first).sheet
        assert states(sheet) == {"committed": 1, "deleted": 1, "unchanged": 4}
        before = library.assert_exact()
        assert runner.extract(first, 0) == 0
        with pytest.raises(LeaseHeldError):
            _ = runner.plan(declaration, run_id="other", one_process=False) and runner.load(first, 0)
        again = runner.publish(first).sheet
        assert "nothing was done again" in again.notes[-1]
        assert states(again) == states(sheet)
        after = library.assert_exact()
    assert after.head == before.head
    assert [item.frozen() for item in after.chunks] == [item.frozen() for item in before.chunks]


def test_a_load_that_died_between_insert_and_close_is_repeated_exactly(library: Any) -> None:
    library.ingest()
    edit(library, "amber", "slowly")

    class DiesBeforeClosing:
        def __init__(self, store: Any) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        def set_rev_to(self, *_: Any, **_options: Any) -> WriteResult:
            raise SystemExit("the process dies here")

    with library.open() as workspace:
        runner = workspace.runner
        dying = Runner(
            dataclasses.replace(workspace.parts, store=DiesBeforeClosing(workspace.store)), workspace.open_source
        )
        run = runner.plan(library.declaration(), run_id="task", one_process=False)
        runner.extract(run, 0)
        with pytest.raises(SystemExit):
            dying.load(run, 0)
        runner.load(run, 0)
        assert states(runner.publish(run).sheet) == {"committed": 1, "unchanged": 5}
    library.assert_exact()


class Sleeper:
    """A real store whose first insert waits until it is woken: a process that sleeps through its lease."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.sleeps, self.wake = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def insert_chunks(self, projection: Any, objects: Any, **options: Any) -> WriteResult:
        self.sleeps.set()
        assert self.wake.wait(60)
        result: WriteResult = self._store.insert_chunks(projection, objects, **options)
        return result


def test_a_run_that_slept_through_its_lease_cannot_write_what_anybody_sees(library: Any) -> None:
    library.options = BRIEF
    library.ingest()
    edit(library, "amber", "slowly")
    with library.open() as workspace, ThreadPoolExecutor(1) as pool:
        store = Sleeper(workspace.store)
        parts = dataclasses.replace(workspace.parts, store=store)
        run = workspace.runner.plan(library.declaration(), run_id="sleeper", one_process=False)
        workspace.runner.extract(run, 0)
        zombie = pool.submit(loading.load_batch, parts, library.declaration(), run, 0)
        assert store.sleeps.wait(60)
        time.sleep(PAST_LEASE_SECONDS)
        sheet = workspace.runner.run(library.declaration())
        assert states(sheet) == {"committed": 1, "unchanged": 5}
        store.wake.set()
        with pytest.raises(LeaseHeldError):
            zombie.result()
        with pytest.raises(LeaseHeldError):
            workspace.runner.load(run, 0)
        workspace.runner.run(library.declaration())
    library.assert_exact()


def test_a_retried_task_beside_its_sleeping_first_try_ends_like_one(library: Any) -> None:
    library.options = {"indexing": {"chunks_per_group": 8}}
    with library.open() as workspace, ThreadPoolExecutor(1) as pool:
        store = Sleeper(workspace.store)
        parts = dataclasses.replace(workspace.parts, store=store)
        run = workspace.runner.plan(library.declaration(), run_id="task", one_process=False)
        workspace.runner.extract(run, 0)
        first_try = pool.submit(loading.load_batch, parts, library.declaration(), run, 0)
        assert store.sleeps.wait(60)
        workspace.runner.load(run, 0)
        store.wake.set()
        first_try.result()
        assert states(workspace.runner.publish(run).sheet) == {"committed": 6}
    library.assert_exact()
    assert not library.embedding.meter().repeated_texts


def test_a_late_close_of_a_dead_run_does_not_reopen_what_was_closed_since(library: Any) -> None:
    library.options = BRIEF
    library.ingest()
    edit(library, "amber", "slowly")
    with library.open() as workspace:
        run = loaded(workspace.runner, library, "dies")
        projection, rows = chunk_rows(workspace, library)
        closing = [row.object_id for row in rows if row.rev_to == run.revision]
        assert closing
        time.sleep(PAST_LEASE_SECONDS)
        workspace.runner.run(library.declaration())
        workspace.store.set_rev_to(projection, "chunks", closing, run.revision)  # the dead run's call arrives now
        workspace.runner.run(library.declaration())
    library.assert_exact()


def test_publication_wins_over_a_run_that_gives_it_up_at_the_same_time(library: Any) -> None:
    library.ingest()
    edit(library, "amber", "slowly")
    with library.open() as workspace:
        run = loaded(workspace.runner, library, "wins")
        workspace.runner.publish(run)
        with workspace.ledger.transaction() as tx, pytest.raises(RevisionClosedError):
            revisions.require_open(tx, library.collection, run.revision, exclusive=True)
        workspace.runner.abandon(run, reason="too late")
        assert state_of(workspace, library, run.revision) == "published"
    library.assert_exact()


def test_two_runs_of_one_source_at_once_end_like_one(library: Any) -> None:
    library.embedding.behave(latency_seconds=0.2)

    def ingest() -> Any:
        try:
            return library.ingest()
        except LeaseHeldError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        ended = [future.result() for future in [pool.submit(ingest), pool.submit(ingest)]]
    refused = [one for one in ended if isinstance(one, LeaseHeldError)]
    sheets = [one for one in ended if not isinstance(one, LeaseHeldError)]
    assert [states(sheet) for sheet in sheets if sheet.published] == [{"committed": 6}]
    assert all((one.retry_after_seconds or 0) > 0 and one.retryable for one in refused)
    assert len(refused) == 1
    library.assert_exact()
    assert states(library.ingest()) == {"unchanged": 6}
    assert not library.embedding.meter().repeated_texts


def test_first_runs_of_several_sources_feed_one_collection_at_once(library: Any) -> None:
    folders = [library.files.path]
    for name in ("letters", "minutes"):
        folder = library.root / name
        folder.mkdir()
        for number in range(4):
            (folder / f"{number}.txt").write_text(library.prose(f"{name}{number}"), "utf-8")
        folders.append(folder)
    with ThreadPoolExecutor(3) as pool:
        sheets = list(pool.map(library.ingest, folders))
    assert [sheet.outcomes["committed"] for sheet in sheets] == [6, 4, 4]
    assert len({sheet.revision for sheet in sheets}) == 3
    library.assert_exact(*folders)
    with ThreadPoolExecutor(3) as pool:
        again = list(pool.map(library.ingest, folders))
    assert all(sheet.outcomes == {"unchanged": sheet.listed} for sheet in again)


def test_a_lease_that_ran_out_but_was_not_taken_is_taken_up_again(library: Any) -> None:
    library.options = BRIEF
    with library.open() as workspace:
        run = workspace.runner.plan(library.declaration(), run_id="slow", one_process=False)
        time.sleep(PAST_LEASE_SECONDS)
        workspace.runner.extract(run, 0)
        time.sleep(PAST_LEASE_SECONDS)
        workspace.runner.load(run, 0)
        time.sleep(PAST_LEASE_SECONDS)
        assert workspace.runner.publish(run).sheet.outcomes == {"committed": 6}
    library.assert_exact()


def test_a_repair_that_was_cut_off_before_its_audit_is_finished_by_the_next_run(library: Any) -> None:
    library.ingest()
    with library.open() as workspace:
        projection, rows = chunk_rows(workspace, library)
        workspace.store.delete_objects(projection, "chunks", [rows[0].object_id])
        with workspace.ledger.transaction() as tx:
            ledger_objects.intend(tx, projection, [rows[0]])
    library.options = {"indexing": {"audit_newest_objects": 0}}
    library.ingest()
    index = library.assert_exact()
    assert len(index.chunks) == len(rows)


def test_both_copies_of_an_interrupted_repair_are_closed_by_an_edit(library: Any) -> None:
    library.ingest()
    with library.open() as workspace:
        projection, rows = chunk_rows(workspace, library)
        copies = [
            dataclasses.replace(row, copy=row.copy + 1, object_id=_copy_id(row), acknowledged_at=None)
            for row in rows
        ]
        with workspace.ledger.transaction() as tx:
            ledger_objects.intend(tx, projection, copies)
        restored = restore_objects(workspace.parts, projection, copies)
        insert_exactly(workspace.parts, projection, restored, fence=unfenced)
    for topic in ("amber", "birch", "cedar", "dogwood", "elm", "fir"):
        library.files.write(f"{topic}.txt", library.prose(f"new{topic}"))
    library.ingest()
    library.assert_exact()


def _copy_id(row: Any) -> Any:
    from wellread.identities import object_id

    return object_id(row.key, row.rev_from, row.copy + 1)


def test_an_object_that_somebody_deleted_does_not_stop_its_document(library: Any) -> None:
    library.ingest()
    library.options = {"indexing": {"audit_newest_objects": 0}}
    with library.open() as workspace:
        projection, rows = chunk_rows(workspace, library)
        victims = [row.object_id for row in rows]
        workspace.store.delete_objects(projection, "chunks", victims)
    for topic in ("amber", "birch", "cedar", "dogwood", "elm", "fir"):
        library.files.write(f"{topic}.txt", library.prose(f"new{topic}"))
    assert states(library.ingest()) == {"committed": 6}
    index = library.index()
    assert len(index.visible_versions()) == 6
    assert not index.unindexed


def test_vacuum_deletes_only_what_a_published_revision_closed(library: Any) -> None:
    library.options = {"indexing": {"horizon_seconds": 0.0}}
    library.ingest()
    edit(library, "amber", "slowly")
    library.ingest()
    edit(library, "birch", "slowly")
    with library.open() as workspace:
        run = loaded(workspace.runner, library, "unpublished")
        assert vacuum(workspace.parts, library.collection).deleted > 0
        with workspace.ledger.reading() as reading:
            projection = revisions.live_projection(reading, library.collection)
            assert ledger_objects.closed_by(reading, projection, run.revision)
        index = library.index()
        assert all(index.shows(item) or item.span[0] == run.revision for item in index.chunks)
        assert len(index.visible_versions()) == 6
        workspace.runner.publish(run)
        vacuum(workspace.parts, library.collection)
    index = library.assert_exact()
    assert all(item.span[1] == 0 for item in (*index.chunks, *index.versions))


def test_a_failed_run_gives_its_lease_back(library: Any) -> None:
    with library.open() as workspace:
        runner = Runner(workspace.parts, _no_source)
        with pytest.raises(WellreadError):
            runner.run(library.declaration())
        with workspace.ledger.reading() as reading:
            expiries = reading.execute(schema.leases.select()).all()
        assert all(row.expires_at == 0 for row in expiries)
        assert states(workspace.runner.run(library.declaration())) == {"committed": 6}
        with workspace.ledger.reading() as reading:
            assert ledger_documents.count_live(reading, library.collection, "papers") == 6


def _no_source(_: Any) -> Any:
    raise TransientError("open the source", found="the share is away", remedy="Run again.")
