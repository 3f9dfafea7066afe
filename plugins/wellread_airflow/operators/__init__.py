"""Operators: the steps of a run, and questions. DAG files import them from here."""

from __future__ import annotations

from wellread_airflow.operators.answering import (
    AnswerQuestionsOperator,
    AskQuestionOperator,
    RetrievePassagesOperator,
)
from wellread_airflow.operators.ingesting import (
    AssessQualityOperator,
    ExtractDocumentsOperator,
    LoadDocumentsOperator,
    PlanChangesOperator,
    PublishRevisionOperator,
)
from wellread_airflow.operators.reporting import ReportRunOperator

__all__ = [
    "AnswerQuestionsOperator",
    "AskQuestionOperator",
    "AssessQualityOperator",
    "ExtractDocumentsOperator",
    "LoadDocumentsOperator",
    "PlanChangesOperator",
    "PublishRevisionOperator",
    "ReportRunOperator",
    "RetrievePassagesOperator",
]
