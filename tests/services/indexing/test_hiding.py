"""``on_failure: hide``: readers lose the last good version of a document whose newer version cannot be read."""

from __future__ import annotations

import dataclasses
import itertools
import json
import uuid
from typing import Any

import pytest
from mortality import Mortal, let_fall, mortal_parts

from wellread.ledger import documents as ledger_documents
from wellread.upkeep.holding import approve_by_name
from wellread.upkeep.reverting import plan_revert
from wellread.upkeep.undoing import undo

pytestmark = pytest.mark.weaviate


def states(sheet: Any) -> dict[str, int]:
    return {name: count for name, count in sheet.outcomes.items() if count}


def hidden(sheet: Any) -> set[str]:
    return {str(problem["document"]) for problem in sheet.problems if problem["hidden"]}


def ruin(world: Any, *names: str) -> dict[str, str]:
    """Make documents unreadable; what they said before."""
    before = {name: world.files.read(name) for name in names}
    for name in names:
        world.files.write(name, b"%PDF-1.4\nno document\n")
    return before


def notes(world: Any) -> None:
    """Twelve documents, ingested."""
    for number in range(12):
        world.files.write(f"note-{number:02}.txt", world.prose(f"topic{number}", 1))
    world.ingest()


def approve(world: Any, *names: str) -> None:
    with world.open() as workspace:
        approve_by_name(workspace.ledger, world.collection, "papers", names)


def test_a_hidden_document_leaves_with_the_failure_and_comes_back_without_embeddings(library: Any) -> None:
    library.ingest()
    before = ruin(library, "cedar.txt")
    library.files.edit("birch.txt", "and counts the ropes", "and counts the long ropes")
    sheet = library.ingest(on_failure="hide")
    assert states(sheet) == {"unchanged": 4, "committed": 1, "quarantined": 1}
    assert hidden(sheet) == {"cedar.txt"}
    library.assert_exact(without=frozenset({"cedar.txt"}))
    assert "cedar.txt" not in library.search("cedar council quay ropes")

    again = library.ingest(on_failure="hide")
    assert states(again) == {"unchanged": 5, "quarantined": 1}
    assert (again.published, hidden(again)) == (False, {"cedar.txt"})

    paid = library.embedding.meter().texts_count
    library.files.write("cedar.txt", before["cedar.txt"])
    healthy = library.ingest(on_failure="hide")
    assert states(healthy) == {"unchanged": 5, "committed": 1}
    assert healthy.embeddings_computed == 0
    assert library.embedding.meter().texts_count == paid
    library.assert_exact()


def test_status_explain_and_quarantine_say_hidden(library: Any) -> None:
    library.ingest()
    ruin(library, "cedar.txt")
    library.ingest(on_failure="hide")
    (source,) = json.loads(library.shell("status", "--json").stdout)["sources"]
    assert (source["documents"], source["quarantined"], source["hidden"]) == (5, 1, 1)
    (told,) = json.loads(library.shell("explain", "cedar.txt", "--no-ask-source", "--json").stdout)["explanations"]
    assert (told["visible"], told["state"]) == (False, "hidden")
    assert "on_failure: hide" in told["why"]
    (row,) = json.loads(library.shell("quarantine", "--json").stdout)["quarantine"]
    assert (row["document"], row["hidden"], row["attempts"]) == ("cedar.txt", True, 1)


def test_a_changed_declaration_hides_and_shows_what_stands_in_quarantine(library: Any) -> None:
    library.ingest()
    before = ruin(library, "cedar.txt")
    library.ingest()
    library.assert_exact(last_good=before)
    paid = library.embedding.meter().texts_count

    hiding = library.ingest(on_failure="hide")
    assert states(hiding) == {"unchanged": 5, "quarantined": 1}
    assert (hiding.published, hiding.parsed, hidden(hiding)) == (True, 0, {"cedar.txt"})
    library.assert_exact(without=frozenset({"cedar.txt"}))

    shown = library.ingest()
    assert (shown.published, shown.parsed, hidden(shown)) == (True, 0, set())
    library.assert_exact(last_good=before)
    idle = library.ingest()
    assert (states(idle), idle.published) == ({"unchanged": 5, "quarantined": 1}, False)
    assert library.embedding.meter().texts_count == paid
    with library.open() as workspace, workspace.ledger.reading() as reading:
        (known,) = [
            item.document
            for item in ledger_documents.stream_known(workspace.ledger, library.collection, "papers")
            if item.quarantined is not None
        ]
        assert known is not None
        assert ledger_documents.count_live(reading, library.collection, "papers") == 6


