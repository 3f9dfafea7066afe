"""Whole DAGs from values. DAG files call these and hold nothing but schedules and names."""

from __future__ import annotations

from wellread_airflow.dag_builders.evaluating import build_evaluate_index_dag
from wellread_airflow.dag_builders.ingesting import build_ingest_dag, sound_sources
from wellread_airflow.dag_builders.migrating import build_migrate_index_dag
from wellread_airflow.dag_builders.questions import build_answer_questions_dag, build_ask_dag
from wellread_airflow.dag_builders.redriving import build_redrive_quarantine_dag
from wellread_airflow.dag_builders.removing import build_purge_document_dag, build_retire_source_dag
from wellread_airflow.dag_builders.upkeep import (
    build_approve_deletions_dag,
    build_rebuild_index_dag,
    build_reconcile_index_dag,
    build_release_source_dag,
    build_undo_run_dag,
    build_vacuum_index_dag,
)
from wellread_airflow.dag_builders.watching import build_watch_questions_dag

__all__ = [
    "build_answer_questions_dag",
    "build_approve_deletions_dag",
    "build_ask_dag",
    "build_evaluate_index_dag",
    "build_ingest_dag",
    "build_migrate_index_dag",
    "build_purge_document_dag",
    "build_rebuild_index_dag",
    "build_reconcile_index_dag",
    "build_redrive_quarantine_dag",
    "build_release_source_dag",
    "build_retire_source_dag",
    "build_undo_run_dag",
    "build_vacuum_index_dag",
    "build_watch_questions_dag",
    "sound_sources",
]
