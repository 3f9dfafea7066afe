"""Shows faulty files in ``sources/`` as an Airflow import error, while the DAGs of the sound ones go on."""

from __future__ import annotations

from pathlib import Path

from wellread.sources.declarations import load_declarations

load_declarations(Path(__file__).parent / "sources")
