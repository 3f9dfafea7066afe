"""The Airflow DAG ``redrive_quarantine``: try documents in quarantine again, and tell what came of it."""

from __future__ import annotations

from pathlib import Path

from wellread_airflow.dag_builders import build_redrive_quarantine_dag

redrive_quarantine = build_redrive_quarantine_dag(sources=Path(__file__).parent / "sources")
