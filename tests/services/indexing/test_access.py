"""Who may read: changed access reaches every object, through crashes and repairs."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from wellread.errors import TransientError
from wellread.indexing.running import Runner
from wellread.ledger import objects as ledger_objects
from wellread.ledger import revisions
from wellread.stores.protocol import WriteResult

pytestmark = pytest.mark.weaviate


def chunk_rows(workspace: Any, world: Any) -> Any:
    with workspace.ledger.reading() as reading:
        projection = revisions.live_projection(reading, world.collection)
        return projection, ledger_objects.all_rows(reading, projection, "chunks")


def test_a_repaired_object_carries_the_access_of_now(library: Any) -> None:
    library.ingest(acl=("staff",))
    library.ingest(acl=("board",))
    with library.open() as workspace:
        projection, rows = chunk_rows(workspace, library)
        workspace.store.delete_objects(projection, "chunks", [row.object_id for row in rows[:3]])
    library.ingest(acl=("board",))
    index = library.assert_exact()
    assert {tuple(item.properties["acl"]) for item in index.chunks} == {("board",)}


@pytest.mark.parametrize("then", ["board", "staff"])
def test_access_that_was_half_changed_by_a_dead_run_is_put_right(library: Any, then: str) -> None:
    library.ingest(acl=("staff",))

    class DiesWhilePatching:
        def __init__(self, store: Any) -> None:
            self._store, self._left = store, 3

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        def set_acl(self, *call: Any, **options: Any) -> WriteResult:
            self._left -= 1
            if self._left < 0:
                raise TransientError("patch", found="the line is cut", remedy="Run again.")
            result: WriteResult = self._store.set_acl(*call, **options)
            return result

    library.options = {"indexing": {"write_attempts": 1}}
    with library.open() as workspace:
        parts = dataclasses.replace(workspace.parts, store=DiesWhilePatching(workspace.store))
        with pytest.raises(TransientError):
            Runner(parts, workspace.open_source).run(library.declaration(acl=("board",)))
    library.ingest(acl=(then,))
    index = library.assert_exact()
    assert {tuple(item.properties["acl"]) for item in (*index.chunks, *index.versions)} == {(then,)}
