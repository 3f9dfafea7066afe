"""The steps of one ingestion run as tasks. Between tasks go a run handle and batch numbers, never documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from wellread.runs import SourceDeclaration
from wellread_airflow.assets import changed_assets, changes_alias
from wellread_airflow.form_values import is_set
from wellread_airflow.operators.waiting_operator import WaitingOperator
from wellread_airflow.operators.workspace_operator import WorkspaceOperator, run_name

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.indexing.plans import RunHandle
    from wellread.indexing.publishing import Published
    from wellread.workspace import Workspace

RUN_KEY = "run"
"""The XCom of the planning task that carries the run handle."""
ESTIMATE_KEY = "estimate"
"""The XCom of the planning task that carries what the plan will cost."""

RunValue = Mapping[str, Any] | None


class PlanChangesOperator(WaitingOperator):
    """Compare a source with the ledger and freeze the plan.

    Returns the batch numbers to map over, none if nothing changed; the run handle is the XCom ``run``, what the
    plan will cost the XCom ``estimate``. Fails at once for a budget without a price. While another run holds the
    source (of the shell, of another DAG, upkeep) it waits without a worker, as ``WaitingOperator`` says.
    ``approve_held``: whether what is held of the source is approved before; a form's box.
    """

    template_fields: Sequence[str] = ("approve_held",)

    def __init__(self, *, declaration: SourceDeclaration, approve_held: bool | str = False, **kwargs: Any) -> None:
        kwargs.setdefault("collection", declaration.collection)
        super().__init__(**kwargs)
        self.declaration = declaration
        self.source_ids = [declaration.id]
        self.approve_held = approve_held

    def execute(self, context: Context) -> Any:
        """Plan; the tasks after a failed attempt find an empty handle instead of none."""
        context["ti"].xcom_push(key=RUN_KEY, value={})  # None would be no XCom at all
        return super().execute(context)

    def work(self, workspace: Workspace, context: Context) -> list[int]:
        """Plan one wave."""
        if is_set(self.approve_held, "approve_held"):
            self._approve(workspace, context)
        run = workspace.runner.plan(self.declaration, run_id=_run_id(workspace, context), one_process=False)
        plan = workspace.runner.read_plan(run.plan_ref)
        summary = plan.summary()
        self.log.info(
            "%s: %d documents listed; work: %s; settled: %s; %d batches, %d documents left for the next wave",
            run.source_id,
            plan.listed,
            summary["work"] or "none",
            summary["settled"] or "none",
            run.batch_count,
            run.pending,
        )
        estimate = workspace.runner.estimate(plan)
        self.log.info("%s: %s", run.source_id, estimate.as_text())
        context["ti"].xcom_push(key=ESTIMATE_KEY, value=estimate.as_dict())
        context["ti"].xcom_push(key=RUN_KEY, value=run.as_dict())
        return list(range(run.batch_count))

    def _approve(self, workspace: Workspace, context: Context) -> None:
        from wellread.upkeep.holding import approve_held, find_held

        collection, source_id = self.declaration.collection, self.declaration.id
        held = find_held(workspace.ledger, collection, source_id)
        count = approve_held(workspace.ledger, collection, source_id, held)
        by = context["dag_run"].triggering_user_name or "nobody by name"
        self.log.info("%d held deletions of %s approved in the form by %s.", count, source_id, by)


class RunStepOperator(WorkspaceOperator):
    """A step of a planned run. ``run``: the handle, from the planning task."""

    template_fields: Sequence[str] = ("run",)

    def __init__(self, *, run: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run: RunValue = run

    def handle(self) -> RunHandle:
        """The run handle. Raises ``AirflowSkipException`` where planning gave none."""
        from wellread.indexing.plans import RunHandle

        if not self.run:
            raise AirflowSkipException("There is no plan: nothing to do.")
        return RunHandle.from_dict(self.run)

    def open_run(self, workspace: Workspace) -> RunHandle:
        """The run, if it may still be written.

        Raises ``AirflowSkipException`` for a cleared task: a revision that has ended is never written again.
        """
        run = self.handle()
        state = revision_state(workspace, run)
        if state != "open":
            raise AirflowSkipException(f"Revision {run.revision} is {state}: nothing was done again.")
        return run


class BatchOperator(RunStepOperator):
    """A step of one batch; mapped over the batch numbers."""

    template_fields: Sequence[str] = ("run", "batch")

    def __init__(self, *, batch: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch: int = batch


class ExtractDocumentsOperator(BatchOperator):
    """Fetch, parse, clean, chunk and check the documents of one batch. Returns how many were looked at."""

    def work(self, workspace: Workspace, context: Context) -> int:
        """Extract; a document that cannot be read goes to quarantine and fails nothing else."""
        del context
        return workspace.runner.extract(self.open_run(workspace), self.batch)


class AssessQualityOperator(RunStepOperator):
    """Judge the documents of the run as a whole, before anything is paid. Returns the report's address, if any."""

    def work(self, workspace: Workspace, context: Context) -> str | None:
        """Fails at once where a quality rule blocks the run: nothing was embedded, nothing is published."""
        del context
        return workspace.runner.assess(self.open_run(workspace))


