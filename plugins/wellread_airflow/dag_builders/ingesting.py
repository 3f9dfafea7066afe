"""The DAG of one source."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, TriggerRule, XComArg

from wellread.errors import SettingsError
from wellread.runs import SourceDeclaration
from wellread.sources.declarations import declaration_paths, load_declaration
from wellread_airflow.dag_builders.forms import box_param
from wellread_airflow.dag_builders.shared import new_dag, task_defaults
from wellread_airflow.operators.ingesting import (
    RUN_KEY,
    AssessQualityOperator,
    ExtractDocumentsOperator,
    LoadDocumentsOperator,
    PlanChangesOperator,
    PublishRevisionOperator,
)
from wellread_airflow.operators.reporting import ReportRunOperator

_SOME = TriggerRule.ALL_DONE_MIN_ONE_SUCCESS
"""A batch that failed must not keep the others from being judged and loaded."""

_OF_A_BATCH = {"execution_timeout": timedelta(hours=4), "map_index_template": "batch {{ task.batch }}"}


def sound_sources(folder: Path) -> tuple[SourceDeclaration, ...]:
    """The declarations of a folder without the faulty ones: one bad file must not take every DAG away.

    ``dags/check_sources.py`` shows the faults as an import error of its own.
    """
    sound: dict[str, SourceDeclaration] = {}
    for path in declaration_paths(folder):
        with suppress(SettingsError):
            declaration = load_declaration(path)
            sound.setdefault(declaration.id, declaration)
    return tuple(sound.values())


def build_ingest_dag(
    declaration: SourceDeclaration,
    *,
    parse_pool: str = "default_pool",
    write_pool: str = "default_pool",
    batches_at_once: int = 4,
    weaviate_conn_id: str | None = None,
    model_conn_id: str | None = None,
    poll_seconds: float = 30.0,
) -> DAG:
    """The DAG ``ingest__<source>``: plan, extract, assess, load, publish, report.

    ``batches_at_once`` bounds the mapped tasks of one run, pools those of all sources. Name only pools that
    exist: Airflow never starts a task whose pool is missing. ``poll_seconds``: how often is looked whether another
    run still holds the source.
    """
    connections: dict[str, Any] = {"weaviate_conn_id": weaviate_conn_id, "model_conn_id": model_conn_id}
    with new_dag(
        f"ingest__{declaration.id}",
        description=declaration.description or f"Keep {declaration.collection} in step with {declaration.id}",
        doc_md=_ingest_doc(declaration),
        schedule=declaration.schedule,
        tags=("ingest", declaration.collection),
        params={"approve_held": _approve_param()},
        default_args=task_defaults(declaration.owner),
    ) as dag:
        plan = _plan(declaration, poll_seconds=poll_seconds, **connections)
        common = {"run": XComArg(plan, key=RUN_KEY), "collection": declaration.collection, **connections}
        batches = common | {"max_active_tis_per_dagrun": batches_at_once, **_OF_A_BATCH}
        extract = ExtractDocumentsOperator.partial(task_id="extract_documents", pool=parse_pool, **batches)
        load = LoadDocumentsOperator.partial(task_id="load_documents", pool=write_pool, **batches)
        (
            extract.expand(batch=plan.output)
            >> AssessQualityOperator(task_id="assess_quality", trigger_rule=_SOME, **common)
            >> load.expand(batch=plan.output)
            >> _publish(declaration, pool=write_pool, **common)
            >> ReportRunOperator(task_id="report_run", trigger_rule=TriggerRule.ALL_DONE, **common)
        )
    return dag


def _plan(declaration: SourceDeclaration, **options: Any) -> PlanChangesOperator:
    return PlanChangesOperator(
        task_id="plan_changes", declaration=declaration, approve_held="{{ params.approve_held }}", **options
    )


def _publish(declaration: SourceDeclaration, **options: Any) -> PublishRevisionOperator:
    return PublishRevisionOperator(
        task_id="publish_revision", source_id=declaration.id, trigger_rule=TriggerRule.ALL_DONE, **options
    )


def _approve_param() -> Param:
    return box_param(
        "Approve held deletions",
        "Deletions of this source that wait for a person are approved, and this run applies those that are still "
        "gone. `wellread status` counts them, the DAG `approve_deletions` shows them.",
        default=False,
    )


def _ingest_doc(declaration: SourceDeclaration) -> str:
    return f"""### Ingest `{declaration.id}`

{declaration.description}

Brings the collection **{declaration.collection}** in step with `{declaration.location}`: new and changed documents
are parsed, chunked, checked, embedded and published as one revision; renamed ones keep their vectors; removed ones
leave the index. Nothing changed means no mapped task and no write.

* `plan_changes` compares and freezes the plan (one wave of at most 2,000 documents). While another run holds the
  source, it waits without a worker and says who does
* `extract_documents` and `load_documents` are mapped over batches; a retry goes on where the last attempt stopped
* `assess_quality` stops a run that looks wrong before anything is paid
* `publish_revision` always runs: what failed keeps its last good version. It announces the assets on change
* `report_run` logs the balance sheet, sweeps, starts the next wave, and fails if documents failed transiently

A cleared task of a published revision does nothing and says so. Owner: {declaration.owner}.
"""
