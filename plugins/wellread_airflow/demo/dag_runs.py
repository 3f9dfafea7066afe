"""DAGs of a folder, run by Airflow in this process with its own database: no scheduler, the same tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellread.errors import SystemicError


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What became of one task."""

    task_id: str
    map_index: int
    state: str
    seconds: float


@dataclass(frozen=True, slots=True)
class DagRunResult:
    """What became of one DAG run."""

    dag_id: str
    run_id: str
    state: str
    tasks: tuple[TaskResult, ...]
    results: Mapping[str, Any]
    """The return value of each task that is not mapped."""

    @property
    def mapped_count(self) -> int:
        """How many mapped tasks ran."""
        return sum(task.map_index >= 0 for task in self.tasks)


class DagFolder:
    """The DAGs of a folder. Airflow's settings must be in the environment before it is opened."""

    def __init__(self, folder: Path) -> None:
        """Bring Airflow's database to its version and read the DAG files.

        Raises:
            SystemicError: A DAG file cannot be imported.
        """
        from airflow.dag_processing.dagbag import BundleDagBag
        from airflow.utils.db import initdb

        initdb()
        self._bag = BundleDagBag(dag_folder=str(folder), bundle_path=folder, bundle_name="dags-folder")
        if self._bag.import_errors:
            raise SystemicError(
                f"read the DAGs of {folder}", found=str(self._bag.import_errors), remedy="Mend the files it names."
            )

    def run(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> DagRunResult:
        """One run of a DAG to its end, whatever that is."""
        run = self._bag.dags[dag_id].test(run_conf=dict(conf or {}))
        tasks = sorted(run.get_task_instances(), key=lambda item: (item.start_date is None, item.start_date))
        return DagRunResult(
            dag_id=dag_id,
            run_id=run.run_id,
            state=str(run.state),
            tasks=tuple(
                TaskResult(item.task_id, item.map_index, str(item.state), item.duration or 0.0) for item in tasks
            ),
            results={item.task_id: item.xcom_pull(item.task_id) for item in tasks if item.map_index < 0},
        )
