"""Operators: the steps of a run, and questions. DAG files import them from here."""

from __future__ import annotations

from wellread_airflow.operators.answering import AnswerQuestionsOperator, AskQuestionOperator
from wellread_airflow.operators.checking import CheckAnswersOperator
from wellread_airflow.operators.confirming import ConfirmPriceOperator
from wellread_airflow.operators.evaluating import EvaluateAnswersOperator, EvaluateRetrievalOperator
from wellread_airflow.operators.gating import RegressionGateOperator
from wellread_airflow.operators.ingesting import (
    AssessQualityOperator,
    ExtractDocumentsOperator,
    LoadDocumentsOperator,
    PlanChangesOperator,
    PublishRevisionOperator,
)
from wellread_airflow.operators.prompting import PlanPromptsOperator, RunPromptsOperator
from wellread_airflow.operators.publishing import PublishAnswersOperator
from wellread_airflow.operators.reporting import ReportRunOperator
from wellread_airflow.operators.retrieving import RetrievePassagesOperator
from wellread_airflow.operators.reviewing import ReviewAnswersOperator
from wellread_airflow.operators.watching import AnswerQuestionFileOperator, ClaimQuestionFilesOperator

__all__ = [
    "AnswerQuestionFileOperator",
    "AnswerQuestionsOperator",
    "AskQuestionOperator",
    "AssessQualityOperator",
    "CheckAnswersOperator",
    "ClaimQuestionFilesOperator",
    "ConfirmPriceOperator",
    "EvaluateAnswersOperator",
    "EvaluateRetrievalOperator",
    "ExtractDocumentsOperator",
    "LoadDocumentsOperator",
    "PlanChangesOperator",
    "PlanPromptsOperator",
    "PublishAnswersOperator",
    "PublishRevisionOperator",
    "RegressionGateOperator",
    "ReportRunOperator",
    "RetrievePassagesOperator",
    "ReviewAnswersOperator",
    "RunPromptsOperator",
]
