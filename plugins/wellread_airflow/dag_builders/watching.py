"""The DAG that watches a folder."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param

from wellread_airflow.dag_builders.shared import collection_param, new_dag, of_index, task_defaults
from wellread_airflow.operators.watching import AnswerQuestionFileOperator, ClaimQuestionFilesOperator


def build_watch_questions_dag(
    dag_id: str = "watch_questions",
    *,
    schedule: Any = "*/5 * * * *",
    folder: str | None = None,
    files_at_once: int = 2,
    **connections: Any,
) -> DAG:
    """A DAG that answers each file of questions that is dropped into a folder.

    ``folder``: the form's default; ``questions`` in ``WELLREAD_HOME`` without it. ``connections``: the connection
    ids of ``ModelOperator``.
    """
    with new_dag(
        dag_id,
        description="Answer files of questions that are dropped into a folder",
        doc_md=_DOC,
        schedule=schedule,
        tags=("questions",),
        params={"folder": _folder_param(folder), "collection": collection_param()},
        default_args=task_defaults() | {"execution_timeout": timedelta(hours=12)},
    ) as dag:
        claim = ClaimQuestionFilesOperator(
            task_id="claim_files", folder="{{ params.folder }}", **of_index(connections)
        )
        AnswerQuestionFileOperator.partial(
            task_id="answer_file",
            folder="{{ params.folder }}",
            collection="{{ params.collection }}",
            max_active_tis_per_dagrun=files_at_once,
            map_index_template="{{ task.name }}",
            **connections,
        ).expand(name=claim.output)
    return dag


def _folder_param(default: str | None) -> Param:
    return Param(
        default,
        type=["null", "string"],
        title="Folder",
        description="The drop folder, on a disk that all workers see. Empty: `questions` in WELLREAD_HOME.",
    )


_DOC = """### Answer files that are dropped into a folder

Put a JSONL, CSV, TSV, XLSX or Parquet file with a column `question` into `in/`. Each file is claimed by one run,
answered into `out/` under the same name with a stamp, and moved to `done/`; one that cannot be answered goes to
`failed/`, with an error file beside it that says why.

A file whose run died, or that waits for a provider's batch, is taken up by the next run with its frozen plan: what
was answered is not paid again. Files that were changed in the last two seconds wait for the next run; to be sure,
copy under a name that ends in `.part` and rename.
"""
