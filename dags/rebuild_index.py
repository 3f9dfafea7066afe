"""The Airflow DAG ``rebuild_index``: make a lost or damaged index again."""

from __future__ import annotations

from wellread_airflow.dag_builders import build_rebuild_index_dag

rebuild_index = build_rebuild_index_dag()
