"""The DAG that measures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param

from wellread_airflow.dag_builders.forms import box_param
from wellread_airflow.dag_builders.shared import collection_param, new_dag, of_index, task_defaults
from wellread_airflow.operators.evaluating import EvaluateAnswersOperator
from wellread_airflow.operators.gating import ON_REGRESSION, RegressionGateOperator


def build_evaluate_index_dag(
    dag_id: str = "evaluate_index",
    *,
    schedule: Any = None,
    gold: str = "gold.jsonl",
    **connections: Any,
) -> DAG:
    """A DAG that asks golden questions and compares the measures with those published last.

    ``connections``: the connection ids of ``ModelOperator``.
    """
    with new_dag(
        dag_id,
        description="Measure retrieval and answers with golden questions",
        doc_md=_DOC,
        schedule=schedule,
        tags=("evaluation",),
        params=_params(gold),
        default_args=task_defaults() | {"execution_timeout": timedelta(hours=12)},
    ) as dag:
        evaluate = EvaluateAnswersOperator(
            task_id="evaluate",
            gold="{{ params.gold }}",
            rows="{{ params.rows }}",
            collection="{{ params.collection }}",
            answers="{{ params.answers }}",
            judged="{{ params.judged }}",
            **connections,
        )
        gate = RegressionGateOperator(
            task_id="gate",
            results=evaluate.output,
            on_regression="{{ params.on_regression }}",
            publish="{{ params.publish }}",
            collection="{{ params.collection }}",
            **of_index(connections),
        )
        dag.add_result(gate.output)
    return dag


def _params(gold: str) -> dict[str, Param]:
    return {
        "gold": _gold_param(gold),
        "collection": collection_param(),
        "answers": box_param(
            "Measure answers", "Else retrieval alone, which asks no language model.", default=True
        ),
        "judged": box_param("Judge", "A language model scores every answer too.", default=False),
        "on_regression": Param(
            "fail",
            type="string",
            enum=list(ON_REGRESSION),
            title="Where it is worse",
            description="Fail, skip the tasks after the gate, or only report.",
        ),
        "publish": box_param("Publish", "What passes is what the next evaluation is compared with.", default=True),
        "rows": Param(
            None,
            type=["null", "string"],
            title="Rows",
            description="Path or URI of a JSONL file to write with every question's scores. Empty: none.",
        ),
    }


def _gold_param(default: str) -> Param:
    return Param(
        default,
        type="string",
        minLength=1,
        title="Golden questions",
        description="Path or URI of a JSONL file; demo/gold.jsonl shows the format.",
    )


_DOC = """### Measure retrieval and answers

Asks golden questions under one snapshot. `evaluate` logs every measure with its interval; `gate` compares them
with the evaluation that was published last, by a paired bootstrap, and fails where one is worse. What passes is
published. The first evaluation has nothing to be compared with, and passes.

With a language model the golden questions are an ordinary question job: its budgets hold, and what was answered
before is not paid again.
"""
