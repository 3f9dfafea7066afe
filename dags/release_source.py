"""The Airflow DAG ``release_source``: let the runs of a held source go on."""

from __future__ import annotations

from wellread_airflow.dag_builders import build_release_source_dag

release_source = build_release_source_dag()