class LoadDocumentsOperator(BatchOperator):
    """Embed, insert, audit and close the documents of one batch. Returns how many were written."""

    def work(self, workspace: Workspace, context: Context) -> int:
        """Load; a retry goes on where the last attempt stopped."""
        del context
        return workspace.runner.load(self.open_run(workspace), self.batch)


class PublishRevisionOperator(RunStepOperator):
    """Publish what was loaded, give the lease back, and announce the assets if anything changed.

    Give it the trigger rule ``all_done``: what failed keeps its last good version, and the rest must not wait.
    Returns the state of the revision, counts and the address of the change list. The announcement is made at
    least once: a task cleared after publication repeats it, with the same revision.
    """

    def __init__(self, *, source_id: str, collection: str = "Documents", **kwargs: Any) -> None:
        alias = changes_alias(source_id, collection)
        kwargs["outlets"] = [*kwargs.get("outlets", ()), alias]
        super().__init__(collection=collection, **kwargs)
        self.source_id = source_id
        self.alias = alias

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Publish one revision."""
        run = self.handle()
        published = workspace.runner.publish(run, seconds=_seconds_since_start(context))
        facts = _publication(workspace, run, published)
        for note in published.sheet.notes:
            self.log.info(note)
        if published.change_list_ref is not None:
            for asset in changed_assets(run.source_id, run.collection):
                context["outlet_events"][self.alias].add(asset, extra=facts)
        return facts


def revision_state(workspace: Workspace, run: RunHandle) -> str:
    """``open``, ``published``, ``settled`` or ``abandoned``; ``idle`` for a run that had nothing to do."""
    from wellread.ledger import revisions

    if run.revision is None:
        return "idle"
    with workspace.ledger.reading() as reading:
        return revisions.find_revision(reading, run.collection, run.revision).state


def _publication(workspace: Workspace, run: RunHandle, published: Published) -> dict[str, Any]:
    outcomes = published.sheet.outcomes
    reference = published.change_list_ref
    return {
        "source": run.source_id,
        "collection": run.collection,
        "revision": run.revision,
        "state": revision_state(workspace, run),
        **{name: outcomes.get(name, 0) for name in ("committed", "moved", "deleted")},
        "change_list": None if reference is None else workspace.artifacts.uri(reference),
        "change_list_ref": reference,
    }


def _run_id(workspace: Workspace, context: Context) -> str:
    """The name of the library's run: a retry takes up the same one, a cleared task of an ended run begins another.

    An ended run's number and counts are history and are not written again.
    """
    from wellread.ledger import run_records

    name = run_name(context)
    with workspace.ledger.reading() as reading:
        for attempt in count(1):
            candidate = name if attempt == 1 else f"{name} again {attempt}"
            record = run_records.find_run(reading, candidate)
            if record is None or record["state"] == "running":
                return candidate
    raise AssertionError  # count() does not end


def _seconds_since_start(context: Context) -> float:
    started = context["dag_run"].start_date
    return max(0.0, (datetime.now(UTC) - started).total_seconds()) if started else 0.0
