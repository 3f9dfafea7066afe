"""No write reaches the store unless its writer's lease outlasts the call."""

from __future__ import annotations

import dataclasses
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from wellread.errors import LeaseHeldError, RevisionClosedError, SettingsError
from wellread.indexing import loading
from wellread.indexing.fences import lease_fence
from wellread.indexing.publishing import publish_revision
from wellread.indexing.recovering import abandon_open, clean_abandoned
from wellread.indexing.running import Runner
from wellread.ledger import leases, revisions, schema
from wellread.workspace.settings import load_settings

pytestmark = pytest.mark.weaviate

WRITES = {"insert_chunks", "insert_versions", "set_rev_to", "set_acl", "delete_objects"}
CALL_SECONDS = 1.5
BRIEF = {"ledger": {"lease_seconds": 2.0}, "indexing": {"longest_call_seconds": CALL_SECONDS}}


class Watched:
    """A real store that notes how long the lease of the one source lasts when a request is sent."""

    def __init__(self, workspace: Any) -> None:
        self._store, self._ledger = workspace.store, workspace.ledger
        self.seen: list[tuple[str, float]] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in WRITES:
            return method

        def call(*arguments: Any, fence: Any) -> Any:
            def noted() -> None:
                fence()
                with self._ledger.reading() as reading:
                    [expires_at] = reading.execute(sa.select(schema.leases.c.expires_at)).scalars()
                self.seen.append((name, expires_at - self._ledger.now()))

            return method(*arguments, fence=noted)

        return call


def edit(world: Any) -> None:
    world.files.edit("amber.txt", "the quay and counts", "the quay, slowly, and counts")


def test_each_write_of_a_run_whose_heart_stopped_finds_a_lease_that_outlasts_it(library: Any) -> None:
    library.options = BRIEF
    library.ingest()
    edit(library)
    with library.open() as workspace:
        store = Watched(workspace)
        parts = dataclasses.replace(workspace.parts, store=store)
        run = workspace.runner.plan(library.declaration(), run_id="slow", one_process=False)
        workspace.runner.extract(run, 0)
        time.sleep(2.2)
        loading.load_batch(parts, library.declaration(), run, 0)  # without the thread that renews
        time.sleep(2.2)
        plan = workspace.runner.read_plan(run.plan_ref)
        publish_revision(parts, plan, run, seconds=0.0)
        workspace.runner.publish(run)
    assert {name for name, _ in store.seen} >= {"insert_chunks", "insert_versions", "set_rev_to"}
    assert min(left for _, left in store.seen) > CALL_SECONDS - 0.5  # what passed between fence and note
    library.assert_exact()


def test_a_cleaner_that_slept_through_its_lease_reopens_nothing(library: Any) -> None:
    """It read what a dead run had closed; the next run closed it for good meanwhile."""
    library.options = BRIEF
    library.ingest()
    edit(library)
    sleeps, wake = threading.Event(), threading.Event()

    class Sleeper:
        def __init__(self, store: Any) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        def delete_objects(self, *arguments: Any, fence: Any) -> Any:
            sleeps.set()
            assert wake.wait(60)
            return self._store.delete_objects(*arguments, fence=fence)

    with library.open() as workspace, ThreadPoolExecutor(1) as pool:
        run = workspace.runner.plan(library.declaration(), run_id="dies", one_process=False)
        workspace.runner.extract(run, 0)
        workspace.runner.load(run, 0)
        time.sleep(2.2)
        name = run.lease_name
        lease = leases.acquire(workspace.ledger, name, "cleaner", seconds=2.0, one_process=False)
        parts = dataclasses.replace(workspace.parts, store=Sleeper(workspace.store))
        fence = lease_fence(parts, lease)
        abandon_open(parts, library.collection, run.source_id, fence=fence)
        with workspace.ledger.reading() as reading:
            projection = revisions.live_projection(reading, library.collection)
        cleaner = pool.submit(clean_abandoned, parts, projection, run.source_id, fence=fence)
        assert sleeps.wait(60)
        time.sleep(2.2)
        assert workspace.runner.run(library.declaration()).outcomes["committed"] == 1
        wake.set()
        with pytest.raises(LeaseHeldError):
            cleaner.result()
    library.assert_exact()


def test_a_run_that_a_rollback_gave_up_leaves_its_source_free(library: Any) -> None:
    class GivesUp:
        def __init__(self, workspace: Any) -> None:
            self._workspace = workspace

        def __getattr__(self, name: str) -> Any:
            return getattr(self._workspace.store, name)

        def insert_chunks(self, *arguments: Any, fence: Any) -> Any:
            with self._workspace.ledger.transaction() as tx:
                [revision] = revisions.revisions_in_state(tx, library.collection, ["open"])
                revisions.abandon_revision(tx, library.collection, revision.number)
            return self._workspace.store.insert_chunks(*arguments, fence=fence)

    with library.open() as workspace:
        parts = dataclasses.replace(workspace.parts, store=GivesUp(workspace))
        with pytest.raises(RevisionClosedError):
            Runner(parts, workspace.open_source).run(library.declaration())
        assert workspace.runner.run(library.declaration()).outcomes == {"committed": 6}
    library.assert_exact()


def test_a_lease_shorter_than_a_call_is_refused_as_a_setting() -> None:
    with pytest.raises(SettingsError, match="must be longer than"):
        load_settings({"ledger": {"lease_seconds": 5.0}, "indexing": {"longest_call_seconds": 5.0}}, environment={})
