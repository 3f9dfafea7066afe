"""What Airflow shows of Wellread among its providers."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """The entry point ``apache_airflow_provider``. Connections are of Airflow's own types: none is added."""
    return {
        "package-name": "wellread-airflow",
        "name": "Wellread",
        "description": "Keeps a Weaviate index in step with documents and answers questions with checked quotes.",
    }
