"""Executing a planned job: as far as it goes, without a worker while there is nothing to do but wait."""

from __future__ import annotations

import time
from abc import abstractmethod
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from wellread.errors import BudgetDeferredError
from wellread_airflow.form_values import text_or_none
from wellread_airflow.operators.job_values import job_as_dict, job_from_dict
from wellread_airflow.operators.question_options import QuestionJobOperator
from wellread_airflow.operators.workspace_operator import task_name, tenths
from wellread_airflow.triggers.batches import BatchesEndedTrigger, WakeTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.answering.jobs.reporting import JobReport
    from wellread.answering.jobs.running import JobPending
    from wellread.workspace import Workspace
    from wellread.workspace.questions import PlannedJob


class ExecutingOperator(QuestionJobOperator):
    """A step that executes a planned job.

    Args:
        deferrable: Leave the worker while a provider's batch, or the next day's budget, is waited for.
        rest: As for ``QuestionJobOperator``.
    """

    def __init__(self, *, deferrable: bool = True, **rest: Any) -> None:
        super().__init__(**rest)
        self.deferrable = deferrable
        self._is_asking = False

    def advance_job(self, workspace: Workspace, context: Context, job: PlannedJob) -> JobReport:
        """Execute a plan to its end; leaves the worker (``TaskDeferred``) where there is nothing to do but wait."""
        from wellread.answering.jobs.running import JobPending
        from wellread.workspace.questions import advance_plan

        owner, told = self.job_owner(context), tenths(self.log.info, "questions are answered")
        self._is_asking = True
        try:
            while True:
                result = advance_plan(
                    workspace, job.plan_reference, owner=owner, sending=job.sending, on_progress=told
                )
                if not isinstance(result, JobPending):
                    return result
                self.log.info(
                    "%d of %d are answered, the rest is being computed.", result.final_count, result.row_count
                )
                self.wait_for_batch(result, job)
                time.sleep(result.wait_seconds)
        except BudgetDeferredError as error:
            self.wait_for_budget(error, job)
            raise
        finally:
            self._is_asking = False

    def job_owner(self, context: Context) -> str:
        """Whose the job is while it is worked on: the same for every attempt, which takes it up again at once."""
        return task_name(context, self.task_id)

    def wait_for_batch(self, pending: JobPending, job: PlannedJob) -> None:
        """Leave the worker until a batch has news; returns where the worker is to be kept."""
        if self.deferrable:
            trigger = BatchesEndedTrigger(
                job_id=pending.job_id,
                job=job_as_dict(job),
                collection=text_or_none(self.collection),
                connections=self.connection_ids().as_dict(),
                poll_seconds=pending.wait_seconds,
            )
            self.defer(trigger=trigger, method_name="resume")

    def wait_for_budget(self, error: BudgetDeferredError, job: PlannedJob) -> None:
        """Leave the worker until the budget is new; returns where the error is to go up."""
        if self.deferrable and error.retry_after_seconds is not None:
            at = datetime.now(UTC) + timedelta(seconds=error.retry_after_seconds)
            self.log.info("%s Going on at %s.", error, at.isoformat())
            self.defer(trigger=WakeTrigger(at=at.isoformat(), job=job_as_dict(job)), method_name="resume")

    def resume(self, context: Context, event: dict[str, Any]) -> Any:
        """The task goes on after a wait, with the job that the trigger hands back."""
        with self.opened() as workspace:
            return self.finish_job(workspace, context, job_from_dict(event["job"]))

    @abstractmethod
    def finish_job(self, workspace: Workspace, context: Context, job: PlannedJob) -> Any:
        """The rest of the task, from the frozen plan on."""

    def on_kill(self) -> None:
        """Requests in flight are waited for and kept; then the task ends. Called in the main thread.

        A batch at the provider goes on: the next attempt collects it.
        """
        if self._is_asking:
            self._is_asking = False
            self.log.info("Ending: what is paid for is kept, the next attempt goes on from there.")
            raise SystemExit("the task was ended from outside")
