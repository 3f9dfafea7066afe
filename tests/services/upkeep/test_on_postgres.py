"""The operator's tools on the database of a deployment."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from wellread.upkeep.rebuilding import rebuild
from wellread.upkeep.reconciling import reconcile
from wellread.upkeep.reverting import plan_revert
from wellread.upkeep.undoing import undo
from wellread.workspace.upkeeping import explain_document

pytestmark = pytest.mark.weaviate


@pytest.fixture
def aged_on_postgres(library: Any, postgres_url: str, raw: Any) -> Iterator[Any]:
    """Two runs whose ledger lives in Postgres."""
    library.options = {"ledger": {"url": postgres_url}}
    library.ingest()
    library.files.edit("amber.txt", "the quay and counts", "the long quay and counts")
    library.last = library.ingest()
    yield library
    for name in raw.collections.list_all():
        if name.startswith(library.collection):
            raw.collections.delete(name)


def test_each_tool_does_the_same(aged_on_postgres: Any, raw: Any, faults: Any) -> None:
    world = aged_on_postgres
    draw = random.Random(3)
    for damages in faults.values():
        for damage in damages:
            damage(world, raw, draw)
    with world.open() as workspace:
        assert workspace.ledger.engine.dialect.name == "postgresql"
        done = reconcile(workspace.parts, world.collection, repair=True)
        assert done.faults.total() == done.repaired > 5
        assert reconcile(workspace.parts, world.collection, repair=True).faults.total() == 0
        rebuilt = rebuild(workspace.parts, world.collection, grace_seconds=0)
        assert (rebuilt.projection.number, rebuilt.replaced) == (2, [1])
        assert reconcile(workspace.parts, world.collection, repair=False).faults.total() == 0
        revert = plan_revert(workspace.parts, world.collection, str(world.last.revision))
        assert undo(workspace.parts, revert).as_dict()["embeddings"] == 0
        told = explain_document(workspace, "amber.txt").explanations[0]
        assert told.is_visible
        assert [item["state"] for item in told.details["runs"]] == ["reverted", "undone", "succeeded"]
