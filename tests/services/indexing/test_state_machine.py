"""Two sources feed one collection, and every process may die at every journal point: the index ends exact.

Hypothesis edits files, runs sources whole (a shell) or task by task (Airflow) with runs of the other source in
between, kills them at journal points, retries dead tasks or starts anew. After ordinary runs the oracle, which
shares no code with the product, compares store, files and ledger.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from mortality import Mortal, let_fall, mortal_parts

from wellread.errors import WellreadError
from wellread.indexing.plans import lease_name
from wellread.upkeep.holding import approve_by_name
from wellread.upkeep.vacuum import vacuum

pytestmark = pytest.mark.weaviate

REQUEST_TEXTS = 8
"""Of the world's embedder, which has one request in flight: what one death may pay again."""
MOST_DEATHS = 5
POINTS = 90
"""More than an ordinary run of these files has: a death that comes too late is a run that went well."""
TOPICS = ("amber", "birch", "cedar", "dogwood", "elm")
SOURCES = ("papers", "letters")
sources = st.sampled_from(SOURCES)
topics = st.sampled_from(TOPICS)


class Task:
    """A run task by task, as Airflow has it: what was handed out, and which steps are still to come."""

    def __init__(self, run: Any) -> None:
        self.run = run
        batches = range(run.batch_count)
        self.steps: list[Callable[[Any], object]] = [
            *(lambda runner, batch=batch: runner.extract(run, batch) for batch in batches),
            lambda runner: runner.assess(run),
            *(lambda runner, batch=batch: runner.load(run, batch) for batch in batches),
            lambda runner: runner.publish(run),
        ]


