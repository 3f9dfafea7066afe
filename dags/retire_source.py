"""The Airflow DAG ``retire_source``: close the documents of a source that is gone, once a person agrees."""

from __future__ import annotations

from pathlib import Path

from wellread_airflow.dag_builders import build_retire_source_dag

retire_source = build_retire_source_dag(sources=Path(__file__).parent / "sources")
