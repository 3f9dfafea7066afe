"""The Airflow DAG ``vacuum_index``: delete what no reader can see any more, daily once it is unpaused."""

from __future__ import annotations

from wellread_airflow.dag_builders import build_vacuum_index_dag

vacuum_index = build_vacuum_index_dag()
