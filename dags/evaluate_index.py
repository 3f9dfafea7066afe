"""The Airflow DAG ``evaluate_index``: golden questions, measures, and a gate."""

from __future__ import annotations

from wellread_airflow.dag_builders import build_evaluate_index_dag

evaluate_index = build_evaluate_index_dag()
