"""The ingest DAG on a real Weaviate: a first run, a run without changes, a run with three changes."""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DagRunTriggerException

from wellread.indexing.plans import RunHandle
from wellread.runs import BalanceSheet, SourceDeclaration
from wellread.workspace import Workspace
from wellread_airflow.demo.dag_runs import DagRunResult
from wellread_airflow.operators import (
    LoadDocumentsOperator,
    PlanChangesOperator,
    PublishRevisionOperator,
    ReportRunOperator,
)

if TYPE_CHECKING:
    from conftest import Deployment

pytestmark = [pytest.mark.airflow, pytest.mark.weaviate]

TEXTS = {
    "bees.txt": "The hives stand behind the lime trees. In May the bees swarm twice. Honey is sold on Saturdays.",
    "gate.md": "# The gate\n\nThe gate is locked at nine in the evening. The key hangs in the porch.",
    "pond.md": "# The pond\n\nThe pond is two metres deep. Carp were released into it in 1987.",
    "tools.txt": "Scythes are sharpened on Mondays. The wheelbarrow belongs to the neighbours.",
}
OF_THE_INDEX = (
    "FROM asset_event JOIN asset ON asset.id = asset_event.asset_id WHERE asset.uri LIKE 'wellread://index/%'"
)
"""Airflow's database is the whole test process's: other modules announce answers, and changes before these."""


@dataclass(frozen=True)
class Told:
    run: DagRunResult
    sheet: BalanceSheet
    before: int
    """The newest asset event before the first of these runs."""
    events: int
    """Asset events since then."""

    def states(self, task_id: str) -> list[str]:
        return [task.state for task in self.run.tasks if task.task_id == task_id]


def tell(deployment: Deployment, run: DagRunResult, before: int) -> Told:
    [(events,)] = deployment.rows(f"SELECT count(*) {OF_THE_INDEX} AND asset_event.id > {before}")
    return Told(run, deployment.sheet(run), before, events)


def newest_event(deployment: Deployment) -> int:
    """0 where there is none, or no database yet."""
    with suppress(sqlite3.OperationalError):
        [(newest,)] = deployment.rows("SELECT coalesce(max(id), 0) FROM asset_event")
        return int(newest)
    return 0


@pytest.fixture(scope="module")
def first(deployment: Deployment) -> Told:
    for name, text in TEXTS.items():
        (deployment.documents / name).write_text(text)
    before = newest_event(deployment)
    return tell(deployment, deployment.run("ingest__notes"), before)


@pytest.fixture(scope="module")
def second(first: Told, deployment: Deployment) -> Told:
    return tell(deployment, deployment.run("ingest__notes"), first.before)


@pytest.fixture(scope="module")
def third(second: Told, deployment: Deployment) -> Told:
    folder = deployment.documents
    (folder / "gate.md").write_text(TEXTS["gate.md"].replace("nine", "ten"))
    (folder / "pond.md").rename(folder / "water.md")
    (folder / "tools.txt").unlink()
    return tell(deployment, deployment.run("ingest__notes"), second.before)


def test_the_first_run_publishes_every_document(first: Told) -> None:
    assert first.run.state == "success"
    assert {task.state for task in first.run.tasks} == {"success"}
    assert first.sheet.outcomes == {"committed": 4}
    assert first.run.results["report_run"]["documents"]["committed"] == 4


def test_a_change_is_announced_with_counts_and_the_address_of_its_list(
    first: Told, in_deployment: Deployment
) -> None:
    events = in_deployment.rows(
        f"SELECT asset.uri, asset_event.extra {OF_THE_INDEX} AND asset_event.id > {first.before} "
        "ORDER BY asset_event.id LIMIT 2"
    )
    assert {uri for uri, _ in events} == {"wellread://index/Documents", "wellread://index/Documents/notes"}
    for _, text in events:
        extra = json.loads(text)
        assert (extra["committed"], extra["moved"], extra["deleted"], extra["revision"]) == (4, 0, 0, 1)
        assert Path(extra["change_list"].removeprefix("file://")).is_file()
        with Workspace.open() as workspace:
            changes = json.loads(workspace.artifacts.get(extra["change_list_ref"]))
        assert {change["document"] for change in changes} == set(TEXTS)


def test_a_dag_that_waits_for_the_collection_is_started_by_a_change(first: Told, deployment: Deployment) -> None:
    assert ("consumer",) in deployment.rows("SELECT target_dag_id FROM asset_dag_run_queue")


def test_a_run_without_changes_maps_no_task_and_is_green(second: Told) -> None:
    assert second.run.state == "success"
    assert second.states("extract_documents") == ["skipped"]
    assert second.states("load_documents") == ["skipped"]
    assert second.states("publish_revision") == ["success"]
    assert second.run.mapped_count == 0
    sheet = second.sheet
    assert (sheet.parsed, sheet.embeddings_computed, sheet.index_writes) == (0, 0, 0)
    assert sheet.outcomes == {"unchanged": 4}


def test_a_run_without_changes_announces_nothing(first: Told, second: Told) -> None:
    assert second.events == first.events == 2


def test_an_edit_a_new_name_and_a_removal_cost_what_they_must(third: Told) -> None:
    assert third.run.state == "success"
    sheet = third.sheet
    assert sheet.parsed == 1
    assert 1 <= sheet.embeddings_computed <= 3
    assert sheet.outcomes == {"unchanged": 1, "committed": 1, "moved": 1, "deleted": 1}
    assert third.events == 4


