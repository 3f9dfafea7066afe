"""The DAGs of an operator: the index made true, made again, a run put back, deletions approved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, XComArg

from wellread_airflow.dag_builders.forms import box_param, needed_param
from wellread_airflow.dag_builders.shared import collection_param, new_dag, task_defaults
from wellread_airflow.dag_builders.upkeep_docs import (
    APPROVE_DOC,
    REBUILD_DOC,
    RECONCILE_DOC,
    RELEASE_DOC,
    UNDO_DOC,
    VACUUM_DOC,
)
from wellread_airflow.operators.approving import ApproveHoldsOperator, ListHoldsOperator, StartIngestionOperator
from wellread_airflow.operators.consenting import ConfirmListOperator
from wellread_airflow.operators.reconciling import RebuildIndexOperator, ReconcileIndexOperator, VacuumIndexOperator
from wellread_airflow.operators.undoing import PlanUndoOperator, ReleaseSourceOperator, UndoRunOperator

_LONG = timedelta(hours=12)
A_PERSON_MAY_BE_AWAY = timedelta(days=14)
COLLECTION = "{{ params.collection }}"


def build_reconcile_index_dag(
    dag_id: str = "reconcile_index", *, schedule: Any = "0 3 * * 0", **options: Any
) -> DAG:
    """A DAG that compares an index with the ledger, repairs it, and sweeps. Paused until somebody wants it.

    ``options``: those of ``UpkeepOperator``, as for every DAG of this module.
    """
    repair = box_param("Repair", "Restore what the ledger says. Otherwise a difference only fails.", default=True)
    with new_upkeep_dag(
        dag_id,
        description="Compare the index with the ledger and repair it",
        doc_md=RECONCILE_DOC,
        schedule=schedule,
        is_paused_upon_creation=True,
        params={"collection": upkept_collection(), "repair": repair},
    ) as dag:
        common = {"collection": COLLECTION, **options}
        reconcile = ReconcileIndexOperator(task_id="reconcile_index", repair="{{ params.repair }}", **common)
        reconcile >> VacuumIndexOperator(task_id="vacuum_index", **common)
        dag.add_result(reconcile.output)
    return dag


def build_vacuum_index_dag(dag_id: str = "vacuum_index", *, schedule: Any = "30 2 * * *", **options: Any) -> DAG:
    """A DAG that deletes what no reader can see any more. Paused until somebody wants it."""
    with new_upkeep_dag(
        dag_id,
        description="Delete what no reader can see any more",
        doc_md=VACUUM_DOC,
        schedule=schedule,
        is_paused_upon_creation=True,
        params={"collection": upkept_collection()},
    ) as dag:
        vacuum = VacuumIndexOperator(task_id="vacuum_index", collection=COLLECTION, **options)
        dag.add_result(vacuum.output)
    return dag


def build_rebuild_index_dag(dag_id: str = "rebuild_index", **options: Any) -> DAG:
    """A DAG that makes a lost or damaged index again."""
    with new_upkeep_dag(
        dag_id,
        description="Make a lost or damaged index again",
        doc_md=REBUILD_DOC,
        params={"collection": upkept_collection()},
    ) as dag:
        rebuild = RebuildIndexOperator(task_id="rebuild_index", collection=COLLECTION, **options)
        dag.add_result(rebuild.output)
    return dag


def build_undo_run_dag(dag_id: str = "undo_run", **options: Any) -> DAG:
    """A DAG that lists what an undo would do, asks a person, does it, and may release the source."""
    with new_upkeep_dag(
        dag_id,
        description="Put back what a run changed",
        doc_md=UNDO_DOC,
        dagrun_timeout=A_PERSON_MAY_BE_AWAY,
        params={
            "run_id": needed_param("Run", "The run's id as `wellread status` shows it, or its revision's number."),
            "collection": upkept_collection(),
            "release": box_param("Release", "Let the source's runs go on at once. It is mended.", default=False),
        },
    ) as dag:
        common = {"collection": COLLECTION, **options}
        plan = PlanUndoOperator(task_id="plan_undo", run_id="{{ params.run_id }}", **common)
        confirm = ConfirmListOperator(
            task_id="confirm_undo", subject="Undo the run {{ params.run_id }}?", listed=plan.output
        )
        undo = UndoRunOperator(task_id="undo_run", listed=plan.output, **common)
        release = ReleaseSourceOperator(
            task_id="release_source", source=XComArg(undo, key="source"), enabled="{{ params.release }}", **common
        )
        confirm >> undo >> release
        dag.add_result(undo.output)
    return dag


def build_release_source_dag(dag_id: str = "release_source", **options: Any) -> DAG:
    """A DAG that lets the runs of a held source go on."""
    with new_upkeep_dag(
        dag_id,
        description="Let the runs of a held source go on",
        doc_md=RELEASE_DOC,
        params={"source": _source(), "collection": upkept_collection()},
    ):
        release = ReleaseSourceOperator(
            task_id="release_source", source="{{ params.source }}", collection=COLLECTION, **options
        )
    return release.dag


def build_approve_deletions_dag(dag_id: str = "approve_deletions", **options: Any) -> DAG:
    """A DAG that shows the held deletions of a source to a person and applies them."""
    apply = box_param("Apply at once", "Start `ingest__<source>`. Else its next run applies them.", default=True)
    with new_upkeep_dag(
        dag_id,
        description="Show held deletions, and apply them",
        doc_md=APPROVE_DOC,
        dagrun_timeout=A_PERSON_MAY_BE_AWAY,
        params={"source": _source(), "collection": upkept_collection(), "apply": apply},
    ) as dag:
        _approval(options)
    return dag


def _approval(options: Mapping[str, Any]) -> None:
    common = {"collection": COLLECTION, **options}
    held = ListHoldsOperator(task_id="list_holds", source="{{ params.source }}", **common)
    confirm = ConfirmListOperator(
        task_id="confirm_deletions", subject="Delete these documents of {{ params.source }}?", listed=held.output
    )
    approve = ApproveHoldsOperator(
        task_id="approve_holds", listed=held.output, by=XComArg(confirm, key="by"), **common
    )
    approve >> StartIngestionOperator(
        task_id="start_ingestion", source="{{ params.source }}", enabled="{{ params.apply }}"
    )


def new_upkeep_dag(dag_id: str, *, schedule: Any = None, **rest: Any) -> DAG:
    """A DAG of upkeep: one run at a time, time for a large index."""
    facts: dict[str, Any] = {
        "tags": ("upkeep",),
        "dagrun_timeout": timedelta(days=2),
        "default_args": task_defaults() | {"execution_timeout": _LONG},
    }
    return new_dag(dag_id, schedule=schedule, **(facts | rest))


def upkept_collection() -> Param:
    """The form's field of which collection."""
    return collection_param("The collection, as the source declarations name it.")


def _source() -> Param:
    return needed_param("Source", "The id of the source, as its declaration names it.")
