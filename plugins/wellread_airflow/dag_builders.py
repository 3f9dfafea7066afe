"""Whole DAGs from values. DAG files call these and hold nothing but schedules and names."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, TriggerRule, XComArg

from wellread.errors import SettingsError
from wellread.runs import SourceDeclaration
from wellread.sources.declarations import declaration_paths, load_declaration
from wellread_airflow.failures import FailurePolicy
from wellread_airflow.operators.answering import AnswerQuestionsOperator, AskQuestionOperator
from wellread_airflow.operators.ingesting import (
    RUN_KEY,
    AssessQualityOperator,
    ExtractDocumentsOperator,
    LoadDocumentsOperator,
    PlanChangesOperator,
    PublishRevisionOperator,
)
from wellread_airflow.operators.reporting import ReportRunOperator

# The beginning of time for schedules. Fixed, because a DAG file must mean the same in every parse.
FIRST_DAY = datetime(2026, 1, 1)  # noqa: DTZ001  Airflow reads a naive date in its own default zone
TAGS = ("wellread",)
_SOME = TriggerRule.ALL_DONE_MIN_ONE_SUCCESS
"""A batch that failed must not keep the others from being judged and loaded."""


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
) -> DAG:
    """The DAG ``ingest__<source>``: plan, extract, assess, load, publish, report.

    ``batches_at_once`` bounds the mapped tasks of one run, pools those of all sources. Name only pools that
    exist: Airflow never starts a task whose pool is missing.
    """
    connections: dict[str, Any] = {"weaviate_conn_id": weaviate_conn_id, "model_conn_id": model_conn_id}
    with _new_dag(
        f"ingest__{declaration.id}",
        description=declaration.description or f"Keep {declaration.collection} in step with {declaration.id}",
        doc_md=_ingest_doc(declaration),
        schedule=declaration.schedule,
        tags=("ingest", declaration.collection),
        default_args=task_defaults(declaration.owner),
    ) as dag:
        plan = PlanChangesOperator(task_id="plan_changes", declaration=declaration, **connections)
        common = {"run": XComArg(plan, key=RUN_KEY), "collection": declaration.collection, **connections}
        batches = common | {
            "max_active_tis_per_dagrun": batches_at_once,
            "execution_timeout": timedelta(hours=4),
            "map_index_template": "batch {{ task.batch }}",
        }
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


def _publish(declaration: SourceDeclaration, **options: Any) -> PublishRevisionOperator:
    return PublishRevisionOperator(
        task_id="publish_revision", source_id=declaration.id, trigger_rule=TriggerRule.ALL_DONE, **options
    )


def _new_dag(dag_id: str, *, schedule: Any, tags: tuple[str, ...], **options: Any) -> DAG:
    """A DAG with what all of them have in common, unless ``options`` say otherwise."""
    facts: dict[str, Any] = {
        "start_date": FIRST_DAY,
        "catchup": False,
        "max_active_runs": 1,
        "dagrun_timeout": timedelta(hours=24),
    }
    return DAG(dag_id=dag_id, schedule=schedule, tags=[*TAGS, *tags], **(facts | options))


def _ingest_doc(declaration: SourceDeclaration) -> str:
    return f"""### Ingest `{declaration.id}`

{declaration.description}

Brings the collection **{declaration.collection}** in step with `{declaration.location}`: new and changed documents
are parsed, chunked, checked, embedded and published as one revision; renamed ones keep their vectors; removed ones
leave the index. Nothing changed means no mapped task and no write.

* `plan_changes` compares and freezes the plan (one wave of at most 2,000 documents)
* `extract_documents` and `load_documents` are mapped over batches; a retry goes on where the last attempt stopped
* `assess_quality` stops a run that looks wrong before anything is paid
* `publish_revision` always runs: what failed keeps its last good version. It announces the assets on change
* `report_run` logs the balance sheet, sweeps, starts the next wave, and fails if documents failed transiently

A cleared task of a published revision does nothing and says so. Owner: {declaration.owner}.
"""


def build_answer_questions_dag(
    dag_id: str = "answer_questions",
    *,
    schedule: Any = None,
    weaviate_conn_id: str | None = None,
    model_conn_id: str | None = None,
) -> DAG:
    """A DAG that answers a file of questions; its form asks for the files and the collection."""
    with _new_dag(
        dag_id,
        description="Answer a file of questions with checked quotes",
        doc_md=_ANSWER_DOC,
        schedule=schedule,
        max_active_runs=4,
        tags=("questions",),
        params={
            "questions": _questions_param(),
            "answers": _answers_param(),
            "collection": _collection_param(),
        },
        default_args=task_defaults() | {"execution_timeout": timedelta(hours=12)},
    ) as dag:
        answer = AnswerQuestionsOperator(
            task_id="answer_questions",
            questions="{{ params.questions }}",
            answers="{{ params.answers }}",
            collection="{{ params.collection }}",
            weaviate_conn_id=weaviate_conn_id,
            model_conn_id=model_conn_id,
        )
        dag.add_result(answer.output)
    return dag


def build_ask_dag(
    dag_id: str = "ask", *, weaviate_conn_id: str | None = None, model_conn_id: str | None = None
) -> DAG:
    """A DAG that answers the question in its form."""
    with _new_dag(
        dag_id,
        description="Answer one question with checked quotes",
        doc_md=_ASK_DOC,
        schedule=None,
        max_active_runs=4,
        dagrun_timeout=timedelta(hours=1),
        tags=("questions",),
        params={"question": _question_param(), "collection": _collection_param()},
        default_args=task_defaults() | {"execution_timeout": timedelta(minutes=15)},
    ) as dag:
        ask = AskQuestionOperator(
            task_id="ask",
            question="{{ params.question }}",
            collection="{{ params.collection }}",
            weaviate_conn_id=weaviate_conn_id,
            model_conn_id=model_conn_id,
        )
        dag.add_result(ask.output)
    return dag


def _questions_param() -> Param:
    return Param(
        "questions.jsonl",
        type="string",
        minLength=1,
        title="Questions",
        description="Path or URI of a JSONL, CSV, TSV or XLSX file with a column `question`. A column `id` is "
        "used; other columns are handed through to the answers.",
    )


def _answers_param() -> Param:
    return Param(
        "answers.jsonl",
        type="string",
        pattern=r"\.(jsonl|ndjson|csv|tsv|xlsx)$",
        title="Answers",
        description="Path or URI of the file to write. Its ending says the format; its folder must exist.",
    )


def _question_param() -> Param:
    return Param(
        "What is this collection about?",
        type="string",
        minLength=1,
        maxLength=10_000,
        format="multiline",
        title="Question",
        description="One question in plain words.",
    )


def _collection_param() -> Param:
    return Param(
        "Documents",
        type="string",
        pattern=r"^[A-Z][A-Za-z0-9_]{0,200}$",
        title="Collection",
        description="The collection to search, as the source declarations name it.",
    )


_ANSWER_DOC = """### Answer a file of questions

Every question of the file becomes one row of the answers: answered with quotes that were checked against the
documents, or abstained with the reason. The plan (snapshot, passages, requests) is frozen first, so a retry asks
and pays nothing twice. The task's result holds the counts by status; the answers are in the file.

Over the REST API: `POST /api/v2/dags/answer_questions/dagRuns` with `conf` = `questions`, `answers`, `collection`.
"""

_ASK_DOC = """### Ask one question

The answer with its quotes, documents and pages is in the task's log; a short form of it is the result of the run,
so `POST /api/v2/dags/ask/dagRuns` followed by `GET .../dagRuns/{run_id}/wait` gives the answer to a program.
For many questions use `answer_questions`.
"""
