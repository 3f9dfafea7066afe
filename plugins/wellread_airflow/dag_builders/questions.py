"""The DAGs that answer questions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, TriggerRule, XComArg

from wellread_airflow.dag_builders.forms import answers_param, job_params, question_param, questions_param
from wellread_airflow.dag_builders.shared import collection_param, new_dag, of_index, task_defaults
from wellread_airflow.operators.answering import AskQuestionOperator
from wellread_airflow.operators.confirming import ConfirmPriceOperator
from wellread_airflow.operators.prompting import PlanPromptsOperator, RunPromptsOperator
from wellread_airflow.operators.publishing import PublishAnswersOperator
from wellread_airflow.operators.reviewing import ReviewAnswersOperator


def build_answer_questions_dag(
    dag_id: str = "answer_questions",
    *,
    schedule: Any = None,
    questions: str = "questions.jsonl",
    answers: str = "answers.jsonl",
    job_name: str | None = None,
    reviewed: bool = False,
    **connections: Any,
) -> DAG:
    """A DAG that answers a file of questions: plan, ask for consent, execute, review, publish.

    ``questions``, ``answers``, ``job_name`` and ``reviewed`` are defaults of its form. With a schedule, such as
    ``collection_asset(...)``, only questions whose packed evidence changed are paid again, and the result says how
    the answers differ from those before. ``connections``: the connection ids of ``ModelOperator``.
    """
    with new_dag(
        dag_id,
        description="Answer a file of questions with checked quotes",
        doc_md=_ANSWER_DOC,
        schedule=schedule,
        max_active_runs=4 if schedule is None else 1,
        dagrun_timeout=timedelta(days=14),
        tags=("questions",),
        params={
            "questions": questions_param(questions),
            "answers": answers_param(answers),
            "collection": collection_param(),
            **job_params(job_name, review=reviewed),
        },
        default_args=task_defaults(),
    ) as dag:
        publish = _tasks(connections)
        dag.add_result(publish.output)
    return dag


_DESTINATIONS = "{{ params.answers }}\n{{ params.also or '' }}"


def _tasks(connections: Mapping[str, Any]) -> PublishAnswersOperator:
    """The chain; its last task."""
    plan = _plan(connections)
    run = _run(plan, connections)
    review = ReviewAnswersOperator(
        task_id="review_answers", answers=XComArg(run, key="answers"), enabled="{{ params.review }}"
    )
    publish = PublishAnswersOperator(
        task_id="publish_answers",
        answers=XComArg(review, key="answers"),
        destinations=_DESTINATIONS,
        job_name="{{ params.job or params.answers }}",
        trigger_rule=TriggerRule.NONE_FAILED,
        **of_index(connections),
    )
    plan >> ConfirmPriceOperator(task_id="confirm_price", plan=plan.output) >> run >> review >> publish
    return publish


def _plan(connections: Mapping[str, Any]) -> PlanPromptsOperator:
    return PlanPromptsOperator(
        task_id="plan_prompts",
        questions="{{ params.questions }}",
        collection="{{ params.collection }}",
        mode="{{ params.mode }}",
        deadline_at="{{ params.deadline_at }}",
        prompt="{{ params.prompt }}",
        filter="{{ params.filter }}",
        confirm_above_usd="{{ params.confirm_above_usd }}",
        destinations=_DESTINATIONS,
        **connections,
    )


def _run(plan: PlanPromptsOperator, connections: Mapping[str, Any]) -> RunPromptsOperator:
    return RunPromptsOperator(
        task_id="run_prompts",
        plan=plan.output,
        budget_usd="{{ params.budget_usd }}",
        on_budget="{{ params.on_budget }}",
        trigger_rule=TriggerRule.NONE_FAILED,
        execution_timeout=timedelta(hours=12),
        **connections,
    )


def build_ask_dag(
    dag_id: str = "ask",
    **connections: Any,
) -> DAG:
    """A DAG that answers the question of its form; the answer is the run's result."""
    with new_dag(
        dag_id,
        description="Answer one question with checked quotes",
        doc_md=_ASK_DOC,
        schedule=None,
        max_active_runs=4,
        dagrun_timeout=timedelta(hours=1),
        tags=("questions",),
        params={"question": question_param(), "collection": collection_param()},
        default_args=task_defaults() | {"execution_timeout": timedelta(minutes=15)},
    ) as dag:
        ask = AskQuestionOperator(
            task_id="ask",
            question="{{ params.question }}",
            collection="{{ params.collection }}",
            **connections,
        )
        dag.add_result(ask.output)
    return dag


_ANSWER_DOC = """### Answer a file of questions

Every question of the file becomes one row of the answers: answered with quotes that were checked against the
documents, or abstained with the reason.

* `plan_prompts` retrieves under one snapshot, freezes what will be asked, and says what it will cost. It asks no
  language model
* `confirm_price` waits for a person (Required Actions) where that is above the limit; else it is skipped. A
  rejection skips the rest
* `run_prompts` asks, within the budget. A retry pays nothing twice; a provider's batch needs no worker meanwhile
* `review_answers` shows flagged answers to a person, where the form asks for it
* `publish_answers` puts the rows into files, buckets, tables and webhooks. The run's result holds the counts, and
  how the answers differ from those published before

Over the REST API: `POST /api/v2/dags/answer_questions/dagRuns` with `conf` = `questions`, `answers`, ...
"""

_ASK_DOC = """### Ask one question

The answer with its quotes, documents and pages is in the task's log; a short form of it is the result of the run,
so `POST /api/v2/dags/ask/dagRuns` followed by `GET .../dagRuns/{run_id}/wait` gives the answer to a program.
For many questions use `answer_questions`.
"""