def test_a_hidden_document_that_vanishes_is_gone(library: Any) -> None:
    library.ingest()
    ruin(library, "cedar.txt")
    library.ingest(on_failure="hide")
    library.ingest(on_failure="hide", acl=("staff",))  # a pinned snapshot still shows it: access is lost there too
    assert {tuple(item.properties["acl"]) for item in library.index().chunks} == {("staff",)}
    library.files.remove("cedar.txt")
    assert states(library.ingest(on_failure="hide", acl=("staff",))) == {"unchanged": 5, "gone": 1}
    library.assert_exact()
    assert states(library.ingest(acl=("staff",))) == {"unchanged": 5}


def test_many_failures_at_once_are_held_until_a_person_approves(world: Any) -> None:
    notes(world)
    names = [f"note-{number:02}.txt" for number in range(6)]
    before = ruin(world, *names)
    held = world.ingest(on_failure="hide")
    assert states(held) == {"unchanged": 6, "quarantined": 6}
    assert {hold["document"] for hold in held.holds} == set(names)
    assert hidden(held) == set()
    world.assert_exact(last_good=before)

    again = world.ingest(on_failure="hide")
    assert (states(again), len(again.holds), again.published) == ({"unchanged": 6, "quarantined": 6}, 6, False)

    approve(world, names[0])
    one = world.ingest(on_failure="hide")
    assert (hidden(one), len(one.holds)) == ({names[0]}, 5)
    approve(world)
    rest = world.ingest(on_failure="hide")
    assert (hidden(rest), len(rest.holds)) == (set(names), 0)
    world.assert_exact(without=frozenset(names))
    with world.open() as workspace, workspace.ledger.reading() as reading:
        assert not ledger_documents.list_holds(reading, world.collection)


def test_hiding_and_deleting_in_instalments_count_together(world: Any) -> None:
    notes(world)
    ruin(world, "note-00.txt", "note-01.txt")
    assert len(hidden(world.ingest(on_failure="hide"))) == 2
    for number in range(2, 5):
        world.files.remove(f"note-{number:02}.txt")
    sheet = world.ingest(on_failure="hide")  # three of ten would be few; with two that are hidden they are not
    assert states(sheet) == {"unchanged": 7, "quarantined": 2, "held": 3}
    ruin(world, "note-09.txt", "note-10.txt", "note-11.txt")
    late = world.ingest(on_failure="hide")
    assert states(late) == {"unchanged": 4, "quarantined": 5, "held": 3}
    assert len(hidden(late)) == 2
    assert len(world.index().visible_versions()) == 10


def test_an_undone_run_shows_again_what_it_hid(library: Any) -> None:
    library.ingest()
    before = ruin(library, "cedar.txt")
    sheet = library.ingest(on_failure="hide")
    with library.open() as workspace:
        undo(workspace.parts, plan_revert(workspace.parts, library.collection, str(sheet.revision)))
    library.assert_exact(last_good=before)


@pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.torture)])
def test_death_in_a_publication_that_hides_or_shows_ends_exact(world: Any, step: int) -> None:
    for topic in ("amber", "birch"):
        world.files.write(f"{topic}.txt", world.prose(topic, 1))
    world.ingest()
    world.embedding.reset()
    for point in itertools.count(2, step):
        before = ruin(world, "birch.txt")
        has_died = publication_dies(world, point, on_failure="hide")
        world.ingest(on_failure="hide")
        world.assert_exact(without=frozenset({"birch.txt"}))
        has_died |= publication_dies(world, point, on_failure="keep")
        world.ingest()
        world.assert_exact(last_good=before)
        world.files.write("birch.txt", before["birch.txt"])
        world.ingest()
        if not has_died:
            break
    assert point > 15
    assert world.embedding.meter().texts_count == 0


def publication_dies(world: Any, point: int, *, on_failure: str) -> bool:
    """A run whose publication dies at a journal point; whether it did. Every other one is published by a retry."""
    with world.open() as workspace:
        runner = workspace.runner
        declaration = world.declaration(on_failure=on_failure)
        run = runner.plan(declaration, run_id=f"{on_failure}-{point}-{uuid.uuid4()}", one_process=True)
        for batch in range(run.batch_count):
            runner.extract(run, batch)
            runner.load(run, batch)
        try:
            dataclasses.replace(runner, parts=mortal_parts(workspace, Mortal(point))).publish(run)
        except SystemExit:
            if point % 2:
                runner.publish(run)
            let_fall(workspace)
            return True
    return False
