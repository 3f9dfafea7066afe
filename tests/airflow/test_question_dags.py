"""The question DAGs on a real index: a file in, the same rows with answers out; one question from the form."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from wellread.sources.declarations import declaration_for_folder
from wellread.workspace import Workspace
from wellread_airflow.operators import AnswerQuestionsOperator, RetrievePassagesOperator

if TYPE_CHECKING:
    from conftest import Deployment

pytestmark = [pytest.mark.airflow, pytest.mark.weaviate]
ROOT = Path(__file__).parents[2]
TEXT = (
    "The lighthouse keeper is called Marta Quill. She has kept the light since 1998.\n\n"
    "The lamp of the lighthouse turns once in twelve seconds.\n"
)
QUESTIONS = (
    '{"id": "keeper", "question": "Who is the lighthouse keeper?", "team": "north"}\n'
    '{"id": "empty", "question": ""}\n'
    '{"id": "enzyme", "question": "Which enzyme fixes carbon dioxide in photosynthesis?"}\n'
)


@pytest.fixture(scope="module")
def indexed(deployment: Deployment) -> Deployment:
    (deployment.documents / "lighthouse.txt").write_text(TEXT)
    with deployment.entered(), Workspace.open() as workspace:
        workspace.runner.run(declaration_for_folder(deployment.documents))
    (deployment.folder / "questions.jsonl").write_text(QUESTIONS)
    return deployment


def context_of(run_id: str = "manual__1") -> Any:
    run = SimpleNamespace(dag_id="questions", run_id=run_id, start_date=None)
    return {"dag_run": run, "ti": SimpleNamespace(map_index=-1)}


def test_a_file_of_questions_becomes_a_file_of_answers_with_quotes_from_the_documents(indexed: Deployment) -> None:
    answers = indexed.folder / "answers.jsonl"
    run = indexed.run(
        "answer_questions", {"questions": str(indexed.folder / "questions.jsonl"), "answers": str(answers)}
    )
    assert run.state == "success"
    rows = [json.loads(line) for line in answers.read_text().splitlines()]
    assert [row["id"] for row in rows] == ["keeper", "empty", "enzyme"]
    assert rows[0]["team"] == "north"
    assert rows[1]["status"] == "invalid"
    assert rows[2]["status"] == "abstained"
    for row in rows:
        for claim in row["claims"]:
            for citation in claim["citations"]:
                assert citation["quote"] in TEXT
                assert citation["document"] == "lighthouse.txt"
    result = run.results["publish_answers"]
    assert result["destinations"] == [str(answers)]
    assert result["questions"] == sum(result["statuses"].values()) == 3
    [(longest,)] = indexed.rows("SELECT max(length(value)) FROM xcom")
    assert longest < 4_096


def test_the_form_answers_one_question_and_the_run_has_it_as_its_result(indexed: Deployment) -> None:
    run = indexed.run("ask", {"question": "Who is the lighthouse keeper?"})
    assert run.state == "success"
    row = run.results["ask"]
    assert row["question"] == "Who is the lighthouse keeper?"
    assert row["status"] in {"answered", "abstained"}
    assert indexed.rows("SELECT count(*) FROM xcom WHERE dag_id = 'ask' AND dag_result") == [(1,)]


def test_the_examples_of_the_documentation_do_what_they_say(indexed: Deployment) -> None:
    data = indexed.folder / "data"
    data.mkdir()
    (data / "board.csv").write_text("question,asked by\nWho is the lighthouse keeper?,board\n")
    for path in (ROOT / "docs" / "examples").glob("*.py"):
        (indexed.dags / path.name).write_text(path.read_text().replace('"/data/', f'"{data}/'))
    run = indexed.run("board_questions")
    assert run.state == "success"
    assert (data / "answers.xlsx").stat().st_size > 1_000
    run = indexed.run("weekly_risk_report")
    assert run.state == "success"
    assert run.results["write_report"] >= 2
    run = indexed.run("board_answers")
    assert run.results["publish_answers"]["job"] == "board"
    assert (data / "board-answers.parquet").stat().st_size > 1_000
    run = indexed.run("supplier_questions")
    assert run.state == "success"
    assert run.results["ask_about_suppliers"]["questions"] == 2


def test_a_missing_file_fails_at_once_and_leaves_the_old_answers(indexed: Deployment, in_deployment: Any) -> None:
    answers = indexed.folder / "old.csv"
    answers.write_text("kept")
    operator = AnswerQuestionsOperator(
        task_id="answer", questions=str(indexed.folder / "none.csv"), answers=str(answers)
    )
    with pytest.raises(AirflowFailException, match=r"none\.csv"):
        operator.execute(context_of())
    assert answers.read_text() == "kept"


def test_a_retried_batch_goes_on_with_the_plan_of_the_attempt_that_died(
    indexed: Deployment, in_deployment: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = tmp_path / "questions.csv"
    with questions.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question"])
        writer.writerows([[f"How many seconds does the lamp take, try {number}?"] for number in range(3)])
    operator = AnswerQuestionsOperator(
        task_id="answer", questions=str(questions), answers=str(tmp_path / "answers.csv")
    )
    from wellread.answering.files import answer_files

    with monkeypatch.context() as patch:

        def die(*_: object) -> None:
            raise MemoryError("the worker died while writing")

        patch.setattr(answer_files, "write_answers", die)
        with pytest.raises(MemoryError):
            operator.execute(context_of())
    assert not (tmp_path / "answers.csv").exists()
    result = operator.execute(context_of())
    assert result["questions"] == 3
    assert (tmp_path / "answers.csv").exists()


def test_passages_are_written_for_tasks_of_ones_own(
    indexed: Deployment, in_deployment: Any, tmp_path: Path
) -> None:
    operator = RetrievePassagesOperator(
        task_id="find",
        questions=["Who keeps the light?", "How fast does the lamp turn?"],
        passages=str(tmp_path / "passages.jsonl"),
        k=3,
    )
    result = operator.execute(context_of())
    rows = [json.loads(line) for line in (tmp_path / "passages.jsonl").read_text().splitlines()]
    assert [row["question"] for row in rows] == ["Who keeps the light?", "How fast does the lamp turn?"]
    assert {row["snapshot"] for row in rows} == {result["snapshot"]}
    assert all(row["passages"][0]["document"] == "lighthouse.txt" for row in rows)
    assert result["questions"] == 2
