"""The last task of a run: what became of everything, and whether that is good enough."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, DagRunTriggerException

from wellread.runs import BalanceSheet
from wellread_airflow.operators.ingesting import RunStepOperator, revision_state
from wellread_airflow.run_starts import run_start
from wellread_airflow.sheets import sheet_counts, sheet_lines

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.indexing.plans import RunHandle
    from wellread.workspace import Workspace

_WAVE = re.compile(r"(?P<first>.*)__wave_(?P<number>\d+)")
_PROGRESS = ("committed", "moved", "quarantined", "unsupported", "gone")


class ReportRunOperator(RunStepOperator):
    """Log the balance sheet, vacuum, start the next wave, and fail where the policy says so.

    Give it the trigger rule ``all_done``: a failed batch under a task that always runs would leave the DAG run
    green. Returns the counts. ``limits``: how many documents of an outcome a run may have; by default none that
    failed transiently. A wave with more to come judges nothing: the next one tries those documents again.
    """

    def __init__(self, *, limits: Mapping[str, int] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.limits = {"failed_transient": 0} if limits is None else dict(limits)

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Report one run."""
        from wellread.indexing.affording import budget_stop
        from wellread.upkeep.vacuum import vacuum

        if not self.run:
            raise AirflowFailException("There is no plan: see the log of the planning task.")
        run = self.handle()
        sheet, state = _sheet_of(workspace, run), revision_state(workspace, run)
        if sheet is None or state in {"open", "abandoned"}:
            raise AirflowFailException(f"Revision {run.revision} is {state}: see the logs of the tasks before.")
        for line in sheet_lines(sheet):
            self.log.info(line)
        swept = vacuum(workspace.parts, run.collection)
        self.log.info("Vacuum: %d objects that no reader can see were deleted.", swept.deleted)
        counts = sheet_counts(sheet)
        if (stop := budget_stop(sheet)) is not None:
            raise AirflowFailException(str(stop))  # another wave would find no money either
        if sheet.outcomes.get("pending") and any(sheet.outcomes.get(name) for name in _PROGRESS):
            context["ti"].xcom_push(key="return_value", value=counts)  # the exception takes the return's place
            raise _next_wave(context)
        self._judge(sheet)
        return counts

    def _judge(self, sheet: BalanceSheet) -> None:
        beyond = [
            f"{sheet.outcomes[name]} {name.replace('_', ' ')} (allowed: {limit})"
            for name, limit in self.limits.items()
            if sheet.outcomes.get(name, 0) > limit
        ]
        if beyond:
            raise AirflowFailException(
                f"The run of {sheet.source} is not good enough: {', '.join(beyond)}. What was good is published; "
                "the documents are named in this log and are tried again in the next run."
            )


def _sheet_of(workspace: Workspace, run: RunHandle) -> BalanceSheet | None:
    """The stored sheet; ``None`` where the run was not published."""
    from wellread.ledger import run_records

    with workspace.ledger.reading() as reading:
        record = run_records.find_run(reading, run.run_id) or {}
    sheet = (record.get("report") or {}).get("sheet")
    return None if sheet is None else BalanceSheet.from_dict(sheet)


def _next_wave(context: Context) -> DagRunTriggerException:
    """Airflow's own way to start a run from a task: the worker sends it, the scheduler runs it."""
    run = context["dag_run"]
    match = _WAVE.fullmatch(run.run_id)
    first, number = (match["first"], int(match["number"])) if match else (run.run_id, 1)
    return run_start(run.dag_id, f"{first}__wave_{number + 1}", f"Wave {number + 1}: documents were left.")
