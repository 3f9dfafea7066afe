"""What Airflow shows of Wellread among its providers."""

from __future__ import annotations

from typing import Any

_NAME = "Wellread"
_OPERATORS = (
    *("answering", "approving", "checking", "confirming", "consenting", "evaluating", "gating", "ingesting"),
    *("migrating", "prompting", "publishing", "purging", "reconciling", "redriving", "reporting", "retiring"),
    *("retrieving", "reviewing", "undoing", "watching"),
)


def get_provider_info() -> dict[str, Any]:
    """The entry point ``apache_airflow_provider``. Connections are of Airflow's own types: none is added."""
    return {
        "package-name": "wellread-airflow",
        "name": _NAME,
        "description": "Keeps a Weaviate index in step with documents and answers questions with checked quotes.",
        "integrations": [{"integration-name": _NAME, "tags": ["ai"]}],
        "operators": [_modules("operators", *_OPERATORS)],
        "sensors": [_modules("sensors", "index_fresh")],
        "triggers": [_modules("triggers", "batches", "index_fresh", "sources_free")],
        "task-decorators": [
            {"name": "wellread_answer", "class-name": "wellread_airflow.decorators.wellread_answer_task"},
            {"name": "wellread_retrieve", "class-name": "wellread_airflow.decorators.wellread_retrieve_task"},
        ],
    }


def _modules(room: str, *names: str) -> dict[str, Any]:
    return {"integration-name": _NAME, "python-modules": [f"wellread_airflow.{room}.{name}" for name in names]}
