"""A document that bore other names is purged under all of them, and nobody else is."""

from __future__ import annotations

from typing import Any

import pytest
from purge_marks import MARK, NAME, places_of, purge

from wellread.upkeep.former_names import History, history_of
from wellread.upkeep.purging import find_target
from wellread.upkeep.reconciling import reconcile
from wellread.upkeep.reverting import plan_revert
from wellread.upkeep.undoing import release_source, undo

pytestmark = pytest.mark.weaviate


def edit_mark_out(world: Any, name: str) -> None:
    world.files.edit(name, MARK, "Nobody keeps any lantern")
    assert world.ingest().published


def history(world: Any, name: str) -> History:
    with world.open() as workspace:
        return history_of(workspace.parts, world.collection, "papers", workspace.settings.tenant, name)


def assert_true(world: Any, *without: str) -> None:
    world.assert_exact(without=frozenset(without))
    with world.open() as workspace:
        assert reconcile(workspace.parts, world.collection, repair=False).faults.total() == 0


def test_moved_twice_and_edited_each_time(marked: Any, raw: Any) -> None:
    for before, after in ((NAME, "second.txt"), ("second.txt", "third.txt")):
        marked.files.rename(before, after)
        assert marked.ingest().outcomes["moved"] == 1
        marked.files.edit(after, "reports" if "reports" in marked.files.read(after) else "report", "papers")
        marked.ingest()
    edit_mark_out(marked, "third.txt")
    assert len(history(marked, "third.txt").whole) == 2
    with marked.open() as workspace:  # asked for by an old name, a person is told of the present one
        (note,) = find_target(workspace.parts, marked.collection, NAME).notes
    assert note.startswith("third.txt: text of secret.txt moved there in revision ")
    assert places_of(marked, raw)
    receipt = purge(marked, "third.txt")
    assert receipt.as_dict()["former_names"] == ["second.txt", NAME]
    assert places_of(marked, raw) == []
    assert_true(marked, "third.txt")


def test_a_former_name_that_another_document_bears_now(marked: Any, raw: Any) -> None:
    marked.files.rename(NAME, "second.txt")
    marked.ingest()
    edit_mark_out(marked, "second.txt")
    marked.files.write(NAME, marked.prose("juniper"))
    marked.ingest()
    marked.files.edit(NAME, "juniper council", "juniper parliament")
    last = marked.ingest()
    found = history(marked, "second.txt")
    assert (len(found.whole), len(found.former)) == (0, 1)
    purge(marked, "second.txt")
    assert places_of(marked, raw) == []
    assert_true(marked, "second.txt")
    with marked.open() as workspace:  # the bearer's own past is whole
        undo(workspace.parts, plan_revert(workspace.parts, marked.collection, str(last.revision)))
    marked.files.edit(NAME, "juniper parliament", "juniper council")
    assert_true(marked, "second.txt")


def test_a_move_that_was_undone(marked: Any, raw: Any) -> None:
    marked.files.rename(NAME, "second.txt")
    moved = marked.ingest()
    with marked.open() as workspace:
        undo(workspace.parts, plan_revert(workspace.parts, marked.collection, str(moved.revision)))
        release_source(workspace.parts, marked.collection, "papers")
    marked.files.rename("second.txt", NAME)
    edit_mark_out(marked, NAME)
    purge(marked)
    assert places_of(marked, raw) == []
    assert_true(marked, NAME)
