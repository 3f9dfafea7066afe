"""Golden questions as tasks: measured, compared with the published evaluation, held back where they got worse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, DownstreamTasksSkipped
from paid import KEEPERS, KEY, Paid, context_of, prepared, rows_of, states_of

from wellread.testing.provider_server import provider_process
from wellread_airflow.operators import EvaluateAnswersOperator, EvaluateRetrievalOperator, RegressionGateOperator

if TYPE_CHECKING:
    from conftest import Deployment

pytestmark = [pytest.mark.airflow, pytest.mark.weaviate]


@pytest.fixture(scope="module")
def metered_model(deployment: Deployment) -> Iterator[Paid]:
    with provider_process(api_key=KEY) as server:
        yield prepared(deployment, server)


@pytest.fixture
def paid(metered_model: Paid, home_of_its_own: None) -> Paid:
    metered_model.server.reset()
    return metered_model


def gold(folder: Path, name: str, *, right: bool = True) -> Path:
    """Ten golden questions; the wrong ones ask for documents that are not relevant."""
    rows = []
    for number, keeper in enumerate(KEEPERS, 1):
        asked = number if right else number % len(KEEPERS) + 1
        passage = f"The keeper of lighthouse number {number} is called {keeper}."
        rows.append(
            {
                "id": f"g{number}",
                "question": f"Who is the keeper of lighthouse number {asked}?",
                "relevant": [{"document": f"lighthouse-{number}.txt", "passage": passage}],
                "answers": [keeper],
                "answerable": True,
            }
        )
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def evaluated(path: Path, **options: Any) -> dict[str, Any]:
    operator = EvaluateRetrievalOperator(task_id="evaluate", gold=str(path), **options)
    result: dict[str, Any] = operator.execute(context_of())
    assert len(json.dumps(result)) < 4_096
    return result


def gated(results: Any, **options: Any) -> Any:
    return RegressionGateOperator(task_id="gate", results=results, **options).execute(context_of())


def test_retrieval_is_measured_without_asking_a_model(paid: Paid, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    with paid.entered(seed=31):
        result = evaluated(gold(tmp_path, "gold.jsonl"), rows=str(rows))
    assert result["questions"] == 10
    assert result["measures"]["hit@1"][3] == 10
    assert result["measures"]["hit@10"][0] == 1.0
    assert len(rows_of(rows)) == 10
    assert paid.server.meter().billed_count == 0


def test_answers_are_measured_as_one_job_that_pays_once(paid: Paid, tmp_path: Path) -> None:
    operator = EvaluateAnswersOperator(task_id="evaluate", gold=str(gold(tmp_path, "gold.jsonl")))
    with paid.entered(seed=32):
        first = operator.execute(context_of())
        operator.execute(context_of())
    assert first["measures"]["gold_in_answer"][0] == 1.0
    assert paid.server.meter().billed_count == 10


@pytest.mark.parametrize("on_regression", ["fail", "skip", "report"])
def test_a_regression_fails_or_skips_or_is_only_reported(paid: Paid, tmp_path: Path, on_regression: str) -> None:
    name = f"lighthouses {on_regression}"
    with paid.entered(seed=33, WELLREAD_EVALUATION__GATE__MEASURES='["hit@1"]'):
        path = gold(tmp_path, "gold.jsonl")
        first = gated(evaluated(path, gold_name=name))
        assert (first["passed"], first["measures"]) == (True, {})
        again = gated(evaluated(path, gold_name=name))
        assert again["passed"] is True
    worse = {"WELLREAD_RETRIEVAL__LEAST_COSINE_RATIO": "0.99"}  # nothing is found any more
    with paid.entered(seed=33, WELLREAD_EVALUATION__GATE__MEASURES='["hit@1"]', **worse):
        results = evaluated(path, gold_name=name)
        if on_regression == "report":
            assert gated(results, on_regression="report")["passed"] is False
            return
        refused = AirflowFailException if on_regression == "fail" else DownstreamTasksSkipped
        with pytest.raises(refused):
            gated(results, on_regression=on_regression)


def test_the_dag_measures_and_gates_and_its_run_has_the_verdict(paid: Paid, tmp_path: Path) -> None:
    conf = {"gold": str(gold(tmp_path, "lighthouses.jsonl")), "rows": str(tmp_path / "rows.jsonl"), "judged": False}
    run = paid.run(conf, seed=34, dag_id="evaluate_index")
    assert states_of(run) == {"evaluate": "success", "gate": "success"}
    assert run.results["gate"]["passed"] is True
    assert run.results["gate"]["gold_name"] == "lighthouses"
