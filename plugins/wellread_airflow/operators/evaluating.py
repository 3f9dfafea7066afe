"""Golden questions as tasks: measure retrieval or answers, and hold a change back where it made them worse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellread_airflow.files import local_copy, written_file
from wellread_airflow.form_values import is_set, text_or_none
from wellread_airflow.operators.job_values import require_no_consent
from wellread_airflow.operators.question_options import QuestionJobOperator
from wellread_airflow.operators.workspace_operator import task_name

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.evaluation.evaluator import Report
    from wellread.evaluation.judging import AnswerJudge
    from wellread.workspace import Workspace

_SHOWN_MEASURES = 24


class EvaluateRetrievalOperator(QuestionJobOperator):
    """Ask golden questions and measure what is retrieved for them. No language model is asked.

    Args:
        gold: Path or URI of a JSONL file of golden questions.
        rows: Path or URI of a JSONL file to write with every question's scores; none without it.
        gold_name: What the golden questions are known by; the file's name without its ending.
        rest: As for ``QuestionJobOperator``.

    Returns the measures (value, low, high, count) and ``results``, the reference for ``RegressionGateOperator``.
    """

    template_fields: Sequence[str] = (*QuestionJobOperator.template_fields, "gold", "rows", "gold_name")

    def answered(self) -> bool:
        """Whether answers are measured too."""
        return False

    def __init__(self, *, gold: str, rows: str | None = None, gold_name: str | None = None, **rest: Any) -> None:
        super().__init__(**rest)
        self.gold = gold
        self.rows = rows
        self.gold_name = gold_name

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Evaluate under one snapshot."""
        from wellread.evaluation.gold import read_gold
        from wellread.workspace.baselines import results_of, store_results
        from wellread.workspace.evaluating import evaluate_collection

        with local_copy(self.gold) as path:
            gold = read_gold(path)
        judge = self.judge(workspace, context)
        report = evaluate_collection(
            workspace,
            gold,
            answers=self.answered(),
            judge=judge,
            owner=task_name(context, self.task_id),
            approve=lambda job: require_no_consent(workspace, job),
        )
        self._write_rows(report)
        results = results_of(workspace, gold, report, judge=judge)
        self._log(report)
        return {
            "gold_name": text_or_none(self.gold_name) or Path(self.gold).stem,
            "questions": len(gold),
            "snapshot": report.snapshot.as_text(),
            "measures": {
                name: [round(one.value, 5), round(one.low, 5), round(one.high, 5), one.count]
                for name, one in list(report.measures.items())[:_SHOWN_MEASURES]
            },
            "results": store_results(workspace, results),
            "rows": text_or_none(self.rows),
        }

    def judge(self, workspace: Workspace, context: Context) -> AnswerJudge | None:
        """Who judges answers: nobody, where there are none."""
        del workspace, context
        return None

    def _write_rows(self, report: Report) -> None:
        from wellread.evaluation.rows import write_rows

        target = text_or_none(self.rows)
        if target is not None:
            with written_file(target, formats=(".jsonl", ".ndjson")) as path:
                write_rows(path, report.questions)

    def _log(self, report: Report) -> None:
        for name, one in report.measures.items():
            self.log.info(
                "%-24s %.3f (%.3f to %.3f) over %d, %d unscored",
                *(name, one.value, one.low, one.high, one.count, one.unscored_count),
            )


class EvaluateAnswersOperator(EvaluateRetrievalOperator):
    """Ask golden questions and measure the answers too: words, citations, abstention, and a judge's opinion.

    With a language model it is an ordinary question job: budgets hold, and a retry pays nothing twice. A price
    above ``answering.budget.confirm_above_usd`` is refused.

    Args:
        answers: Whether answers are measured at all; a form's box.
        judged: Whether a judge (``evaluation.judge``, else the model that answers) scores every answer.
        rest: As for ``EvaluateRetrievalOperator``.
    """

    template_fields: Sequence[str] = (*EvaluateRetrievalOperator.template_fields, "answers", "judged")

    def __init__(self, *, answers: bool | str = True, judged: bool | str = False, **rest: Any) -> None:
        super().__init__(**rest)
        self.answers = answers
        self.judged = judged

    def answered(self) -> bool:
        """As the box says."""
        return is_set(self.answers, "answers")

    def judge(self, workspace: Workspace, context: Context) -> AnswerJudge | None:
        """The deployment's judge, where one is asked for. Raises ``SettingsError`` where there is none."""
        from wellread.workspace.evaluating import judge_of

        if not self.answered() or not is_set(self.judged, "judged"):
            return None
        return judge_of(workspace, owner=f"{task_name(context, self.task_id)} judge")