class Deaths(RuleBasedStateMachine):
    """One deployment of two sources."""

    build: ClassVar[Callable[[], Any]]

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).build()
        self.word = f"w{uuid.uuid4().hex}"
        self.deaths = 0
        self.edits = 0
        self.tasks: dict[str, Task] = {}
        self.folders = {"papers": self.world.files, "letters": type(self.world.files)(self.world.root / "letters")}
        for files in self.folders.values():
            for topic in TOPICS[:3]:
                files.write(f"{topic}.txt", self.text(topic))

    def text(self, topic: str) -> str:
        """Equal in both sources, and in no other example."""
        return self.world.prose(topic, 2).replace("the harbour", f"the {self.word} harbour")

    # -- what people do to their files ------------------------------------------------------------------------
    @rule(source=sources, topic=topics)
    def write(self, source: str, topic: str) -> None:
        """A new file, or an edited one, or one that is again as it was."""
        files = self.folders[source]
        if (files.path / f"{topic}.txt").exists():
            self.edits += 1
            text = self.text(topic).replace("the quay", f"the quay of round {self.edits % 3}", 1)
            files.write(f"{topic}.txt", text)
        else:
            files.write(f"{topic}.txt", self.text(topic))

    @rule(source=sources, topic=topics)
    def remove(self, source: str, topic: str) -> None:
        """One is always left."""
        files = self.folders[source]
        if (files.path / f"{topic}.txt").exists() and len(list(files.path.iterdir())) > 1:
            files.remove(f"{topic}.txt")

    @rule(source=sources, topic=topics)
    def rename(self, source: str, topic: str) -> None:
        """To a name that is free."""
        files = self.folders[source]
        self.edits += 1
        if (files.path / f"{topic}.txt").exists():
            files.rename(f"{topic}.txt", f"{topic}-{self.edits}.txt")

    # -- runs ------------------------------------------------------------------------------------------------
    @rule(source=sources, point=st.integers(1, POINTS))
    @precondition(lambda self: self.deaths < MOST_DEATHS)
    def shell_run_dies(self, source: str, point: int) -> None:
        """`wellread ingest`, killed. Where a task run of the source is on its way, it is refused."""
        with self.world.open() as workspace:
            self._mortal(workspace, source, point, lambda runner: runner.run(self._declared(source)))

    @rule(source=sources, steps=st.integers(1, 4))
    @precondition(lambda self: len(self.tasks) < len(SOURCES))
    def tasks_begin(self, source: str, steps: int) -> None:
        """The plan task and some more; then the other source has its turn."""
        if source in self.tasks:
            return
        with self.world.open() as workspace:
            run = workspace.runner.plan(self._declared(source), run_id=f"dag-{uuid.uuid4().hex}", one_process=False)
            self.tasks[source] = Task(run)
            self._go_on(workspace.runner, source, steps)

    @rule(source=sources, steps=st.integers(1, 6))
    @precondition(lambda self: self.tasks)
    def tasks_go_on(self, source: str, steps: int) -> None:
        """The next tasks of a run that is on its way."""
        if source in self.tasks:
            with self.world.open() as workspace:
                self._go_on(workspace.runner, source, steps)

    @rule(source=sources, point=st.integers(1, POINTS // 2), is_retried=st.booleans())
    @precondition(lambda self: self.tasks and self.deaths < MOST_DEATHS)
    def a_task_dies(self, source: str, point: int, is_retried: bool) -> None:
        """Then Airflow tries the same task again, or nobody does and the lease runs out."""
        if source not in self.tasks:
            return
        task = self.tasks[source]
        with self.world.open() as workspace:
            if self._mortal(workspace, source, point, task.steps[0], falls=not is_retried):
                if not is_retried:
                    del self.tasks[source]
            else:
                self._done(source)

    @rule(point=st.integers(1, 20))
    @precondition(lambda self: self.deaths < MOST_DEATHS)
    def vacuum_dies(self, point: int) -> None:
        """In the middle of the broom."""
        with self.world.open() as workspace:
            self._mortal(workspace, None, point, lambda runner: vacuum(runner.parts, self.world.collection))

    @rule()
    def ordinary_runs(self) -> None:
        """All is well at last: what is on its way ends, both sources run, and the oracle looks."""
        with self.world.open() as workspace:
            for source in list(self.tasks):
                self._go_on(workspace.runner, source, 100)
            for source in SOURCES:
                if workspace.runner.run(self._declared(source)).outcomes.get("held"):
                    # Everything that was there is gone, and new files came: a person says that this is right.
                    approve_by_name(workspace.ledger, self.world.collection, source)
                    workspace.runner.run(self._declared(source))
            if self.edits % 2:
                vacuum(workspace.parts, self.world.collection)
        self.world.assert_exact(*(files.path for files in self.folders.values()))

    def teardown(self) -> None:
        """Every example ends with ordinary runs."""
        self.ordinary_runs()
        with self.world.open() as workspace:
            for source in SOURCES:
                assert workspace.runner.run(self._declared(source)).index_writes == 0
        repeated = self.world.embedding.meter().repeated_texts
        again_count = sum(times - 1 for text, times in repeated.items() if self.word in text)
        assert again_count <= self.deaths * REQUEST_TEXTS

    # -- pieces ------------------------------------------------------------------------------------------------
    def _declared(self, source: str) -> Any:
        return self.world.declaration(self.folders[source].path)

    def _go_on(self, runner: Any, source: str, steps: int) -> None:
        for _ in range(steps):
            if source in self.tasks:
                self.tasks[source].steps[0](runner)
                self._done(source)

    def _done(self, source: str) -> None:
        del self.tasks[source].steps[0]
        if not self.tasks[source].steps:
            del self.tasks[source]

    def _mortal(
        self,
        workspace: Any,
        source: str | None,
        point: int,
        work: Callable[[Any], object],
        *,
        falls: bool = True,
    ) -> bool:
        """Do the work in a process that dies at a point; returns whether it did. ``falls``: its lease runs out."""
        mortal = Mortal(point)
        try:
            work(dataclasses.replace(workspace.runner, parts=mortal_parts(workspace, mortal)))
        except SystemExit:
            self.deaths += 1
            falling = source is not None and falls
            name = lease_name(self.world.collection, self._declared(source).id) if falling else ""
            let_fall(workspace, name)
            return True
        except WellreadError as error:
            assert source in self.tasks, error  # refused: a run of this source is on its way
            assert error.retryable, error
        return False


@pytest.fixture
def machine(build_world: Callable[..., Any], tmp_path: Path) -> Iterator[type[Deaths]]:
    """The machine, with a new world for each example."""

    def build() -> Any:
        root = tmp_path / uuid.uuid4().hex
        return build_world(
            root=root,
            options={"indexing": {"deletions": {"hold_ratio_from_count": 1_000, "hold_above_ratio": 1.0}}},
        )

    class Built(Deaths):
        pass

    Built.build = staticmethod(build)
    yield Built


def explore(machine: type[Deaths], *, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_deaths_at_journal_points_of_interleaved_runs_leave_an_exact_index(machine: type[Deaths]) -> None:
    explore(machine, examples=6, steps=14)


@pytest.mark.torture
@pytest.mark.timeout(7_200)
def test_many_sequences_of_deaths_leave_an_exact_index(machine: type[Deaths]) -> None:
    explore(machine, examples=150, steps=25)
