"""The Airflow DAG ``approve_deletions``: held deletions, shown to a person and applied."""

from __future__ import annotations

from wellread_airflow.dag_builders import build_approve_deletions_dag

approve_deletions = build_approve_deletions_dag()
