"""The options that every step of a question job takes, and what they change in the deployment's settings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from wellread.errors import BudgetDeferredError, BudgetExhaustedError, SettingsError
from wellread_airflow.form_values import count_or_none, moment_or_none, number_or_none, one_of, text_or_none
from wellread_airflow.operators.inputs import filter_of
from wellread_airflow.operators.workspace_operator import ModelOperator, small_counts, task_name, tenths
from wellread_airflow.triggers.batches import BatchesEndedTrigger, WakeTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.answering.jobs.reporting import JobReport
    from wellread.answering.jobs.running import JobPending
    from wellread.answering.settings import SendingMode
    from wellread.questions import Question
    from wellread.workspace import Workspace
    from wellread.workspace.questions import PlannedJob

MODES = ("direct", "batch", "auto")
ON_BUDGET = ("stop", "degrade", "defer")
_SHOWN_IDS = 10


class QuestionJobOperator(ModelOperator):
    """A step of a question job. Each option that is given wins over the deployment's setting for this task.

    Args:
        budget_usd: What this job may cost, its retries included.
        on_budget: What happens where that is short: ``stop``, ``degrade``, ``defer``.
        prompt: The prompt file, without ``.md``.
        deferrable: Leave the worker while a provider's batch, or the next day's budget, is waited for.
        rest: As for ``ModelOperator``.
    """

    template_fields: Sequence[str] = ("collection", "budget_usd", "on_budget", "prompt")

    def __init__(
        self,
        *,
        budget_usd: float | str | None = None,
        on_budget: str | None = None,
        prompt: str | None = None,
        deferrable: bool = True,
        **rest: Any,
    ) -> None:
        super().__init__(**rest)
        self.budget_usd = budget_usd
        self.on_budget = on_budget
        self.prompt = prompt
        self.deferrable = deferrable
        self._is_asking = False

    def changes(self) -> dict[str, Any]:
        """Budget and prompt."""
        budget = {
            "run_usd": number_or_none(self.budget_usd, "budget_usd"),
            "on_budget": one_of(self.on_budget, ON_BUDGET, "on_budget"),
        }
        given = {name: value for name, value in budget.items() if value is not None}
        prompt = text_or_none(self.prompt)
        answering: dict[str, Any] = {} if prompt is None else {"prompt": {"name": prompt}}
        if given:
            answering["budget"] = given
        return {"answering": answering} if answering else {}

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

    def finish_job(self, workspace: Workspace, context: Context, job: PlannedJob) -> Any:
        """The rest of the task, from the frozen plan on."""
        raise NotImplementedError

    def on_kill(self) -> None:
        """Requests in flight are waited for and kept; then the task ends. Called in the main thread.

        A batch at the provider goes on: the next attempt collects it.
        """
        if self._is_asking:
            self._is_asking = False
            self.log.info("Ending: what is paid for is kept, the next attempt goes on from there.")
            raise SystemExit("the task was ended from outside")


class PlanningOperator(QuestionJobOperator):
    """A step that plans a question job.

    Args:
        questions: Path or URI of a JSONL, CSV, TSV, XLSX or Parquet file with a column ``question``, or a short
            list of texts or of mappings with ``question``; other columns are handed through.
        mode: How requests are sent: ``direct``, ``batch`` (the provider's batches: half the price, within a day),
            or ``auto``.
        deadline_at: When the answers are needed (ISO; UTC without a zone); ``auto`` looks at it.
        filter: Which documents may answer, as JSON (a mapping, or its text). It can only narrow what the
            deployment allows.
        fresh_since: Each source must have had a complete run that began then (ISO) or later; else the task is tried
            again.
        least_revision: The snapshot must hold this revision; else the task is tried again.
        rest: As for ``QuestionJobOperator``.
    """

    template_fields: Sequence[str] = (
        *QuestionJobOperator.template_fields,
        "questions",
        "mode",
        "deadline_at",
        "filter",
        "fresh_since",
        "least_revision",
    )

    def __init__(
        self,
        *,
        questions: str | list[Any],
        mode: str | None = None,
        deadline_at: datetime | str | None = None,
        filter: dict[str, Any] | str | None = None,  # noqa: A002 - the field's own word
        fresh_since: datetime | str | None = None,
        least_revision: int | str | None = None,
        **rest: Any,
    ) -> None:
        super().__init__(**rest)
        self.questions: Any = questions
        self.mode = mode
        self.deadline_at = deadline_at
        self.filter = filter
        self.fresh_since = fresh_since
        self.least_revision = least_revision

    def plan_job(self, workspace: Workspace, questions: Sequence[Question]) -> PlannedJob:
        """Freeze the plan, or find that of an attempt that died."""
        from wellread.workspace.questions import evidence_of, plan_questions

        evidence = evidence_of(
            workspace,
            filter=filter_of(self.filter),
            fresh_since=moment_or_none(self.fresh_since, "fresh_since"),
            least_revision=count_or_none(self.least_revision, "least_revision"),
        )
        job = plan_questions(
            workspace,
            questions,
            evidence=evidence,
            mode=cast("SendingMode | None", one_of(self.mode, MODES, "mode")),
            deadline_at=moment_or_none(self.deadline_at, "deadline_at"),
        )
        estimate = job.estimate
        self.log.info(
            "%d questions: %d to be paid, %d answered before, %d free; %s, sent by %s.",
            estimate.row_count,
            estimate.paid_count,
            estimate.known_count,
            estimate.free_count,
            price_range(estimate.low_usd, estimate.high_usd),
            job.sending,
        )
        if job.resumed:
            self.log.info("It is the frozen plan of an interrupted job, which goes on.")
        return job


def job_as_dict(job: PlannedJob) -> dict[str, Any]:
    """A planned job for XComs and for a task that comes back: small, whatever was asked."""
    return {
        "plan": job.plan_reference,
        "input_key": job.input_key,
        "sending": job.sending,
        "resumed": job.resumed,
        "estimate": dict(job.estimate.as_dict()),
    }


def job_from_dict(data: Any) -> PlannedJob:
    """The inverse of :func:`job_as_dict`; more keys are no harm. Raises ``SettingsError`` for something else."""
    from wellread.answering.jobs.spending import Estimate
    from wellread.workspace.questions import PlannedJob

    try:
        return PlannedJob(
            plan_reference=data["plan"],
            input_key=data["input_key"],
            resumed=data["resumed"],
            sending=data["sending"],
            estimate=Estimate(**data["estimate"]),
        )
    except (KeyError, TypeError) as error:
        raise SettingsError(
            "take up a planned question job",
            found=f"{data!r:.200} is not what PlanPromptsOperator returns",
            remedy="Give its whole output: plan=planned.output.",
        ) from error


def report_as_dict(report: JobReport) -> dict[str, Any]:
    """The counts of a report for an XCom."""
    return {
        "questions": report.row_count,
        "statuses": dict(report.statuses),
        "sent": report.sent_count,
        "resumed": report.resumed_count,
        "reused": report.reused_count,
        "cost_usd": report.cost_usd,
        "input_tokens": report.input_tokens,
        "output_tokens": report.output_tokens,
        "models": small_counts(report.models),
        "flags": small_counts(report.flags),
        "maybe_billed": len(report.maybe_billed),
        "maybe_billed_ids": [name[:64] for name in report.maybe_billed[:_SHOWN_IDS]],
    }


def price_range(low_usd: float | None, high_usd: float | None) -> str:
    """An estimate as a person reads it."""
    if low_usd is None or high_usd is None:
        return "price unknown"
    return "no cost" if high_usd == 0 else f"between {low_usd:.4f} and {high_usd:.4f} US dollars"


def needs_consent(job: PlannedJob, limit_usd: float | None) -> bool:
    """Whether a plan may cost more than may be spent without asking. An unknown price may."""
    if limit_usd is None or job.estimate.paid_count == 0:
        return False
    return job.estimate.high_usd is None or job.estimate.high_usd > limit_usd


def require_no_consent(workspace: Workspace, job: PlannedJob) -> None:
    """Raises ``BudgetExhaustedError`` where a plan costs more than may be spent without asking a person."""
    limit = workspace.settings.answering.budget.confirm_above_usd
    if needs_consent(job, limit):
        raise BudgetExhaustedError(
            f"answer {job.estimate.row_count} questions",
            found=f"{price_range(job.estimate.low_usd, job.estimate.high_usd)}, and {limit} may be spent unasked",
            remedy="Use the DAG answer_questions, which asks a person, or raise budget.confirm_above_usd.",
        )
