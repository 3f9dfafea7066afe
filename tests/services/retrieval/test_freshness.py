"""An index that lacks what must be there is not read: floors of time and of revision, on a real deployment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from wellread.errors import SettingsError, StaleIndexError
from wellread.ledger.columns import epoch_now
from wellread.retrieval.results import RetrievalResult
from wellread.retrieval.retriever import Retriever
from wellread.snapshots import Snapshot
from wellread.sources.declarations import declaration_for_folder
from wellread.workspace import Workspace

pytestmark = pytest.mark.weaviate


@pytest.fixture
def workspace(deployment: dict[str, Any]) -> Iterator[Workspace]:
    with Workspace.open(deployment) as opened:
        yield opened


@pytest.fixture
def retriever(workspace: Workspace) -> Retriever:
    return workspace.retriever


def ingest(workspace: Workspace, folder: Path, text: str | None = None) -> Any:
    folder.mkdir(exist_ok=True)
    if text is not None:
        (folder / "note.txt").write_text(text, "utf-8")
    return workspace.runner.run(declaration_for_folder(folder, collection=workspace.settings.collection))


def now(workspace: Workspace) -> datetime:
    """By the ledger's clock, which the floor is judged by."""
    return datetime.fromtimestamp(workspace.ledger.now(), tz=UTC)


def ask(workspace: Workspace, retriever: Retriever, **options: Any) -> RetrievalResult:
    scope = replace(workspace.scope(), source_ids=options.pop("source_ids", ()))
    return retriever.retrieve("red cranes", collection=workspace.settings.collection, scope=scope, **options)


def test_an_index_is_as_fresh_as_its_last_complete_run_even_without_a_change(
    workspace: Workspace, retriever: Retriever, tmp_path: Path
) -> None:
    before = now(workspace)
    ingest(workspace, tmp_path / "papers", "The harbour has red cranes.")
    assert ask(workspace, retriever, fresh_since=before).passages
    after = now(workspace)
    with pytest.raises(StaleIndexError, match="true as of") as refused:
        ask(workspace, retriever, fresh_since=after)
    assert refused.value.retryable
    assert not ingest(workspace, tmp_path / "papers").published
    assert ask(workspace, retriever, fresh_since=after).passages


def test_what_a_run_published_is_read_at_once_where_freshness_is_asked_for(
    workspace: Workspace, retriever: Retriever, tmp_path: Path
) -> None:
    ingest(workspace, tmp_path / "papers", "The harbour has red cranes.")
    ask(workspace, retriever)
    moment = now(workspace)
    sheet = ingest(workspace, tmp_path / "papers", "The harbour has blue cranes.")
    for options in ({"fresh_since": moment}, {"least_revision": sheet.revision}):
        assert "blue" in ask(workspace, retriever, **options).passages[0].text


def test_each_source_of_the_scope_counts(workspace: Workspace, retriever: Retriever, tmp_path: Path) -> None:
    ingest(workspace, tmp_path / "old", "The harbour has red cranes.")
    moment = now(workspace)
    ingest(workspace, tmp_path / "new", "The quay has red cranes.")
    with pytest.raises(StaleIndexError):
        ask(workspace, retriever, fresh_since=moment)
    assert ask(workspace, retriever, fresh_since=moment, source_ids=("new",)).passages
    with pytest.raises(StaleIndexError, match="no complete run"):
        ask(workspace, retriever, fresh_since=moment, source_ids=("new", "never"))


def test_a_run_that_left_documents_to_the_next_is_not_complete(
    workspace: Workspace, retriever: Retriever, tmp_path: Path
) -> None:
    moment = now(workspace)
    ingest(workspace, tmp_path / "papers", "The harbour has red cranes.")
    import sqlalchemy as sa

    from wellread.ledger.schema import runs

    with workspace.ledger.transaction() as tx:
        report = tx.execute(sa.select(runs.c.report)).scalar_one()
        report["sheet"]["documents"]["pending"] = 1
        tx.execute(sa.update(runs).values(report=report, started_at=epoch_now()))
    with pytest.raises(StaleIndexError, match="no complete run"):
        ask(workspace, retriever, fresh_since=moment)


def test_a_revision_that_is_not_published_is_waited_for(
    workspace: Workspace, retriever: Retriever, tmp_path: Path
) -> None:
    sheet = ingest(workspace, tmp_path / "papers", "The harbour has red cranes.")
    assert ask(workspace, retriever, least_revision=sheet.revision).passages
    with pytest.raises(StaleIndexError, match=f"revision {sheet.revision + 1}"):
        ask(workspace, retriever, least_revision=sheet.revision + 1)


def test_floors_that_cannot_be_kept_are_refused(workspace: Workspace, retriever: Retriever, tmp_path: Path) -> None:
    sheet = ingest(workspace, tmp_path / "papers", "The harbour has red cranes.")
    pinned = ask(workspace, retriever).snapshot
    moment = now(workspace) - timedelta(days=1)
    assert ask(workspace, retriever, snapshot=pinned, least_revision=sheet.revision).passages
    for options, said in (
        ({"snapshot": pinned, "fresh_since": moment}, "pinned"),
        ({"snapshot": Snapshot(sheet.revision), "least_revision": sheet.revision}, "does not hold revision"),
        ({"fresh_since": moment.replace(tzinfo=None)}, "zone"),
    ):
        with pytest.raises(SettingsError, match=said):
            ask(workspace, retriever, **options)
    with pytest.raises(SettingsError, match="no ledger"):
        ask(workspace, Retriever(workspace.store, workspace.embedder), fresh_since=moment)
