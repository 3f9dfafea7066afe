"""One Airflow DAG for each YAML file in ``sources/``: ``ingest__<source>``."""

from __future__ import annotations

from pathlib import Path

from wellread_airflow.dag_builders import build_ingest_dag, sound_sources

for _declaration in sound_sources(Path(__file__).parent / "sources"):
    _dag = build_ingest_dag(_declaration)
    globals()[_dag.dag_id] = _dag
