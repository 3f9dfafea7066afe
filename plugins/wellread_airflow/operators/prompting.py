"""Plan and execution of a question job as tasks of their own, so that a price can be seen before it is spent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wellread_airflow.answer_sets import store_rows
from wellread_airflow.destinations import addresses_of, check_destinations
from wellread_airflow.form_values import number_or_none, text_or_none
from wellread_airflow.operators.executing import ExecutingOperator
from wellread_airflow.operators.inputs import questions_of
from wellread_airflow.operators.job_values import job_as_dict, job_from_dict, needs_consent, report_as_dict
from wellread_airflow.operators.question_options import PlanningOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.workspace import Workspace
    from wellread.workspace.questions import PlannedJob


class PlanPromptsOperator(PlanningOperator):
    """Retrieve for all questions under one snapshot, freeze what will be asked, and say what it will cost.

    Nothing is sent to a language model.

    Args:
        confirm_above_usd: A plan that may cost more needs a person's consent (``ConfirmPriceOperator``). Without it
            the setting ``answering.budget.confirm_above_usd``.
        destinations: Where the answers will go, as for ``PublishAnswersOperator``: refused now if they cannot,
            before anything is paid.
        rest: As for ``PlanningOperator``; the budget is the executing task's.

    Returns the planned job: give it whole to ``RunPromptsOperator``. Its ``estimate`` has the counts and the price.
    """

    template_fields: Sequence[str] = (*PlanningOperator.template_fields, "confirm_above_usd", "destinations")

    def __init__(
        self,
        *,
        confirm_above_usd: float | str | None = None,
        destinations: str | list[str] | None = None,
        **rest: Any,
    ) -> None:
        super().__init__(**rest)
        self.destinations = destinations
        self.confirm_above_usd = confirm_above_usd

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Plan it."""
        del context
        limit = number_or_none(self.confirm_above_usd, "confirm_above_usd")
        if limit is None:
            limit = workspace.settings.answering.budget.confirm_above_usd
        asked = questions_of(self.questions)
        if self.destinations is not None:
            check_destinations(workspace, addresses_of(self.destinations), asked)
        job = self.plan_job(workspace, asked)
        return {
            **job_as_dict(job),
            "uri": workspace.artifacts.uri(job.plan_reference),
            "collection": workspace.settings.collection,
            "prompt": text_or_none(self.prompt),
            "confirm_above_usd": limit,
            "needs_consent": needs_consent(job, limit),
        }


class RunPromptsOperator(ExecutingOperator):
    """Execute a planned job to its last row; every question becomes one answer row.

    A retry, whatever killed the attempt before, goes on with the same plan: what is answered is not asked, or paid,
    again. While a provider's batch or the next day's budget is waited for, no worker is held.

    Args:
        plan: The whole output of ``PlanPromptsOperator``.
        rest: As for ``ExecutingOperator``; collection, mode and prompt come with the plan.

    Returns the counts, the cost and ``answers``: the reference of the rows, for the tasks after it.
    """

    template_fields: Sequence[str] = (*ExecutingOperator.template_fields, "plan")

    def __init__(self, *, plan: Any, **rest: Any) -> None:
        rest.setdefault("multiple_outputs", True)
        super().__init__(**rest)
        self.plan: Any = plan

    @contextmanager
    def opened(self) -> Iterator[Workspace]:
        """A workspace with the settings that the job was planned with."""
        given = self.plan if isinstance(self.plan, Mapping) else {}
        self.collection, self.prompt = given.get("collection"), given.get("prompt")
        with super().opened() as workspace:
            yield workspace

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Execute it."""
        return self.finish_job(workspace, context, job_from_dict(self.plan))

    def finish_job(self, workspace: Workspace, context: Context, job: PlannedJob) -> dict[str, Any]:
        """Execute it, or the rest of it, and keep the rows."""
        from wellread.workspace.questions import close_job, finish_plan

        report = self.advance_job(workspace, context, job)
        result = finish_plan(workspace, job, report)
        answers = store_rows(workspace, result.rows)
        close_job(workspace, job, result.rows)
        return {**report_as_dict(report), "answers": answers, "plan": job.plan_reference}
