"""The ingest tasks and money: an estimate before, no retry after."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from wellread.runs import SourceDeclaration
from wellread.testing.embedding_server import EmbeddingServer
from wellread_airflow.operators import (
    AssessQualityOperator,
    ExtractDocumentsOperator,
    LoadDocumentsOperator,
    PlanChangesOperator,
    PublishRevisionOperator,
    ReportRunOperator,
)

if TYPE_CHECKING:
    from conftest import Deployment

pytestmark = [pytest.mark.airflow, pytest.mark.weaviate]


class Pushed(dict[str, Any]):
    """What a task instance keeps of its XComs."""

    def xcom_push(self, key: str, value: Any) -> None:
        self[key] = value


def context_of() -> Any:
    run = SimpleNamespace(dag_id="ingest__budgeted", run_id="manual__1", start_date=None)
    return {"dag_run": run, "ti": Pushed(), "outlet_events": {}}


@pytest.fixture
def priced(
    in_deployment: Deployment, metered: EmbeddingServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> SourceDeclaration:
    """A source whose embeddings cost money."""
    for name, value in {
        "PROVIDER": "openai",
        "PRICE_USD_PER_MILLION": "1000",
        "OPENAI__BASE_URL": metered.openai_url,
        "OPENAI__API_KEY": "any",
        "OPENAI__DIMENSIONS": "64",
    }.items():
        monkeypatch.setenv(f"WELLREAD_EMBEDDER__{name}", value)
    for number in range(8):
        text = " ".join(f"Sentence {word} of document {number} is about the harvest." for word in range(20))
        (tmp_path / f"{number}.txt").write_text(text)
    name = f"B{abs(hash(tmp_path.name)) % 10**9}"
    return SourceDeclaration(id="budgeted", kind="folder", location=str(tmp_path), collection=name)


def test_the_plan_tells_the_price_and_the_budget_fails_the_task_for_good(
    priced: SourceDeclaration, metered: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WELLREAD_INDEXING__BUDGET__DAY_USD", "1.5")
    context = context_of()
    batches = PlanChangesOperator(task_id="plan", declaration=priced).execute(context)
    estimate = context["ti"]["estimate"]
    assert estimate["documents"] == 8
    assert estimate["high_usd"] > 1.5
    assert len(json.dumps(estimate)) < 2_000
    run = context["ti"]["run"]
    for batch in batches:
        ExtractDocumentsOperator(task_id="extract", run=run, batch=batch).execute(context)
    AssessQualityOperator(task_id="assess", run=run).execute(context)
    assert metered.meter().requests_count == 0
    with pytest.raises(AirflowFailException, match="embed-day"):
        for batch in batches:
            LoadDocumentsOperator(task_id="load", run=run, batch=batch).execute(context)
    assert 0 < metered.meter().input_tokens / 1_000 <= 1.5
    publish = PublishRevisionOperator(
        task_id="publish", source_id="budgeted", collection=priced.collection, run=run
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(context, "outlet_events", {publish.alias: SimpleNamespace(add=lambda *_, **__: None)})
        published = publish.execute(context)
    assert published["committed"] > 0
    with pytest.raises(AirflowFailException, match="wait for money"):
        ReportRunOperator(task_id="report", run=run).execute(context)


def test_a_budget_without_a_price_fails_the_plan(
    priced: SourceDeclaration, metered: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WELLREAD_EMBEDDER__PRICE_USD_PER_MILLION")
    monkeypatch.setenv("WELLREAD_INDEXING__BUDGET__RUN_USD", "4")
    with pytest.raises(AirflowFailException, match="price"):
        PlanChangesOperator(task_id="plan", declaration=priced).execute(context_of())
    assert metered.meter().requests_count == 0
