"""Files of questions that are dropped into a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from wellread.errors import BudgetDeferredError, LeaseHeldError, WellreadError
from wellread_airflow.drop_folder import DropFolder, cut_names
from wellread_airflow.form_values import text_or_none
from wellread_airflow.operators.executing import ExecutingOperator
from wellread_airflow.operators.inputs import questions_of
from wellread_airflow.operators.job_values import report_as_dict, require_no_consent
from wellread_airflow.operators.question_options import PlanningOperator
from wellread_airflow.operators.workspace_operator import WorkspaceOperator, task_name

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.answering.jobs.running import JobPending
    from wellread.workspace import Workspace
    from wellread.workspace.questions import PlannedJob


class ClaimQuestionFilesOperator(WorkspaceOperator):
    """Claim the files that were dropped into a folder, and those that a dead run left.

    Args:
        folder: The drop folder (``wellread_airflow.drop_folder``); ``questions`` in ``WELLREAD_HOME`` without it.
        settle_seconds: Files changed within this time may still be written, and are left for the next run.
        rest: As for ``WorkspaceOperator``.

    Returns the names to map ``AnswerQuestionFileOperator`` over.
    """

    template_fields: Sequence[str] = ("folder",)

    def __init__(self, *, folder: str | None = None, settle_seconds: float = 2.0, **rest: Any) -> None:
        super().__init__(**rest)
        self.folder = folder
        self.settle_seconds = settle_seconds

    def work(self, workspace: Workspace, context: Context) -> list[str]:
        """Claim them."""
        del context
        names = drop_folder_of(workspace, self.folder).claim(settle_seconds=self.settle_seconds)
        kept = cut_names(names)
        self.log.info("%d files are claimed, %d of them are answered in this run.", len(names), len(kept))
        return kept


class AnswerQuestionFileOperator(PlanningOperator, ExecutingOperator):
    """Answer one claimed file into ``out/`` and put it into ``done/``, or into ``failed/`` with an error file.

    What a retry may help (an outage, a rate limit) leaves the file where it is: the next attempt, or the next run
    of the DAG, goes on with its frozen plan. The same while a provider's batch or another day's budget is waited
    for: the task is skipped, and the next run looks again.

    Args:
        folder: As for ``ClaimQuestionFilesOperator``.
        name: A name that it returned.
        rest: As for ``PlanningOperator``.
    """

    template_fields: Sequence[str] = (
        *(name for name in PlanningOperator.template_fields if name != "questions"),
        "folder",
        "name",
    )

    def __init__(self, *, name: Any, folder: str | None = None, **rest: Any) -> None:
        super().__init__(questions=[], **rest)
        self.name: str = name
        self.folder = folder

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Answer it under a lease."""
        folder = drop_folder_of(workspace, self.folder)
        with _leased(workspace, self.name, holder=task_name(context, self.task_id)):
            path = folder.working(self.name)
            if path is None:
                raise AirflowSkipException(f"{self.name} was answered by another run.")
            try:
                job = self.plan_job(workspace, questions_of(str(path)))
                require_no_consent(workspace, job)
                told = self.finish_job(workspace, context, job)
            except WellreadError as error:
                if not error.retryable:
                    folder.fail(self.name, error)
                raise
            folder.finish(self.name)
        return {**told, "file": self.name, "answers": str(folder.out(self.name))}

    def finish_job(self, workspace: Workspace, context: Context, job: PlannedJob) -> dict[str, Any]:
        """Execute the plan and write the answers. It is never resumed: the next run looks again."""
        from wellread.answering.files.answer_files import write_answers
        from wellread.workspace.questions import close_job, finish_plan

        report = self.advance_job(workspace, context, job)
        rows = finish_plan(workspace, job, report).rows
        write_answers(rows, drop_folder_of(workspace, self.folder).out(self.name))
        close_job(workspace, job, rows)
        return report_as_dict(report)

    def job_owner(self, context: Context) -> str:
        """The file: its lease says already that nobody else answers it."""
        del context
        return f"drop {self.name}"

    def wait_for_batch(self, pending: JobPending, job: PlannedJob) -> None:
        """The next run of the DAG looks again."""
        del job
        raise AirflowSkipException(
            f"{pending.final_count} of {pending.row_count} are answered; the rest is coming."
        )

    def wait_for_budget(self, error: BudgetDeferredError, job: PlannedJob) -> None:
        """The next run of the DAG tries again."""
        del job
        raise AirflowSkipException(str(error))


def drop_folder_of(workspace: Workspace, given: str | None) -> DropFolder:
    """The folder that was given, or that of the deployment. Raises ``SettingsError``."""
    address = text_or_none(given)
    if address is None:
        folder = workspace.home / "questions"
        folder.mkdir(exist_ok=True)
        address = str(folder)
    return DropFolder.opened(address)


@contextmanager
def _leased(workspace: Workspace, name: str, *, holder: str) -> Iterator[None]:
    """The right to answer one file. A lease whose process died on this machine falls at once, others run out."""
    from wellread.ledger import leases

    seconds = workspace.settings.ledger.lease_seconds
    try:
        lease = leases.acquire(workspace.ledger, f"drop {name}", holder, seconds=seconds, one_process=True)
    except LeaseHeldError as error:
        raise AirflowSkipException(f"{name} is being answered by another run.") from error
    try:
        with leases.kept_alive(workspace.ledger, lease, seconds=seconds):
            yield
    finally:
        leases.release(workspace.ledger, lease)
