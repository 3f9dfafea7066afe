"""The Airflow DAG ``purge_document``: remove a document for ever, once a person has seen what goes."""

from __future__ import annotations

from wellread_airflow.dag_builders import build_purge_document_dag

purge_document = build_purge_document_dag()
