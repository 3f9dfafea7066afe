"""The DAG that tries quarantined documents again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from airflow.sdk import DAG, Param, TriggerRule, XComArg

from wellread.parsing.causes import Cause
from wellread_airflow.dag_builders.forms import box_param
from wellread_airflow.dag_builders.upkeep import COLLECTION, new_upkeep_dag, upkept_collection
from wellread_airflow.dag_builders.upkeep_docs import REDRIVE_DOC
from wellread_airflow.operators.redriving import (
    MARKED_KEY,
    MarkQuarantinedOperator,
    ReportRedriveOperator,
    RunSourceOperator,
)

_STAGES = ("fetch", "parse", "quality", "embed", "load")


def build_redrive_quarantine_dag(
    dag_id: str = "redrive_quarantine", *, sources: Path | None = None, sources_at_once: int = 2, **options: Any
) -> DAG:
    """A DAG that marks quarantined documents, runs their sources, and tells what came of each document.

    ``sources``: the folder of the declarations; the deployment's setting without it. ``options``: those of
    ``UpkeepOperator``.
    """
    with new_upkeep_dag(
        dag_id,
        description="Try documents in quarantine again",
        doc_md=REDRIVE_DOC,
        params=_params(),
    ) as dag:
        common = {"collection": COLLECTION, **options}
        mark = MarkQuarantinedOperator(
            task_id="mark_documents",
            **{name: f"{{{{ params.{name} or '' }}}}" for name in ("source", "documents", "stage", "cause")},
            **common,
        )
        run = RunSourceOperator.partial(
            task_id="run_source",
            enabled="{{ params.run }}",
            sources_folder=sources,
            max_active_tis_per_dagrun=sources_at_once,
            map_index_template="{{ task.source }}",
            **common,
        ).expand(source=mark.output)
        report = ReportRedriveOperator(
            task_id="report_documents",
            marked=XComArg(mark, key=MARKED_KEY),
            was_run="{{ params.run }}",
            trigger_rule=TriggerRule.ALL_DONE,
            **common,
        )
        run >> report
        dag.add_result(report.output)
    return dag


def _params() -> dict[str, Any]:
    return {
        "collection": upkept_collection(),
        "source": _any_param("Source", "Only of this source, by its id."),
        "documents": _any_param(
            "Documents", "Only these, one a line, as `wellread quarantine` names them.", format="multiline"
        ),
        "stage": _any_param("Stage", "Only what failed at this stage.", examples=list(_STAGES)),
        "cause": _any_param("Cause", "Only what failed for this cause.", examples=list(get_args(Cause))),
        "run": box_param(
            "Run at once", "Run the documents' sources. Otherwise their next runs try them.", default=True
        ),
    }


def _any_param(title: str, description: str, **more: Any) -> Param:
    return Param(
        None,
        type=["null", "string"],
        maxLength=20_000,
        title=title,
        description=f"{description} Empty: all.",
        **more,
    )
