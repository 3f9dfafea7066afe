"""The question operators' options, by the operators alone and as decorators."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from paid import KEY, Paid, context_of, prepared, rows_of

from wellread.errors import StaleIndexError
from wellread.testing.provider_server import provider_process
from wellread_airflow.operators import (
    AnswerQuestionsOperator,
    AskQuestionOperator,
    PlanPromptsOperator,
    RetrievePassagesOperator,
    RunPromptsOperator,
)

if TYPE_CHECKING:
    from conftest import Deployment

pytestmark = [pytest.mark.airflow, pytest.mark.weaviate]
QUESTION = "Who is the keeper of lighthouse number 1?"
DECORATED = """
from airflow.sdk import dag, task

@dag(schedule=None)
def decorated():
    @task.wellread_answer(answers="{{ params.answers }}", mode="direct")
    def who_keeps(count):
        return [f"Who is the keeper of lighthouse number {number}?" for number in range(1, count + 1)]

    @task.wellread_retrieve(passages="{{ params.passages }}", k=2)
    def where_are(asked, params=None):
        assert params["answers"].endswith("jsonl")
        return [{"id": "where", "question": "Where are the lighthouses?", "asked": asked}]

    where_are(who_keeps(3)["questions"])

decorated = decorated()
decorated.params.update({"answers": "ANSWERS", "passages": "PASSAGES"})
"""


@pytest.fixture(scope="module")
def metered_model(deployment: Deployment) -> Iterator[Paid]:
    with provider_process(api_key=KEY) as server:
        yield prepared(deployment, server)


@pytest.fixture
def paid(metered_model: Paid, home_of_its_own: None) -> Paid:
    metered_model.server.reset()
    return metered_model


def retrieved(path: Path, **options: Any) -> dict[str, Any]:
    operator = RetrievePassagesOperator(task_id="find", questions=[QUESTION], passages=str(path), k=3, **options)
    operator.execute(context_of())
    return rows_of(path)[0]


def test_passages_are_narrowed_by_a_filter_as_a_mapping_or_as_text(paid: Paid, tmp_path: Path) -> None:
    condition = {"field": "document", "equals": "lighthouse-7.txt"}
    with paid.entered():
        for given in (condition, json.dumps(condition)):
            row = retrieved(tmp_path / "p.jsonl", filter=given)
            assert {passage["document"] for passage in row["passages"]} == {"lighthouse-7.txt"}
        with pytest.raises(AirflowFailException, match="not JSON"):
            retrieved(tmp_path / "p.jsonl", filter="year > 2020")


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
def test_passages_are_found_in_every_mode(paid: Paid, tmp_path: Path, mode: str) -> None:
    with paid.entered():
        assert retrieved(tmp_path / "p.jsonl", mode=mode)["passages"]


def test_passages_below_a_least_score_are_left_out_and_counted(paid: Paid, tmp_path: Path) -> None:
    with paid.entered():
        assert retrieved(tmp_path / "p.jsonl", mode="vector", least_score="0.999")["passages"] == []


def test_an_index_that_is_not_fresh_enough_is_tried_again_later(paid: Paid, tmp_path: Path) -> None:
    with paid.entered(), pytest.raises(StaleIndexError) as caught:
        retrieved(tmp_path / "p.jsonl", least_revision="999")
    assert caught.value.retryable
    with paid.entered():
        assert retrieved(tmp_path / "p.jsonl", least_revision="1", fresh_since="2026-01-01")["passages"]


def test_a_job_answers_only_from_documents_that_pass_its_filter(paid: Paid, tmp_path: Path) -> None:
    answers = tmp_path / "answers.jsonl"
    with paid.entered(seed=51):
        AnswerQuestionsOperator(
            task_id="answer",
            questions=[{"id": "a", "question": QUESTION, "team": "north"}],
            answers=str(answers),
            filter={"field": "document", "equals": "lighthouse-7.txt"},
        ).execute(context_of())
    [row] = rows_of(answers)
    assert {passage["document"] for passage in row["passages"]} == {"lighthouse-7.txt"}
    assert row["team"] == "north"


def test_the_operator_that_asks_nobody_refuses_a_price_above_the_limit(paid: Paid, tmp_path: Path) -> None:
    operator = AnswerQuestionsOperator(
        task_id="answer", questions=str(paid.questions), answers=str(tmp_path / "answers.csv")
    )
    limit = {"WELLREAD_ANSWERING__BUDGET__CONFIRM_ABOVE_USD": "0.000001"}
    with paid.entered(seed=52, **limit), pytest.raises(AirflowFailException, match="may be spent unasked"):
        operator.execute(context_of())
    assert paid.server.meter().billed_count == 0


def test_a_named_job_tells_how_its_answers_differ_from_the_last_ones(paid: Paid, tmp_path: Path) -> None:
    with paid.entered(seed=53):
        options = {"answers": str(tmp_path / "answers.csv"), "job_name": "nightly"}
        first = AnswerQuestionsOperator(task_id="answer", questions=[QUESTION], **options).execute(context_of())
        again = AnswerQuestionsOperator(task_id="answer", questions=[QUESTION], **options).execute(context_of())
    assert first["changes"] is None
    assert again["changes"] == {"same": 1}
    assert paid.server.meter().billed_count == 1


def test_a_fallback_connection_answers_where_the_first_model_cannot(
    paid: Paid, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = {"conn_type": "generic", "host": "http://127.0.0.1:9/v1", "extra": {"model": "dead"}}
    second = {
        "conn_type": "http",
        "schema": "http",
        "host": "127.0.0.1",
        "port": paid.server.port,
        "password": KEY,
        "extra": {"provider": "anthropic", "model": "second"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_DEAD", json.dumps(dead))
    monkeypatch.setenv("AIRFLOW_CONN_SECOND", json.dumps(second))
    with paid.entered():
        row = AskQuestionOperator(
            task_id="ask", question=QUESTION, llm_conn_id="dead", fallback_conn_ids=["second"]
        ).execute(context_of())
    assert (row["status"], row["model"]) == ("answered", "second")


@pytest.mark.parametrize("plan", [None, "job-plans/x", {"plan": "job-plans/x"}])
def test_what_is_no_planned_job_is_refused(paid: Paid, plan: Any) -> None:
    with paid.entered(), pytest.raises(AirflowFailException, match="its whole output"):
        RunPromptsOperator(task_id="run", plan=plan).execute(context_of())


@pytest.mark.parametrize(
    ("option", "value"), [("mode", "quickly"), ("deadline_at", "soon"), ("confirm_above_usd", "much")]
)
def test_an_option_that_makes_no_sense_is_refused_by_name(paid: Paid, option: str, value: str) -> None:
    operator = PlanPromptsOperator(task_id="plan", questions=[QUESTION], **{option: value})
    with paid.entered(), pytest.raises(AirflowFailException, match=option):
        operator.execute(context_of())


def test_functions_that_return_questions_are_tasks(paid: Paid, tmp_path: Path) -> None:
    answers, passages = tmp_path / "answers.jsonl", tmp_path / "passages.jsonl"
    text = DECORATED.replace("ANSWERS", str(answers)).replace("PASSAGES", str(passages))
    (paid.deployment.dags / "decorated.py").write_text(text)
    run = paid.run({}, seed=54, dag_id="decorated")
    assert run.state == "success"
    assert [row["status"] for row in rows_of(answers)] == ["answered"] * 3
    assert rows_of(passages)[0]["id"] == "where"
    asked_at = Path(run.results["who_keeps"]["asked"].removeprefix("file://"))
    assert asked_at.is_file()
    sizes = paid.deployment.rows("SELECT max(length(value)) FROM xcom WHERE dag_id = 'decorated'")
    assert sizes[0][0] < 4_096
