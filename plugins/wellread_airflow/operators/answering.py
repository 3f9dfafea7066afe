"""Questions answered in one task: a file of them, or a single one. Files carry the text, XComs the counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wellread_airflow.answer_sets import store_rows
from wellread_airflow.files import checked_target, written_file
from wellread_airflow.operators.executing import ExecutingOperator
from wellread_airflow.operators.inputs import questions_of
from wellread_airflow.operators.job_values import report_as_dict, require_no_consent
from wellread_airflow.operators.question_options import PlanningOperator
from wellread_airflow.operators.workspace_operator import ModelOperator, task_name

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.questions import AnswerRow, Question
    from wellread.workspace import Workspace
    from wellread.workspace.questions import PlannedJob

LARGEST_XCOM_BYTES = 4_000


class AnswerQuestionsOperator(PlanningOperator, ExecutingOperator):
    """Answer questions with checked quotes; every question becomes one row of the answers.

    Args:
        answers: Path or URI of the file to write; its ending says the format. It appears whole or not at all.
        job_name: Under a name the answers are compared with those that were published last; the counts of the
            difference are in the result.
        rest: As for ``PlanningOperator`` and ``ExecutingOperator``. A plan above the setting
            ``answering.budget.confirm_above_usd`` is refused: the DAG ``answer_questions`` asks a person instead.

    Returns the counts by status and the address of the answers. A retry goes on with the frozen plan of the
    attempt that died: what was answered is not asked, or paid, again.
    """

    template_fields: Sequence[str] = (*PlanningOperator.template_fields, "answers", "job_name")

    def __init__(self, *, answers: str, job_name: str | None = None, **rest: Any) -> None:
        rest.setdefault("multiple_outputs", True)  # `operator.output["answers"]` is the address alone
        super().__init__(**rest)
        self.answers = answers
        self.job_name = job_name

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Answer them all."""
        checked_target(self.answers)  # refused before anything is asked
        job = self.plan_job(workspace, self.asked(context))
        require_no_consent(workspace, job)
        return self.finish_job(workspace, context, job)

    def asked(self, context: Context) -> list[Question]:
        """The questions. Raises ``QuestionsFileError``."""
        del context
        return questions_of(self.questions)

    def finish_job(self, workspace: Workspace, context: Context, job: PlannedJob) -> dict[str, Any]:
        """Execute the plan, or the rest of it, and write the answers."""
        from wellread.answering.files.answer_files import write_answers
        from wellread.workspace.questions import close_job, finish_plan

        report = self.advance_job(workspace, context, job)
        job_name = self.job_name or None
        result = finish_plan(workspace, job, report, job_name=job_name)
        with written_file(self.answers) as path:
            write_answers(result.rows, path)
        close_job(workspace, job, result.rows, job_name=job_name)
        return {
            **report_as_dict(report),
            "answers": self.answers,
            "rows": store_rows(workspace, result.rows),
            "plan": workspace.artifacts.uri(job.plan_reference),
            "changes": None if result.diff is None else result.diff.counts(),
        }


class AskQuestionOperator(ModelOperator):
    """Answer one question. The whole row goes to the log, a row of at most 4,000 bytes to the XCom."""

    template_fields: Sequence[str] = ("question", "collection")

    def __init__(self, *, question: str, **rest: Any) -> None:
        super().__init__(**rest)
        self.question = question

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Ask it."""
        from wellread.workspace.questions import ask

        row = ask(workspace, self.question, owner=task_name(context, self.task_id))
        for line in _row_lines(row):
            self.log.info(line)
        return small_row(row)


def small_row(row: AnswerRow) -> dict[str, Any]:
    """The row without its passages, and with as many claims as fit; ``truncated`` says if some are missing."""
    small: dict[str, Any] = {
        "question": cut(row.question, LARGEST_XCOM_BYTES // 4),
        "status": row.status,
        "abstain_reason": row.abstain_reason,
        "answer": None if row.answer is None else cut(row.answer, LARGEST_XCOM_BYTES // 2),
        "claims": [],
        "model": row.model,
        "confidence": row.confidence,
        "cost_usd": row.cost_usd,
        "snapshot": row.snapshot,
    }
    small["truncated"] = small["question"] != row.question or small["answer"] != row.answer
    for claim in row.claims:
        shown = {
            "text": claim.text,
            "citations": [
                {"document": item.document, "page": item.page, "quote": item.quote, "match": item.match}
                for item in claim.citations
            ],
        }
        if _size({**small, "claims": [*small["claims"], shown]}) > LARGEST_XCOM_BYTES:
            return {**small, "truncated": True}
        small["claims"].append(shown)
    return small


def cut(text: str, size_bytes: int) -> str:
    """The text, or as much of it as fits; Airflow stores JSON with everything but ASCII escaped."""
    shown = text
    while _size(shown) > size_bytes:
        shown = shown[: len(shown) * 9 // 10]
    return shown if shown == text else f"{shown}..."


def _size(value: object) -> int:
    return len(json.dumps(value))


def _row_lines(row: AnswerRow) -> list[str]:
    if row.answer is None:
        return [f"No answer: {(row.abstain_reason or row.status).replace('_', ' ')}."]
    lines = [row.answer, f"({row.model})"]
    for claim in row.claims:
        for item in claim.citations:
            page = "" if item.page is None else f", page {item.page}"
            lines.append(f'  "{item.quote}" ({item.document}{page}; {item.match} quote)')
    return lines
