"""The Airflow DAG ``ask``: a question in its form, an answer with checked quotes in its log and result."""

from __future__ import annotations

from wellread_airflow.dag_builders import build_ask_dag

ask = build_ask_dag()
