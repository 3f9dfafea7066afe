"""Planned jobs and their reports as small values, and whether a price needs a person's consent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wellread.errors import BudgetExhaustedError, SettingsError
from wellread_airflow.operators.workspace_operator import small_counts

if TYPE_CHECKING:
    from wellread.answering.jobs.reporting import JobReport
    from wellread.workspace import Workspace
    from wellread.workspace.questions import PlannedJob

_SHOWN_IDS = 10


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
