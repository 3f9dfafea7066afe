"""The Airflow DAG ``undo_run``: put back what a run changed, once a person has seen the list."""

from __future__ import annotations

from wellread_airflow.dag_builders import build_undo_run_dag

undo_run = build_undo_run_dag()
