"""Operators: the steps of a run, and questions. DAG files import them from here."""

from __future__ import annotations

from wellread_airflow.operators.answering import AnswerQuestionsOperator, AskQuestionOperator
from wellread_airflow.operators.approving import ApproveHoldsOperator, ListHoldsOperator, StartIngestionOperator
from wellread_airflow.operators.checking import CheckAnswersOperator
from wellread_airflow.operators.confirming import ConfirmPriceOperator
from wellread_airflow.operators.consenting import ConfirmListOperator
from wellread_airflow.operators.evaluating import EvaluateAnswersOperator, EvaluateRetrievalOperator
from wellread_airflow.operators.gating import RegressionGateOperator
from wellread_airflow.operators.ingesting import (
    AssessQualityOperator,
    ExtractDocumentsOperator,
    LoadDocumentsOperator,
    PlanChangesOperator,
    PublishRevisionOperator,
)
from wellread_airflow.operators.migrating import MigrateIndexOperator, PriceMigrationOperator
from wellread_airflow.operators.prompting import PlanPromptsOperator, RunPromptsOperator
from wellread_airflow.operators.publishing import PublishAnswersOperator
from wellread_airflow.operators.purging import PlanPurgeOperator, PurgeDocumentOperator
from wellread_airflow.operators.reconciling import RebuildIndexOperator, ReconcileIndexOperator, VacuumIndexOperator
from wellread_airflow.operators.redriving import MarkQuarantinedOperator, ReportRedriveOperator, RunSourceOperator
from wellread_airflow.operators.reporting import ReportRunOperator
from wellread_airflow.operators.retiring import PlanRetirementOperator, RetireSourceOperator
from wellread_airflow.operators.retrieving import RetrievePassagesOperator
from wellread_airflow.operators.reviewing import ReviewAnswersOperator
from wellread_airflow.operators.undoing import PlanUndoOperator, ReleaseSourceOperator, UndoRunOperator
from wellread_airflow.operators.watching import AnswerQuestionFileOperator, ClaimQuestionFilesOperator

__all__ = [
    "AnswerQuestionFileOperator",
    "AnswerQuestionsOperator",
    "ApproveHoldsOperator",
    "AskQuestionOperator",
    "AssessQualityOperator",
    "CheckAnswersOperator",
    "ClaimQuestionFilesOperator",
    "ConfirmListOperator",
    "ConfirmPriceOperator",
    "EvaluateAnswersOperator",
    "EvaluateRetrievalOperator",
    "ExtractDocumentsOperator",
    "ListHoldsOperator",
    "LoadDocumentsOperator",
    "MarkQuarantinedOperator",
    "MigrateIndexOperator",
    "PlanChangesOperator",
    "PlanPromptsOperator",
    "PlanPurgeOperator",
    "PlanRetirementOperator",
    "PlanUndoOperator",
    "PriceMigrationOperator",
    "PublishAnswersOperator",
    "PublishRevisionOperator",
    "PurgeDocumentOperator",
    "RebuildIndexOperator",
    "ReconcileIndexOperator",
    "RegressionGateOperator",
    "ReleaseSourceOperator",
    "ReportRedriveOperator",
    "ReportRunOperator",
    "RetireSourceOperator",
    "RetrievePassagesOperator",
    "ReviewAnswersOperator",
    "RunPromptsOperator",
    "RunSourceOperator",
    "StartIngestionOperator",
    "UndoRunOperator",
    "VacuumIndexOperator",
]
