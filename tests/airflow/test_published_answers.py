"""Where answers go, what changed since last time, and whether old ones are still true."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from airflow.sdk.exceptions import AirflowFailException
from paid import KEY, Paid, context_of, prepared, rows_of

from wellread.errors import SettingsError
from wellread.sources.declarations import declaration_for_folder
from wellread.testing.provider_server import provider_process
from wellread.workspace import Workspace
from wellread.workspace.publishing import publish_answers
from wellread_airflow.destinations import opened_destination
from wellread_airflow.operators import CheckAnswersOperator

if TYPE_CHECKING:
    from conftest import Deployment

pytestmark = [pytest.mark.airflow, pytest.mark.weaviate]
ON_CHANGE = """
from wellread_airflow.assets import answers_asset, collection_asset
from wellread_airflow.dag_builders import build_answer_questions_dag
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

board = build_answer_questions_dag("board", schedule=collection_asset("Documents"), job_name="board")
with DAG("reader", schedule=answers_asset("board")):
    EmptyOperator(task_id="read_it")
"""
ONE_PASSAGE = {"WELLREAD_ANSWERING__PASSAGE_COUNT": "1"}
"""So that the evidence of each question is its own document."""


@pytest.fixture(scope="module")
def metered_model(deployment: Deployment) -> Iterator[Paid]:
    with provider_process(api_key=KEY) as server:
        yield prepared(deployment, server)


@pytest.fixture
def paid(metered_model: Paid, home_of_its_own: None) -> Paid:
    metered_model.server.reset()
    return metered_model


@contextmanager
def receiver() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A webhook's other end: its port, and the pages with their headers."""
    pages: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            pages.append({"path": self.path, "headers": dict(self.headers), **json.loads(body)})
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port, pages
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_job_that_runs_on_change_pays_for_what_changed_and_tells_it(
    paid: Paid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (paid.deployment.dags / "board.py").write_text(ON_CHANGE)
    answers, table = tmp_path / "answers.jsonl", tmp_path / "warehouse.db"
    with receiver() as (port, pages):
        hook = {"conn_type": "http", "host": "127.0.0.1", "port": port, "schema": "http", "password": "hook-s3cret"}
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(table)}))
        monkeypatch.setenv("AIRFLOW_CONN_HOOK", json.dumps(hook))
        conf = {"answers": str(answers), "also": "conn:warehouse#board_answers\nconn:hook#/board"}
        first = paid.run(conf, seed=21, dag_id="board", **ONE_PASSAGE)
        assert first.state == "success"
        assert first.results["publish_answers"]["changes"] is None
        assert paid.server.meter().billed_count == 10
        same = paid.run(conf, seed=21, dag_id="board", **ONE_PASSAGE)
        assert same.results["publish_answers"]["changes"] == {"same": 10}
        assert paid.server.meter().billed_count == 10
        edit(paid, "lighthouse-3.txt", "Osei", "Dube")
        changed = paid.run(conf, seed=21, dag_id="board", **ONE_PASSAGE)
    assert changed.results["publish_answers"]["changes"] == {"same": 9, "changed": 1}
    meter = paid.server.meter()
    assert (meter.billed_count, meter.repeated) == (11, {})
    assert "Dube" in rows_of(answers)[2]["answer"]
    with sqlite3.connect(table) as database:
        found = database.execute("SELECT id, answer FROM board_answers WHERE id = 'q3'").fetchall()
        assert database.execute("SELECT count(*) FROM board_answers").fetchall() == [(10,)]
    assert "Dube" in found[0][1]
    assert [page["path"] for page in pages] == ["/board"] * 3
    assert pages[0]["headers"]["webhook-signature"].startswith("v1,")
    assert pages[2]["job"]["diff"] == {"same": 9, "changed": 1}
    assert_only_changes_were_announced(paid)


def assert_only_changes_were_announced(paid: Paid) -> None:
    events = paid.deployment.rows(
        "SELECT asset_event.extra FROM asset_event JOIN asset ON asset.id = asset_event.asset_id "
        "WHERE asset.uri = 'wellread://answers/board' ORDER BY asset_event.id"
    )
    told = [json.loads(extra) for (extra,) in events]
    assert [one["changes"] for one in told] == [None, {"same": 9, "changed": 1}]
    assert told[1]["statuses"] == {"answered": 10}
    assert ("reader",) in paid.deployment.rows("SELECT target_dag_id FROM asset_dag_run_queue")


def edit(paid: Paid, name: str, old: str, new: str) -> None:
    path = paid.deployment.documents / name
    path.write_text(path.read_text().replace(old, new))
    with paid.entered(), Workspace.open() as workspace:
        workspace.runner.run(declaration_for_folder(paid.deployment.documents))


def test_old_answers_are_held_against_what_the_documents_say_now(paid: Paid, tmp_path: Path) -> None:
    answers, report = tmp_path / "answers.jsonl", tmp_path / "report.json"
    run = paid.run({"answers": str(answers)}, seed=22)
    with paid.entered():
        check = CheckAnswersOperator(task_id="check", answers=str(answers), report=str(report))
        before = check.execute(context_of())
        assert (before["answers"], before["doubtful"]) == (10, 0)
        assert before["verdicts"]["still_true"] == before["quotes"]
    edit(paid, "lighthouse-5.txt", "Ferro", "Silva")
    with paid.entered():
        after = check.execute(context_of())
        assert after["doubtful_ids"] == ["q5"]
        assert json.loads(report.read_text())["doubtful_answers"] == ["q5"]
        strict = CheckAnswersOperator(
            task_id="check", answers=run.results["run_prompts"]["answers"], most_doubtful="0"
        )
        with pytest.raises(AirflowFailException, match="1 answers have a quote"):
            strict.execute(context_of())


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("postgresql://me:s3cret@host/db?table=t", "may hold a key"),
        ("https://hooks.example/T0/s3cret", "may hold a key"),
        ("conn:nowhere#t", "no such connection"),
        ("conn:warehouse", "no table"),
    ],
)
def test_an_address_that_may_hold_a_key_is_refused_and_not_shown(
    address: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": "/nowhere.db"}))
    with Workspace.open() as workspace, pytest.raises(SettingsError, match=why) as caught:
        opened_destination(workspace, address)
    assert "s3cret" not in str(caught.value)


def test_a_destination_that_cannot_be_written_stops_the_job_before_anything_is_paid(
    paid: Paid, tmp_path: Path
) -> None:
    run = paid.run({"answers": str(tmp_path / "missing" / "answers.csv")}, seed=23)
    assert run.state == "failed"
    assert paid.server.meter().billed_count == 0


def test_a_postgres_connection_names_the_database_of_a_table(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sa.make_url(postgres_url)
    connection = {
        "conn_type": "postgres",
        "host": url.host or url.query.get("host"),
        "port": url.port,
        "login": url.username,
        "password": url.password or "s3cret/with:signs@",
        "schema": url.database,
    }
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    with Workspace.open() as workspace:
        destination = opened_destination(workspace, "conn:warehouse#public.answers")
        destination.check(["team"])  # it connects
        publish_answers(workspace, [], destination, job_name="board")
    assert "s3cret" not in destination.label
