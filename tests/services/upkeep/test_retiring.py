"""A source is retired only when its declaration is gone, by one revision that an undo can take back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wellread.errors import SettingsError
from wellread.ledger import revisions
from wellread.upkeep.retiring import plan_retirement
from wellread.upkeep.reverting import plan_revert
from wellread.upkeep.undoing import release_source, undo
from wellread.workspace.examining import examine

pytestmark = pytest.mark.weaviate


def shell(world: Any, *arguments: str) -> Any:
    done = world.shell(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def state_of(world: Any, source: str) -> str:
    (state,) = [item["state"] for item in shell(world, "status")["sources"] if item["source_id"] == source]
    return str(state)


def test_a_source_that_is_there_is_not_retired(aged: Any) -> None:
    refused = aged.shell("retire", "letters", "--yes", "--json")
    assert refused.returncode != 0
    assert "still declared" in refused.stderr + refused.stdout
    assert state_of(aged, "letters") == "declared"
    aged.assert_exact(*aged.folders)


def test_gone_it_is_reported_retired_undone_and_taken_back(aged: Any) -> None:
    papers, letters = aged.folders
    away = letters.rename(letters.with_name("elsewhere"))
    assert state_of(aged, "letters") == "undeclared"
    assert shell(aged, "sources")["undeclared"][0]["id"] == "letters"
    with aged.open() as workspace:
        (finding,) = [item for item in examine(workspace) if item.what == "undeclared sources"]
    assert finding.ok
    assert "letters (3 documents" in finding.found
    assert "wellread retire letters" in finding.found
    assert aged.shell("retire", "letters", "--json").returncode != 0  # nobody was asked
    with aged.open() as workspace, workspace.ledger.reading() as reading:
        pinned = revisions.current_snapshot(reading, aged.collection)
    done = shell(aged, "retire", "letters", "--yes")
    assert done["closed"] == 3
    assert state_of(aged, "letters") == "retired"
    index = aged.assert_exact(papers)
    assert not [key for key in index.visible_versions() if key.startswith("letters/")]
    (told,) = shell(aged, "explain", "0.txt")["explanations"]
    assert "its source was retired on 20" in told["why"]
    assert told["retired"]["run_id"].startswith("retire-")
    assert told["retired"]["run_id"] in told["to_do"]
    with aged.open() as workspace:
        assert workspace.store.read_head(aged.collection).can_read(pinned)
        undo(workspace.parts, plan_revert(workspace.parts, aged.collection, str(done["revision"])))
        release_source(workspace.parts, aged.collection, "letters")
    assert state_of(aged, "letters") == "undeclared"
    away.rename(letters)
    aged.assert_exact(papers, letters)
    assert aged.ingest(letters).outcomes == {"unchanged": 3}


def test_ingested_again_it_is_no_longer_retired(aged: Any) -> None:
    papers, letters = aged.folders
    away = letters.rename(letters.with_name("elsewhere"))
    shell(aged, "retire", "letters", "--yes")
    away.rename(letters)
    assert aged.ingest(letters).outcomes["committed"] == 3
    assert state_of(aged, "letters") == "declared"
    aged.assert_exact(papers, letters)


def test_an_unknown_source_is_refused(aged: Any) -> None:
    with aged.open() as workspace, pytest.raises(SettingsError, match="never run"):
        plan_retirement(workspace.parts, aged.collection, "nobody")
