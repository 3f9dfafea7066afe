"""What all DAGs have in common."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Param

from wellread_airflow.failures import FailurePolicy

# The beginning of time for schedules. Fixed, because a DAG file must mean the same in every parse.
FIRST_DAY = datetime(2026, 1, 1)  # noqa: DTZ001  Airflow reads a naive date in its own default zone
TAGS = ("wellread",)
_TO_SEARCH = "The collection to search, as the source declarations name it."


def task_defaults(owner: str = "wellread") -> dict[str, Any]:
    """Retries for every task: three, from half a minute up to ten, unless the error says otherwise."""
    return {
        "owner": owner,
        "retries": 3,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=10),
        "retry_policy": FailurePolicy(),
        "execution_timeout": timedelta(hours=1),
    }


def new_dag(dag_id: str, *, schedule: Any, tags: tuple[str, ...], **options: Any) -> DAG:
    """A DAG with what all of them have in common, unless ``options`` say otherwise."""
    facts: dict[str, Any] = {
        "start_date": FIRST_DAY,
        "catchup": False,
        "max_active_runs": 1,
        "dagrun_timeout": timedelta(hours=24),
    }
    return DAG(dag_id=dag_id, schedule=schedule, tags=[*TAGS, *tags], **(facts | options))


def of_index(connections: Mapping[str, Any]) -> dict[str, Any]:
    """The connections of a step that asks no model."""
    return {name: connections[name] for name in ("weaviate_conn_id", "model_conn_id") if name in connections}


def collection_param(description: str = _TO_SEARCH) -> Param:
    """Which collection."""
    return Param(
        "Documents",
        type="string",
        pattern=r"^[A-Z][A-Za-z0-9_]{0,200}$",
        title="Collection",
        description=description,
    )
