"""The start of another DAG run from a task: the worker sends it, the scheduler runs it.

Airflow's own operator for this imports its database models; the exception that it raises does not.
"""

from __future__ import annotations

from airflow.sdk.exceptions import DagRunTriggerException


def run_start(dag_id: str, run_id: str, note: str) -> DagRunTriggerException:
    """To be raised; a run of this id that exists already is not started again, and the task is skipped."""
    return DagRunTriggerException(
        trigger_dag_id=dag_id,
        dag_run_id=run_id,
        conf=None,
        reset_dag_run=False,
        skip_when_already_exists=True,
        wait_for_completion=False,
        allowed_states=[],
        failed_states=[],
        poke_interval=60,
        deferrable=False,
        note=note,
    )
