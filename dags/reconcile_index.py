"""The Airflow DAG ``reconcile_index``: compare the index with the ledger, weekly and on demand, and repair it."""

from __future__ import annotations

from wellread_airflow.dag_builders import build_reconcile_index_dag

reconcile_index = build_reconcile_index_dag()
