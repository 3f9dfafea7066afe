"""Answers in buckets and tables: whole, replaced, refused before anything is paid. Real S3, Postgres and SQLite."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from wellread.answering.checking.answer_reading import read_cited_answers
from wellread.answering.destinations.files import S3Object
from wellread.answering.destinations.protocol import Publication
from wellread.answering.destinations.sql_tables import SqlTable
from wellread.errors import (
    AuthenticationError,
    SettingsError,
    SourceUnavailableError,
    TransientError,
    WellreadError,
)
from wellread.questions import AnswerRow, Citation, Claim, Question, Usage
from wellread.retries import RetrySettings
from wellread.testing.s3_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from wellread.workspace import Workspace
from wellread.workspace.publishing import publish_answers, read_questions_at

RETRY = RetrySettings(attempts_count=4, first_wait_seconds=0.01)


def row(name: str = "a", *, answer: str = "Twelve.", **columns: str) -> AnswerRow:
    citation = Citation("rules.md", "d", "v", "k", answer, 3, 10, 23, "exact")
    return AnswerRow(
        id=name,
        question="How many?",
        status="answered",
        abstain_reason=None,
        answer=answer,
        claims=(Claim(answer, (citation,)),),
        passages=(),
        model="tester",
        usage=Usage(10, 5, 2),
        cost_usd=0.25,
        snapshot="3",
        request_key="r",
        columns=columns,
        flags=("repaired",),
    )


def publication(*rows: AnswerRow, job_name: str = "board") -> Publication:
    return Publication(rows, job_name, "job-1")


@pytest.fixture(params=["sqlite", "postgres"])
def table_address(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """The address of a table of that name, in a database without it."""
    if request.param == "sqlite":
        return lambda name: f"sqlite:///{tmp_path / 'answers.db'}#{name}"
    url = request.getfixturevalue("postgres_url")
    part = uuid.uuid4().hex[:8]
    return lambda name: f"{url}?table={name}_{part}"


def stored(address: str, order: str = "position") -> list[dict[str, Any]]:
    table = SqlTable.of(address, retry=RETRY)
    engine = sa.create_engine(table.url)
    with engine.connect() as connection:
        found = connection.execute(sa.text(f'select * from "{table.name}" order by {order}')).mappings().all()
    engine.dispose()
    return [dict(one) for one in found]


def as_json(value: Any) -> Any:
    """SQLite gives JSON columns as texts."""
    return json.loads(value) if isinstance(value, str) else value


def test_a_table_is_made_with_the_questions_columns_and_typed_facts(table_address: Any) -> None:
    address = table_address("answers")
    table = SqlTable.of(address, retry=RETRY)
    table.check(["team", "status"])
    table.publish(publication(row(team="one", status="theirs"), row("b", team="two")))
    first, second = stored(address)
    assert (first["job_name"], first["job_id"], first["position"], first["id"]) == ("board", "job-1", 0, "a")
    assert (first["team"], first["status"], first["wellread_status"]) == ("one", "theirs", "answered")
    assert (second["team"], second["status"]) == ("two", None)
    assert (first["input_tokens"], first["cost_usd"]) == (10, 0.25)
    assert as_json(first["claims"])[0]["citations"][0]["document"] == "rules.md"
    assert as_json(first["flags"]) == ["repaired"]


def test_publishing_again_replaces_the_job_and_leaves_the_others(table_address: Any) -> None:
    address = table_address("answers")
    table = SqlTable.of(address, retry=RETRY)
    table.publish(publication(row(), row("b"), row("gone")))
    table.publish(publication(row(answer="Of another job."), job_name="other"))
    for _ in range(2):
        table.check([])
        table.publish(publication(row(answer="Thirteen."), row("b")))
    found = [(one["job_name"], one["id"], one["answer"]) for one in stored(address, "job_name, position")]
    assert found == [("board", "a", "Thirteen."), ("board", "b", "Twelve."), ("other", "a", "Of another job.")]


def test_a_table_with_other_columns_is_refused_before_and_while_publishing(table_address: Any) -> None:
    address = table_address("answers")
    table = SqlTable.of(address, retry=RETRY)
    table.publish(publication(row(team="one")))
    for attempt in (
        lambda: table.check(["region"]),
        lambda: table.publish(publication(row(region="north"))),
    ):
        with pytest.raises(SettingsError, match="without region and with team") as caught:
            attempt()
        assert "another table" in caught.value.remedy
    assert [one["team"] for one in stored(address)] == ["one"]


def test_nothing_of_a_publication_that_fails_is_in_the_table(table_address: Any) -> None:
    address = table_address("answers")
    table = SqlTable.of(address, retry=RetrySettings(attempts_count=1))
    table.publish(publication(row()))
    with pytest.raises(TransientError):
        table.publish(publication(row("b"), row("c"), row("b")))
    assert [one["id"] for one in stored(address)] == ["a"]


def test_several_publications_at_once_end_as_one_of_them(table_address: Any) -> None:
    address = table_address("answers")
    patient = RetrySettings(attempts_count=50, first_wait_seconds=0.01, longest_wait_seconds=0.1)
    faults: list[BaseException] = []

    def publish(answer: str) -> None:
        try:
            SqlTable.of(address, retry=patient).publish(
                publication(*(row(f"{n}", answer=answer) for n in range(50)))
            )
        except WellreadError as error:
            faults.append(error)

    threads = [threading.Thread(target=publish, args=(f"answer {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    found = stored(address)
    assert (len(found), len({one["answer"] for one in found})) == (50, 1)


def test_texts_that_databases_refuse_are_kept_as_far_as_they_go(table_address: Any) -> None:
    address = table_address("answers")
    SqlTable.of(address, retry=RETRY).publish(publication(row(answer="NUL \x00, lone \ud800", team="\x00")))
    (found,) = stored(address)
    assert (found["answer"], found["team"]) == ("NUL \ufffd, lone \ufffd", "\ufffd")


def test_columns_that_a_table_cannot_have_are_named(table_address: Any) -> None:
    table = SqlTable.of(table_address("answers"), retry=RETRY)
    with pytest.raises(SettingsError, match="case only: 'Team', 'team'"):
        table.check(["Team", "team"])
    with pytest.raises(SettingsError, match="longer than 63 bytes"):
        table.check(["ä" * 40])


def test_a_wrong_password_is_told_at_once_and_not_shown(postgres_url: str) -> None:
    url = sa.make_url(postgres_url).set(password="wrong-password-of-mine")
    table = SqlTable.of(f"{url.render_as_string(hide_password=False)}?table=answers", retry=RETRY)
    with pytest.raises(AuthenticationError) as caught:
        table.check([])
    assert "wrong-password-of-mine" not in f"{caught.value} {table.label}"
    nowhere = url.set(database="nowhere", password=sa.make_url(postgres_url).password)
    with pytest.raises(SettingsError, match="nowhere"):
        SqlTable.of(f"{nowhere.render_as_string(hide_password=False)}#answers", retry=RETRY).check([])


def test_the_short_scheme_and_a_schema_serve_too(postgres_url: str) -> None:
    name = f"s{uuid.uuid4().hex[:8]}"
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"create schema {name}"))
    table = SqlTable.of(postgres_url.replace("postgresql+psycopg", "postgres") + f"#{name}.answers", retry=RETRY)
    table.publish(publication(row()))
    table.check([])
    with engine.connect() as connection:
        assert connection.execute(sa.text(f"select count(*) from {name}.answers")).scalar_one() == 1
    engine.dispose()


@pytest.fixture
def workspace(tmp_path: Path, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
    with Workspace.open({"home": tmp_path / "home", "s3_endpoint_url": s3_endpoint}) as workspace:
        yield workspace


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "xlsx", "parquet"])
def test_an_object_is_put_whole_in_every_format(
    suffix: str, workspace: Workspace, s3_client: Any, bucket: str, tmp_path: Path
) -> None:
    label = publish_answers(workspace, [row()], f"s3://{bucket}/folder/a.{suffix}", job_name="board")
    assert label == f"s3://{bucket}/folder/a.{suffix}"
    (tmp_path / f"a.{suffix}").write_bytes(
        s3_client.get_object(Bucket=bucket, Key=f"folder/a.{suffix}")["Body"].read()
    )
    (read,) = read_cited_answers(tmp_path / f"a.{suffix}")
    assert read.citations[0].quote == "Twelve."


def test_questions_are_read_from_a_bucket(workspace: Workspace, s3_client: Any, bucket: str) -> None:
    s3_client.put_object(Bucket=bucket, Key="q.csv", Body=b"id,question\na,One?\n")
    assert read_questions_at(workspace, f"s3://{bucket}/q.csv") == [Question("a", "One?", {})]
    with pytest.raises(SourceUnavailableError, match="NoSuchKey"):
        read_questions_at(workspace, f"s3://{bucket}/missing.csv")


def test_a_bucket_that_is_not_there_and_addresses_without_object_are_refused(
    workspace: Workspace, bucket: str
) -> None:
    with pytest.raises(SourceUnavailableError, match="NoSuchBucket"):
        publish_answers(workspace, [row()], "s3://nowhere-at-all/a.csv", job_name="board")
    for address in (f"s3://{bucket}", f"s3://{bucket}/", "s3:///a.csv", f"s3://{bucket}/a.pdf"):
        name = address.removeprefix("s3://")
        with pytest.raises(SettingsError):
            S3Object(*name.partition("/")[::2], client=lambda: None, retry=RETRY).check([])
