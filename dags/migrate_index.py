"""The Airflow DAG ``migrate_index``: move a collection to another embedding model, and back."""

from __future__ import annotations

from wellread_airflow.dag_builders import build_migrate_index_dag

migrate_index = build_migrate_index_dag()
