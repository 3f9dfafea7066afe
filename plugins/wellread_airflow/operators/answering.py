"""Questions as tasks: one, a file of them, or passages alone. Files carry the text, XComs the counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wellread_airflow.files import read_question_file, written_file
from wellread_airflow.operators.workspace_operator import WorkspaceOperator, run_name

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.questions import AnswerRow
    from wellread.workspace import Workspace

LARGEST_XCOM_BYTES = 4_000
_PROGRESS_STEP = 0.1


class AnswerQuestionsOperator(WorkspaceOperator):
    """Answer a file of questions with checked quotes; every question becomes one row of the answers.

    Args:
        questions: Path or URI of a JSONL, CSV, TSV or XLSX file with a column ``question``; other columns are
            handed through.
        answers: Path or URI of the file to write; its ending says the format. It appears whole or not at all.

    Returns the counts by status and the address of the answers. A retry goes on with the frozen plan of the
    attempt that died: what was answered is not asked, or paid, again.
    """

    template_fields: Sequence[str] = ("questions", "answers", "collection")

    def __init__(self, *, questions: str, answers: str, **kwargs: Any) -> None:
        kwargs.setdefault("multiple_outputs", True)  # `operator.output["answers"]` is the address alone
        super().__init__(**kwargs)
        self.questions = questions
        self.answers = answers

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Answer them all."""
        from wellread.answering.files.answer_files import write_answers
        from wellread.workspace.questions import answer_questions

        with written_file(self.answers) as answers:  # refused before anything is asked
            asked = read_question_file(self.questions)
            shown = 0.0

            def advance(done: int, total: int) -> None:
                nonlocal shown
                if total and done / total >= shown + _PROGRESS_STEP:
                    shown = done / total
                    self.log.info("%d of %d questions are answered", done, total)

            result = answer_questions(workspace, asked, owner=self._owner(context), on_progress=advance)
            write_answers(result.rows, answers)
        if result.resumed:
            self.log.info("An interrupted job was continued with its frozen plan.")
        report = result.report
        return {
            "answers": self.answers,
            "questions": report.row_count,
            "statuses": dict(report.statuses),
            "sent": report.sent_count,
            "resumed": report.resumed_count,
            "cost_usd": report.cost_usd,
            "plan": workspace.artifacts.uri(result.plan_reference),
        }

    def _owner(self, context: Context) -> str:
        """The same for every attempt of this task: a retry may take its own job again at once."""
        return f"{run_name(context)} {self.task_id} {context['ti'].map_index}"


class AskQuestionOperator(WorkspaceOperator):
    """Answer one question. The whole row goes to the log, a row of at most 4,000 bytes to the XCom."""

    template_fields: Sequence[str] = ("question", "collection")

    def __init__(self, *, question: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.question = question

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Ask it."""
        del context
        from wellread.workspace.questions import ask

        row = ask(workspace, self.question)
        for line in _row_lines(row):
            self.log.info(line)
        return small_row(row)


class RetrievePassagesOperator(WorkspaceOperator):
    """Find the best passages for questions and write them to a file, for a task of your own to work on.

    Args:
        questions: A short list of questions, or the path or URI of a file as for ``AnswerQuestionsOperator``.
        passages: Path or URI of the JSONL file to write: one object a question, with its passages.
        k: How many passages for each question.

    Returns the address of the passages, their count and the snapshot that all questions saw.
    """

    template_fields: Sequence[str] = ("questions", "passages", "collection")

    def __init__(self, *, questions: str | list[str], passages: str, k: int = 10, **kwargs: Any) -> None:
        kwargs.setdefault("multiple_outputs", True)
        super().__init__(**kwargs)
        self.questions = questions
        self.passages = passages
        self.k = k

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Retrieve under one snapshot."""
        del context
        from wellread.answering.files.answer_rows import passage_as_dict

        with written_file(self.passages, formats=(".jsonl", ".ndjson")) as passages:
            asked = self._asked()
            results = workspace.retriever.retrieve_many(
                asked, collection=workspace.settings.collection, scope=workspace.scope(), k=self.k
            )
            with passages.open("w", encoding="utf-8") as file:
                for question, result in zip(asked, results, strict=True):
                    found = [passage_as_dict(passage) for passage in result.passages]
                    row = {"question": question, "snapshot": result.snapshot.as_text(), "passages": found}
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
        return {
            "passages": self.passages,
            "questions": len(asked),
            "found": sum(len(result.hits) for result in results),
            "snapshot": results[0].snapshot.as_text() if results else None,
        }

    def _asked(self) -> list[str]:
        if isinstance(self.questions, str):
            return [question.text for question in read_question_file(self.questions)]
        return list(self.questions)


def small_row(row: AnswerRow) -> dict[str, Any]:
    """The row without its passages, and with as many claims as fit; ``truncated`` says if some are missing."""
    small: dict[str, Any] = {
        "question": _cut(row.question, LARGEST_XCOM_BYTES // 4),
        "status": row.status,
        "abstain_reason": row.abstain_reason,
        "answer": None if row.answer is None else _cut(row.answer, LARGEST_XCOM_BYTES // 2),
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


def _cut(text: str, size_bytes: int) -> str:
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
