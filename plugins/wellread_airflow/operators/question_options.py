"""The options that every step of a question job takes, and what they change in the deployment's settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from wellread_airflow.form_values import count_or_none, moment_or_none, number_or_none, one_of, text_or_none
from wellread_airflow.operators.inputs import filter_of
from wellread_airflow.operators.job_values import price_range
from wellread_airflow.operators.workspace_operator import ModelOperator

if TYPE_CHECKING:
    from wellread.answering.settings import SendingMode
    from wellread.questions import Question
    from wellread.workspace import Workspace
    from wellread.workspace.questions import PlannedJob

MODES = ("direct", "batch", "auto")
ON_BUDGET = ("stop", "degrade", "defer")


class QuestionJobOperator(ModelOperator):
    """A step of a question job. Each option that is given wins over the deployment's setting for this task.

    Args:
        budget_usd: What this job may cost, its retries included.
        on_budget: What happens where that is short: ``stop``, ``degrade``, ``defer``.
        prompt: The prompt file, without ``.md``.
        rest: As for ``ModelOperator``.
    """

    template_fields: Sequence[str] = ("collection", "budget_usd", "on_budget", "prompt")

    def __init__(
        self,
        *,
        budget_usd: float | str | None = None,
        on_budget: str | None = None,
        prompt: str | None = None,
        **rest: Any,
    ) -> None:
        super().__init__(**rest)
        self.budget_usd = budget_usd
        self.on_budget = on_budget
        self.prompt = prompt

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
