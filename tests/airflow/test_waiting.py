"""What waits without a worker: batches, budgets, an index that is not fresh yet. Triggers run for real."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk._shared.module_loading import import_string
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from paid import KEY, Paid, context_of, prepared

from wellread.sources.declarations import declaration_for_folder
from wellread.testing.provider_server import provider_process
from wellread.workspace import Workspace
from wellread_airflow.operators import AnswerQuestionsOperator, PlanPromptsOperator, RunPromptsOperator
from wellread_airflow.sensors import IndexFreshSensor

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


def event_of(deferred: TaskDeferred) -> Any:
    """The trigger's first event, after a restart of the triggerer: from its serialised form, and nothing else."""
    path, arguments = deferred.trigger.serialize()
    assert KEY not in json.dumps(arguments)
    assert len(json.dumps(arguments)) < 2_000
    again = import_string(path)(**json.loads(json.dumps(arguments)))

    async def first() -> Any:
        async for event in again.run():
            return event.payload
        return None

    return asyncio.run(first())


def planned(paid: Paid, **options: Any) -> dict[str, Any]:
    operator = PlanPromptsOperator(task_id="plan", questions=str(paid.questions), **options)
    planned: dict[str, Any] = operator.execute(context_of())
    return json.loads(json.dumps(planned))


def test_a_batch_is_waited_for_by_a_trigger_and_the_task_resumes(paid: Paid) -> None:
    paid.server.behave(batch_seconds=None)  # it ends when it is told to
    with paid.entered(seed=11):
        operator = RunPromptsOperator(task_id="run", plan=planned(paid, mode="batch"))
        with pytest.raises(TaskDeferred) as caught:
            operator.execute(context_of())
        threading.Timer(0.5, paid.server.finish_batches).start()
        event = event_of(caught.value)
        result = getattr(operator, caught.value.method_name)(context_of(), event=event)
    assert result["statuses"] == {"answered": 10}
    assert {row.batch_times for row in paid.server.meter().billed.values()} == {1}


def test_a_task_that_is_cleared_while_its_batch_runs_takes_the_same_batch_up_again(paid: Paid) -> None:
    paid.server.behave(batch_seconds=None)
    with paid.entered(seed=12):
        for _ in range(2):
            operator = RunPromptsOperator(task_id="run", plan=planned(paid, mode="batch"))
            with pytest.raises(TaskDeferred):
                operator.execute(context_of())
        paid.server.finish_batches()
        result = RunPromptsOperator(task_id="run", plan=planned(paid, mode="batch")).execute(context_of())
    assert result["statuses"] == {"answered": 10}
    assert paid.server.meter().repeated == {}


def test_without_deferral_the_worker_waits(paid: Paid, tmp_path: Path) -> None:
    paid.server.behave(batch_seconds=0.5)
    with paid.entered(seed=13):
        operator = AnswerQuestionsOperator(
            task_id="answer",
            questions=str(paid.questions),
            answers=str(tmp_path / "answers.csv"),
            mode="batch",
            deferrable=False,
        )
        assert operator.execute(context_of())["statuses"] == {"answered": 10}


def test_the_budget_of_another_day_is_waited_for_by_a_trigger(paid: Paid) -> None:
    with paid.entered(seed=14, WELLREAD_ANSWERING__BUDGET__DAY_USD="0.000001"):
        operator = RunPromptsOperator(task_id="run", plan=planned(paid), on_budget="defer")
        with pytest.raises(TaskDeferred) as caught:
            operator.execute(context_of())
    _, arguments = caught.value.trigger.serialize()
    at = datetime.fromisoformat(arguments["at"])
    assert at > datetime.now(UTC)
    assert (at - timedelta(minutes=1)).date() == datetime.now(UTC).date()
    with paid.entered(seed=14):
        caught.value.trigger.at = datetime.now(UTC).isoformat()
        result = operator.resume(context_of(), event=event_of(caught.value))
    assert result["statuses"] == {"answered": 10}


def test_a_budget_of_the_task_wins_over_the_settings_and_ends_the_rows(paid: Paid) -> None:
    with paid.entered(seed=15):
        operator = RunPromptsOperator(task_id="run", plan=planned(paid), budget_usd="0.000001")
        assert operator.execute(context_of())["statuses"] == {"budget": 10}
    assert paid.server.meter().billed_count == 0


def test_a_task_that_is_killed_keeps_what_is_paid_and_the_next_attempt_pays_the_rest(paid: Paid) -> None:
    paid.server.behave(latency_seconds=0.4)
    with paid.entered(seed=16):
        plan = planned(paid)
        operator = RunPromptsOperator(task_id="run", plan=plan)
        before = signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
        threading.Thread(target=end_when_asked, args=(paid,), daemon=True).start()
        try:
            with pytest.raises(SystemExit):
                operator.execute(context_of())
        finally:
            signal.signal(signal.SIGTERM, before)
        first = paid.server.meter().billed_count
        result = RunPromptsOperator(task_id="run", plan=plan).execute(context_of())
    assert 0 < first < 10
    assert result["resumed"] + result["reused"] >= 0
    assert result["statuses"] == {"answered": 10}
    assert paid.server.meter().repeated == {}


def end_when_asked(paid: Paid) -> None:
    """What a supervisor does to a task that is marked failed."""
    while paid.server.meter().billed_count < 3:
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_sensor_in_a_worker_knows_what_the_index_has_reached(paid: Paid) -> None:
    with paid.entered():
        assert IndexFreshSensor(task_id="s", least_revision=1).poke(context_of()) is True
        assert IndexFreshSensor(task_id="s", least_revision="999").poke(context_of()) is False
        since = "2026-01-01T00:00:00Z"
        assert IndexFreshSensor(task_id="s", published_since=since, fresh_since=since).poke(context_of()) is True
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        assert IndexFreshSensor(task_id="s", published_since=tomorrow).poke(context_of()) is False
        assert IndexFreshSensor(task_id="s", fresh_since=tomorrow).poke(context_of()) is False
        assert IndexFreshSensor(task_id="s", collection="Nothing", least_revision=1).poke(context_of()) is False
        with pytest.raises(AirflowFailException, match="nothing says"):
            IndexFreshSensor(task_id="s").poke(context_of())


def test_a_sensor_defers_until_a_revision_is_published(paid: Paid, deployment: Deployment) -> None:
    with paid.entered():
        with Workspace.open() as workspace, workspace.ledger.reading() as reading:
            from wellread.ledger import revisions

            revision = revisions.current_snapshot(reading, "Documents").next_revision
        sensor = IndexFreshSensor(task_id="s", least_revision=revision, poke_interval=0.2)
        with pytest.raises(TaskDeferred) as caught:
            sensor.execute(context_of())
        (deployment.documents / "new.txt").write_text("The eleventh lighthouse has no keeper at all.\n")
        ingest = threading.Timer(0.5, ingest_all, args=(deployment.documents,))
        ingest.start()
        event = event_of(caught.value)
        ingest.join()
        assert sensor.resume(context_of(), event=event) is None


def ingest_all(folder: Path) -> None:
    with Workspace.open() as workspace:
        workspace.runner.run(declaration_for_folder(folder))