def test_what_was_removed_is_not_found_and_what_was_edited_is(third: Told, in_deployment: Deployment) -> None:
    with Workspace.open() as workspace:
        result = workspace.retriever.retrieve(
            "scythes, the gate, the pond", collection="Documents", scope=workspace.scope(), k=20
        )
    assert {passage.document for passage in result.hits} == {"bees.txt", "gate.md", "water.md"}
    assert any("locked at ten" in passage.text for passage in result.hits)


def test_every_xcom_is_under_four_kibibytes(third: Told, deployment: Deployment) -> None:
    sizes = deployment.rows("SELECT task_id, key, length(value) FROM xcom")
    assert len(sizes) > 10
    assert [row for row in sizes if row[2] is not None and row[2] >= 4_096] == []


def test_a_cleared_load_of_a_published_revision_does_nothing_and_says_so(
    third: Told, in_deployment: Deployment
) -> None:
    query = "SELECT value FROM xcom WHERE task_id = 'plan_changes' AND key = 'run' ORDER BY timestamp DESC LIMIT 1"
    [(value,)] = in_deployment.rows(query)
    handle = json.loads(value)
    handle = json.loads(handle) if isinstance(handle, str) else handle
    before = held(handle)
    operator = LoadDocumentsOperator(task_id="load", run=handle, batch=0)
    with pytest.raises(AirflowSkipException, match=r"Revision 2 is published: nothing was done again\."):
        operator.execute(context_of("manual__again"))
    assert held(handle) == before


def held(handle: dict[str, Any]) -> tuple[Any, ...]:
    """What a step could have changed: the lease, and the objects of the revision."""
    import sqlalchemy as sa

    from wellread.ledger.schema import leases, objects

    with Workspace.open() as workspace, workspace.ledger.reading() as reading:
        lease = reading.execute(sa.select(leases).where(leases.c.name == RunHandle.from_dict(handle).lease_name))
        return (*lease.all(), reading.execute(sa.select(sa.func.count()).select_from(objects)).scalar_one())


# -- what a run must not hide, by the operators alone ---------------------------------------------------------


class Pushed(dict[str, Any]):
    """The task instance of a context, as far as operators see it."""

    map_index = -1

    def xcom_push(self, key: str, value: Any) -> None:
        self[key] = value


class Events(dict[Any, Any]):
    def __missing__(self, key: Any) -> Any:
        return SimpleNamespace(add=lambda asset, extra: self.setdefault(asset.uri, extra))


def context_of(run_id: str, dag_id: str = "ingest__other") -> Any:
    run = SimpleNamespace(dag_id=dag_id, run_id=run_id, start_date=datetime.now(UTC))
    return {"dag_run": run, "ti": Pushed(), "outlet_events": Events()}


@pytest.fixture
def other(in_deployment: Deployment, tmp_path: Path) -> SourceDeclaration:
    """A source of three documents in a collection of its own."""
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text(f"Document {number} speaks of the harvest of 200{number}.")
    return SourceDeclaration(id="other", kind="folder", location=str(tmp_path), collection=f"T{tmp_path.name[-9:]}")


def planned(declaration: SourceDeclaration, context: Any) -> dict[str, Any]:
    PlanChangesOperator(task_id="plan", declaration=declaration).execute(context)
    handle: dict[str, Any] = context["ti"]["run"]
    return handle


def test_documents_whose_batch_failed_make_the_verdict_red(other: SourceDeclaration) -> None:
    context = context_of("manual__1")
    handle = planned(other, context)
    publish = PublishRevisionOperator(task_id="publish", source_id="other", collection=other.collection, run=handle)
    assert publish.execute(context)["state"] == "settled"
    assert context["outlet_events"] == {}
    with pytest.raises(AirflowFailException, match="3 failed transient"):
        ReportRunOperator(task_id="report", run=handle).execute(context)
    ReportRunOperator(task_id="report", run=handle, limits={"failed_transient": 3}).execute(context)


def test_a_wave_that_leaves_documents_starts_the_next_run(
    other: SourceDeclaration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WELLREAD_INDEXING__FIRST_WAVE_DOCUMENTS", "2")
    context = context_of("manual__1__wave_7")
    handle = planned(other, context)
    assert handle["pending"] == 1
    with Workspace.open() as workspace:
        run = RunHandle.from_dict(handle)
        for batch in range(run.batch_count):
            workspace.runner.extract(run, batch)
            workspace.runner.load(run, batch)
        workspace.runner.publish(run)
    with pytest.raises(DagRunTriggerException) as caught:
        ReportRunOperator(task_id="report", run=handle).execute(context)
    assert (caught.value.trigger_dag_id, caught.value.dag_run_id) == ("ingest__other", "manual__1__wave_8")
    assert context["ti"]["return_value"]["documents"]["committed"] == 2


def test_a_source_that_is_not_there_fails_the_plan_at_once_and_the_report_says_where_to_look(
    other: SourceDeclaration, tmp_path: Path
) -> None:
    from dataclasses import replace

    context = context_of("manual__1")
    operator = PlanChangesOperator(task_id="plan", declaration=replace(other, location=str(tmp_path / "gone")))
    with pytest.raises(AirflowFailException, match="gone"):
        operator.execute(context)
    assert context["ti"]["run"] == {}
    with pytest.raises(AirflowSkipException):
        PublishRevisionOperator(task_id="publish", source_id="other", run=None).execute(context)
    with pytest.raises(AirflowFailException, match="planning task"):
        ReportRunOperator(task_id="report", run=None).execute(context)
