"""Answers to where people keep them, and the news that they changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from wellread_airflow.answer_sets import load_rows, status_counts
from wellread_airflow.assets import answers_alias, answers_asset
from wellread_airflow.destinations import addresses_of, opened_destination
from wellread_airflow.form_values import text_or_none
from wellread_airflow.operators.workspace_operator import WorkspaceOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.answering.jobs.reporting import AnswerDiff
    from wellread.workspace import Workspace

Announce = Literal["changes", "always"]
_SHOWN_CHANGES = 50


class PublishAnswersOperator(WorkspaceOperator):
    """Publish the rows of a question job and say how they differ from those before.

    Args:
        answers: The reference of the rows: ``run.output["answers"]``.
        destinations: One address or several: a path, ``s3://bucket/key.parquet``, ``conn:CONN_ID#table``,
            ``conn:CONN_ID#/path`` (a webhook); see ``wellread_airflow.destinations``. No address holds a key.
        job_name: What the job is known by from run to run; the first destination's address without it.
        announce: When the asset ``answers_asset(job_name)`` changes: at ``changes`` of the answers, or ``always``.
        rest: As for ``WorkspaceOperator``.

    Publishing again changes nothing, so a retry is safe. Returns the counts and ``changes``: the difference by
    kind, ``None`` the first time.
    """

    template_fields: Sequence[str] = ("answers", "destinations", "job_name")

    def __init__(
        self,
        *,
        answers: Any,
        destinations: str | list[str],
        job_name: str | None = None,
        announce: Announce = "changes",
        **rest: Any,
    ) -> None:
        rest["outlets"] = [*rest.get("outlets", ()), answers_alias()]
        super().__init__(**rest)
        self.answers: Any = answers
        self.destinations = destinations
        self.job_name = job_name
        self.announce = announce

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Check every destination, then publish to each."""
        from wellread.workspace.publishing import publish_answers
        from wellread.workspace.questions import answer_changes, remember_answers

        rows = load_rows(workspace, self.answers)
        addresses = addresses_of(self.destinations)
        job_name = text_or_none(self.job_name) or addresses[0]
        columns = list(dict.fromkeys(name for row in rows for name in row.columns))
        opened = [opened_destination(workspace, address) for address in addresses]
        for destination in opened:
            destination.check(columns)
        diff = answer_changes(workspace, job_name, rows)
        labels = [
            publish_answers(workspace, rows, destination, job_name=job_name, diff=diff) for destination in opened
        ]
        remember_answers(workspace, job_name, rows)
        self._log(labels, diff)
        facts = {
            "job": job_name[:200],
            "answers": self.answers,
            "questions": len(rows),
            "statuses": status_counts(rows),
            "changes": None if diff is None else diff.counts(),
        }
        if self.announce == "always" or diff is None or diff.changes:
            context["outlet_events"][answers_alias()].add(answers_asset(job_name), extra=facts)
        return {**facts, "destinations": [label[:300] for label in labels[:5]]}

    def _log(self, labels: Sequence[str], diff: AnswerDiff | None) -> None:
        self.log.info("Published to %s.", ", ".join(labels))
        for change in diff.changes[:_SHOWN_CHANGES] if diff is not None else ():
            because = f" (other {' and '.join(change.causes)})" if change.causes else ""
            self.log.info("%s: %s%s: %.200s", change.kind, change.id, because, change.question)
