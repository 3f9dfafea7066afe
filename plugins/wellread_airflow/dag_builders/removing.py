"""The DAGs that take things out: a source that is gone, a document for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, XComArg

from wellread_airflow.dag_builders.forms import box_param, needed_param
from wellread_airflow.dag_builders.upkeep import A_PERSON_MAY_BE_AWAY, COLLECTION, new_upkeep_dag, upkept_collection
from wellread_airflow.dag_builders.upkeep_docs import PURGE_DOC, RETIRE_DOC
from wellread_airflow.operators.consenting import SHOWN_KEY, ConfirmListOperator
from wellread_airflow.operators.purging import PlanPurgeOperator, PurgeDocumentOperator
from wellread_airflow.operators.retiring import PlanRetirementOperator, RetireSourceOperator


def build_retire_source_dag(dag_id: str = "retire_source", *, sources: Path | None = None, **options: Any) -> DAG:
    """A DAG that lists the documents of a source that is no longer declared, asks a person, and closes them.

    ``sources``: the folder of the declarations; the deployment's setting without it. ``options``: those of
    ``UpkeepOperator``.
    """
    with new_upkeep_dag(
        dag_id,
        description="Close the documents of a source that is gone",
        doc_md=RETIRE_DOC,
        dagrun_timeout=A_PERSON_MAY_BE_AWAY,
        params={
            "source": needed_param("Source", "The id of the source; `wellread sources` lists those that are gone."),
            "collection": upkept_collection(),
        },
    ) as dag:
        common = {"collection": COLLECTION, "sources_folder": sources, **options}
        plan = PlanRetirementOperator(task_id="plan_retirement", source="{{ params.source }}", **common)
        confirm = ConfirmListOperator(
            task_id="confirm_retirement", subject="Retire the source {{ params.source }}?", listed=plan.output
        )
        retire = RetireSourceOperator(
            task_id="retire_source", listed=plan.output, shown=XComArg(confirm, key=SHOWN_KEY), **common
        )
        dag.add_result(retire.output)
    return dag


def build_purge_document_dag(dag_id: str = "purge_document", **options: Any) -> DAG:
    """A DAG that counts what a purge would remove, asks a person, purges, and links the receipt.

    ``options``: those of ``UpkeepOperator``.
    """
    with new_upkeep_dag(
        dag_id,
        description="Remove the text of a document for ever",
        doc_md=PURGE_DOC,
        dagrun_timeout=A_PERSON_MAY_BE_AWAY,
        params=_purge_params(),
    ) as dag:
        common = {"collection": COLLECTION, **options}
        plan = PlanPurgeOperator(
            task_id="plan_purge",
            document="{{ params.document }}",
            reason="{{ params.reason }}",
            source="{{ params.source or '' }}",
            deep="{{ params.deep }}",
            **common,
        )
        confirm = ConfirmListOperator(
            task_id="confirm_purge", subject="Remove {{ params.document }} for ever?", listed=plan.output
        )
        purge = PurgeDocumentOperator(
            task_id="purge_document",
            listed=plan.output,
            shown=XComArg(confirm, key=SHOWN_KEY),
            by=XComArg(confirm, key="by"),
            **common,
        )
        dag.add_result(purge.output)
    return dag


def _purge_params() -> dict[str, Param]:
    return {
        "document": needed_param("Document", "As its source lists it (see `wellread explain`), or its id."),
        "reason": needed_param("Reason", "Why it must go. The receipt keeps it: write no text of the document."),
        "source": Param(
            None,
            type=["null", "string"],
            title="Source",
            description="The id of its source. Empty: the one that has a document of this name.",
        ),
        "deep": box_param(
            "Deep",
            "Read every artifact, for texts that nothing links to it. Only its first purge can.",
            default=False,
        ),
        "collection": upkept_collection(),
    }
