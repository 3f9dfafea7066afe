"""The state machine of ingestion, with upkeep between its runs: copies, repairs, reverts, and the deaths of each.

Whatever dies at whatever journal point, ordinary runs end with an exact index, and every copy that a migration
keeps in step says the same as the live one.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from mortality import Mortal, let_fall, mortal_parts

from wellread.errors import LeaseHeldError, RevisionClosedError, SettingsError, SystemicError
from wellread.ledger import projections, revisions, run_records
from wellread.upkeep.migrating import finish, migrate, roll_back
from wellread.upkeep.rebuilding import rebuild
from wellread.upkeep.reconciling import reconcile
from wellread.upkeep.reverting import plan_revert
from wellread.upkeep.undoing import release_source, undo

pytestmark = pytest.mark.weaviate


def _load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_ingestion = _load(
    Path(__file__).parents[1] / "indexing" / "test_state_machine.py", "wellread_tests_state_machine_of_ingestion"
)
SOURCES, MOST_DEATHS = _ingestion.SOURCES, _ingestion.MOST_DEATHS
sources = st.sampled_from(SOURCES)
points = st.integers(1, 70)


class Upkeep(_ingestion.Deaths):  # type: ignore[misc,name-defined]
    """Two sources, and a person with every tool of upkeep."""

    # -- what a person does ----------------------------------------------------------------------------------------
    @rule(point=points, switch=st.booleans())
    @precondition(lambda self: self.deaths < MOST_DEATHS)
    def migration_dies(self, point: int, switch: bool) -> None:
        """A fresh copy of the same model; where it comes too late, the migration stands."""
        self._upkeep(
            point, lambda parts: migrate(parts, self.world.collection, anew=True, switch=switch, wait_seconds=0)
        )

    @rule(point=st.integers(1, 12))
    @precondition(lambda self: self.deaths < MOST_DEATHS)
    def rollback_dies(self, point: int) -> None:
        """Runs at work are given up by it."""
        self._upkeep(point, lambda parts: roll_back(parts, self.world.collection))

    @rule(point=st.integers(1, 25))
    @precondition(lambda self: self.deaths < MOST_DEATHS)
    def finish_dies(self, point: int) -> None:
        """The copy that is not live goes, or half of it."""
        self._upkeep(point, lambda parts: finish(parts, self.world.collection, grace_seconds=0, wait_seconds=0))

    @rule(point=points)
    @precondition(lambda self: self.deaths < MOST_DEATHS)
    def rebuild_dies(self, point: int) -> None:
        """Before its switch, or after it."""
        self._upkeep(point, lambda parts: rebuild(parts, self.world.collection, grace_seconds=0))

    @rule(point=st.integers(1, 20))
    @precondition(lambda self: self.deaths < MOST_DEATHS)
    def reconcile_dies(self, point: int) -> None:
        """It finds nothing to repair, or what dead runs left."""
        self._upkeep(point, lambda parts: reconcile(parts, self.world.collection, repair=True))

    @rule(source=sources, point=points)
    @precondition(lambda self: self.deaths < MOST_DEATHS)
    def undo_dies(self, source: str, point: int) -> None:
        """The newest run of a source is taken back, or half of it."""
        with self.world.open() as workspace, workspace.ledger.reading() as reading:
            recent = run_records.latest_runs(reading, self.world.collection, limit=50)
        published = [
            row for row in recent if row["source_id"] == source and row["state"] == "succeeded" and row["revision"]
        ]
        if published:
            run = str(published[0]["run_id"])
            self._upkeep(point, lambda parts: undo(parts, plan_revert(parts, self.world.collection, run)))

            with self.world.open() as workspace:
                release_source(workspace.parts, self.world.collection, source)

    @rule()
    def ordinary_runs(self) -> None:
        """All is well at last, and every copy is looked at."""
        super().ordinary_runs()
        with self.world.open() as workspace:
            parts, name = workspace.parts, self.world.collection
            migrate(parts, name, switch=False)  # a copy whose migration died is filled to its end
            with parts.ledger.reading() as reading:
                live = revisions.live_projection(reading, name)
                mirrors = projections.mirrors(reading, name)
                assert all(projections.documents_apart(reading, live, copy) == [] for copy in mirrors)
            for copy in (live, *mirrors):
                assert reconcile(parts, name, repair=False, projection=copy).faults.total() == 0

    # -- pieces ------------------------------------------------------------------------------------------------
    def _upkeep(self, point: int, work: Callable[[Any], object]) -> None:
        """Do it in a process that dies at a point. What it is refused with must say so, and change nothing."""
        with self.world.open() as workspace:
            try:
                work(mortal_parts(workspace, Mortal(point)))
            except SystemExit:
                self.deaths += 1
                let_fall(workspace, "")
                self._let_upkeep_fall(workspace)
            except LeaseHeldError:
                assert self.tasks
            except (SettingsError, SystemicError) as error:
                assert type(error) in {SettingsError, SystemicError}, error  # nothing was restored, and audits end

    def _let_upkeep_fall(self, workspace: Any) -> None:
        """Leases of dead upkeep run out; those of tasks on their way are kept by Airflow's own heartbeat."""
        from wellread.ledger import schema

        kept = [task.run.lease_holder for task in self.tasks.values()]
        fallen = schema.leases.update().where(schema.leases.c.holder.not_in(kept)).values(expires_at=0.0)
        with workspace.ledger.transaction() as tx:
            tx.execute(fallen)

    def _go_on(self, runner: Any, source: str, steps: int) -> None:
        """A rollback gives runs up: their tasks are skipped, and the last one gives the lease back."""
        try:
            super()._go_on(runner, source, steps)
        except RevisionClosedError:
            runner.publish(self.tasks[source].run)
            del self.tasks[source]


@pytest.fixture
def machine(build_world: Callable[..., Any], tmp_path: Path, raw: Any) -> Iterator[type[Upkeep]]:
    """The machine, with a new world for each example."""
    built = []

    def build() -> Any:
        root = tmp_path / str(len(built))
        options = {"indexing": {"deletions": {"hold_ratio_from_count": 1_000, "hold_above_ratio": 1.0}}}
        built.append(build_world(root=root, options=options))
        return built[-1]

    class Built(Upkeep):
        pass

    Built.build = staticmethod(build)
    yield Built
    ours = {world.collection for world in built}
    for name in raw.collections.list_all():
        if name.split("_")[0] in ours:
            raw.collections.delete(name)


def test_upkeep_between_runs_may_die_anywhere(machine: type[Upkeep]) -> None:
    _ingestion.explore(machine, examples=2, steps=8)


@pytest.mark.torture
@pytest.mark.timeout(7_200)
def test_many_sequences_of_upkeep_and_runs_leave_exact_copies(machine: type[Upkeep]) -> None:
    _ingestion.explore(machine, examples=100, steps=25)
