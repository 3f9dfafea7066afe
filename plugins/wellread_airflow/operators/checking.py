"""Old answers held against what the documents say now."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wellread.errors import QualityError
from wellread_airflow.answer_sets import is_reference, load_rows
from wellread_airflow.files import local_copy, written_file
from wellread_airflow.form_values import count_or_none, text_or_none
from wellread_airflow.operators.workspace_operator import WorkspaceOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.answering.checking.auditing import AuditReport
    from wellread.workspace import Workspace

_SHOWN_IDS = 20
_ID_CHARS = 64


class CheckAnswersOperator(WorkspaceOperator):
    """Look every quote of old answers up in the present state of the documents. No model is asked.

    Args:
        answers: Path or URI of a file of answers, or the reference of rows from a task before.
        report: Path or URI of a ``.json`` file to write with every quote's verdict; none without it.
        most_doubtful: So many answers may have a quote that is not where it was said to be; the task fails beyond.
            Without it the task only reports.
        rest: As for ``WorkspaceOperator``.

    Returns the counts by verdict, and the ids of the first doubtful answers.
    """

    template_fields: Sequence[str] = ("answers", "report", "most_doubtful", "collection")

    def __init__(
        self, *, answers: Any, report: str | None = None, most_doubtful: int | str | None = None, **rest: Any
    ) -> None:
        super().__init__(**rest)
        self.answers: Any = answers
        self.report = report
        self.most_doubtful = most_doubtful

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Check them all."""
        del context
        found = self._check(workspace)
        target = text_or_none(self.report)
        if target is not None:
            with written_file(target, formats=(".json",)) as path:
                path.write_text(json.dumps(found.as_dict(), ensure_ascii=False), encoding="utf-8")
        doubtful = found.doubtful_answers
        for name in doubtful[:_SHOWN_IDS]:
            self.log.warning("Doubtful: %s", name)
        most = count_or_none(self.most_doubtful, "most_doubtful")
        if most is not None and len(doubtful) > most:
            raise QualityError(
                f"find the quotes of {found.answers_count} answers",
                found=f"{len(doubtful)} answers have a quote that is not where it was said to be; {most} may",
                remedy="Answer these questions again; the report names them.",
            )
        return {
            "answers": found.answers_count,
            "quotes": len(found.citations),
            "verdicts": dict(found.counts),
            "doubtful": len(doubtful),
            "doubtful_ids": [name[:_ID_CHARS] for name in doubtful[:_SHOWN_IDS]],
            "report": target,
        }

    def _check(self, workspace: Workspace) -> AuditReport:
        from wellread.answering.checking.auditing import cited_answer
        from wellread.workspace.checking import check_answers, check_cited

        if is_reference(self.answers):
            return check_cited(workspace, [cited_answer(row) for row in load_rows(workspace, self.answers)])
        with local_copy(self.answers) as path:
            return check_answers(workspace, str(path))
