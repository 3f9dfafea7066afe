"""A person's consent to a price, asked only where it is needed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from wellread_airflow.connections import ConnectionIds, opened_workspace
from wellread_airflow.failures import FailurePolicy, airflow_failures
from wellread_airflow.operators.job_values import job_from_dict, price_range

if TYPE_CHECKING:
    from airflow.sdk import Context


class ConfirmPriceOperator(ApprovalOperator):
    """Wait for a person where a planned job may cost more than may be spent unasked; else be skipped at once.

    Give the task after it the trigger rule ``none_failed``. A rejection skips everything after this task, and the
    plan is dropped. The task waits without a worker, on Airflow's page under "Required Actions".

    Args:
        plan: The whole output of ``PlanPromptsOperator``.
        response_timeout: Nobody answered for so long: the task fails, and nothing is spent.
        rest: As for ``ApprovalOperator``: ``notifiers``, ``assigned_users``, ...
    """

    template_fields: Collection[str] = (*ApprovalOperator.template_fields, "plan")
    ui_color = "#e8f0e4"

    def __init__(self, *, plan: Any, response_timeout: timedelta = timedelta(hours=24), **rest: Any) -> None:
        rest.setdefault("subject", "May this question job be paid?")
        rest.setdefault("retry_policy", FailurePolicy())
        super().__init__(response_timeout=response_timeout, ignore_downstream_trigger_rules=True, **rest)
        self.plan: Any = plan

    def execute(self, context: Context) -> Any:
        """Ask, if there is something to ask."""
        with airflow_failures():
            job = job_from_dict(self.plan)
        limit = self.plan.get("confirm_above_usd")
        price = price_range(job.estimate.low_usd, job.estimate.high_usd)
        if not self.plan.get("needs_consent"):
            raise AirflowSkipException(f"Nobody has to be asked: {price}, and {_limit(limit)}.")
        self.body = _body(self.plan, price, limit)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Go on, or skip the rest and drop the plan: a later run retrieves anew."""
        if event.get("chosen_options") != [self.APPROVE]:
            self._drop()  # before the skip, which ends the task by an exception
        try:
            answer = super().execute_complete(context, event)
        except HITLTimeoutError as error:
            raise AirflowFailException("Nobody answered in time: nothing was spent.") from error
        by = answer["responded_by_user"]
        return {"chosen": answer["chosen_options"][0], "by": None if by is None else str(by["name"])[:200]}

    def _drop(self) -> None:
        with airflow_failures(), opened_workspace(connections=ConnectionIds()) as workspace:
            job = job_from_dict(self.plan)
            workspace.question_jobs.remember_plan(job.input_key, job.plan_reference, finished=True)


def _limit(limit: float | None) -> str:
    return "no limit is set" if limit is None else f"{limit} US dollars may be spent unasked"


def _body(plan: Mapping[str, Any], price: str, limit: float | None) -> str:
    estimate = plan["estimate"]
    return f"""| | |
|---|---|
| price | {price} (by {estimate["price_source"] or "no price list"}) |
| limit | {_limit(limit)} |
| questions | {estimate["row_count"]} |
| to be paid | {estimate["paid_count"]} |
| answered before | {estimate["known_count"]} |
| free (nothing relevant was found) | {estimate["free_count"]} |
| input tokens, at most | {estimate["input_tokens"]} |
| sent by | {plan["sending"]} |
| collection | {plan.get("collection")} |

Repairs and fallback models come on top. The plan is frozen: `{plan["plan"]}`.
"""
