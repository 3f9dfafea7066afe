"""An undo puts back what was there before a run, by one new revision, and pays for nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from wellread.errors import LeaseHeldError, PolicyError, SettingsError, SystemicError
from wellread.ledger import freshness, run_records, schema
from wellread.upkeep.reconciling import reconcile
from wellread.upkeep.reverting import plan_revert
from wellread.upkeep.undoing import release_source, undo
from wellread.upkeep.vacuum import vacuum
from wellread.workspace.upkeeping import explain_document

pytestmark = pytest.mark.weaviate


def saved(world: Any, name: str) -> dict[str, str]:
    """The texts of a folder now."""
    folder: Path = world.root / name
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*.txt")}


def visible(world: Any) -> dict[str, list[str]]:
    """Document -> its visible texts and facts, without the revisions that show them."""
    index = world.index()
    chunks = index.visible_chunks()
    told = {}
    for key, versions in index.visible_versions().items():
        assert len(versions) == 1
        properties = versions[0].properties
        texts = sorted(str(item.properties["text"]) for item in chunks.get(str(properties["doc_id"]), ()))
        told[key] = [
            *texts,
            str(properties["body"]),
            str(properties["version_hash"]),
            str(properties["placements"]),
        ]
    return told


def undone(world: Any, run: str) -> Any:
    paid = world.embedding.meter().texts_count
    with world.open() as workspace:
        done = undo(workspace.parts, plan_revert(workspace.parts, world.collection, run))
    assert world.embedding.meter().texts_count == paid
    return done


def assert_sound(world: Any) -> None:
    with world.open() as workspace:
        assert reconcile(workspace.parts, world.collection, repair=False).faults.total() == 0


def bad_run(world: Any) -> Any:
    """Edits, a new file, a removal, a move and a change of access."""
    world.files.edit("amber.txt", "the quay and counts", "NONSENSE")
    world.files.write("cedar.txt", "Nonsense, all of it. Not a word of the old text is left in this one.\n")
    world.files.write("spam.txt", world.prose("spam"))
    world.files.remove("dogwood.txt")
    world.files.rename("elm.txt", "ulmus.txt")
    return world.ingest()


def test_everything_that_a_run_changed_is_put_back(aged: Any) -> None:
    before = visible(aged)
    first_head = aged.index().head
    sheet = bad_run(aged)
    assert visible(aged) != before
    done = undone(aged, str(sheet.revision))
    assert visible(aged) == before
    assert (done.sheet.parsed, done.sheet.embeddings_computed) == (0, 0)
    assert sorted(done.revert.removed.values()) == ["spam.txt", "ulmus.txt"]
    assert sorted(item.natural_key for item in done.revert.restored.values()) == [
        *("amber.txt", "cedar.txt", "dogwood.txt", "elm.txt")
    ]
    assert aged.index().head["seq"] > first_head["seq"]
    assert_sound(aged)


def test_it_works_after_vacuum_has_deleted_the_old_objects(aged: Any) -> None:
    before = visible(aged)
    sheet = bad_run(aged)
    aged.options = {"indexing": {"horizon_seconds": 0.0}}
    with aged.open() as workspace:
        assert vacuum(workspace.parts, aged.collection).deleted > 0
    undone(aged, str(sheet.revision))
    assert visible(aged) == before
    assert_sound(aged)


def test_later_runs_of_the_source_go_too_and_other_sources_stay(aged: Any) -> None:
    before = visible(aged)
    sheet = bad_run(aged)
    aged.files.edit("amber.txt", "NONSENSE", "MORE NONSENSE")
    aged.files.edit("birch.txt", "the old quay", "the nonsensical quay")
    aged.ingest()
    letters = aged.root / "letters"
    (letters / "new.txt").write_text(aged.prose("newletter"), "utf-8")
    aged.ingest(letters)
    done = undone(aged, str(sheet.revision))
    assert len(done.revert.runs) == 2
    after = visible(aged)
    assert {key: value for key, value in after.items() if key.startswith("papers/")} == {
        key: value for key, value in before.items() if key.startswith("papers/")
    }
    assert after.keys() - before.keys() == {"letters/new.txt"}
    assert_sound(aged)


def test_the_source_is_held_until_released_and_then_true_to_its_files(aged: Any) -> None:
    texts = saved(aged, "papers")
    sheet = bad_run(aged)
    undone(aged, str(sheet.revision))
    with pytest.raises(PolicyError, match="wellread release papers"):
        aged.ingest()
    with aged.open() as workspace:
        told = explain_document(workspace, "amber.txt").explanations[0]
    assert "wellread release papers" in told.to_do
    other = aged.root / "letters"
    assert aged.ingest(other).index_writes == 0
    for path in aged.files.path.iterdir():
        path.unlink()
    for name, text in texts.items():
        aged.files.write(name, text)
    with aged.open() as workspace:
        release_source(workspace.parts, aged.collection, "papers")
    after = aged.ingest()
    assert after.outcomes == {"unchanged": len(texts)}
    aged.assert_exact(*aged.folders)


def test_released_over_the_same_files_the_next_run_brings_them_back(aged: Any) -> None:
    sheet = bad_run(aged)
    bad = visible(aged)
    undone(aged, str(sheet.revision))
    with aged.open() as workspace:
        release_source(workspace.parts, aged.collection, "papers")
    paid = aged.embedding.meter().texts_count
    aged.ingest()
    assert visible(aged) == bad
    assert aged.embedding.meter().texts_count == paid
    aged.assert_exact(*aged.folders)


def test_an_undo_is_undone_and_a_second_one_changes_nothing(aged: Any) -> None:
    before = visible(aged)
    sheet = bad_run(aged)
    bad = visible(aged)
    first = undone(aged, str(sheet.revision))
    assert undone(aged, str(sheet.revision)).sheet is None
    assert visible(aged) == before
    undone(aged, first.run_id)
    assert visible(aged) == bad
    assert_sound(aged)


def test_access_of_today_holds(aged: Any) -> None:
    sheet = bad_run(aged)
    aged.ingest(acl=("staff",))
    undone(aged, str(sheet.revision))
    index = aged.index()
    shown = [item for items in index.visible_versions().values() for item in items]
    papers = {item.properties["natural_key"]: item.properties["acl"] for item in shown}
    assert papers["amber.txt"] == ["staff"]
    assert papers["cedar.txt"] == ["staff"]
    assert_sound(aged)


def test_freshness_does_not_count_what_was_undone(aged: Any) -> None:
    with aged.open() as workspace, workspace.ledger.reading() as reading:
        began = freshness.complete_runs_began(reading, aged.collection, tenant="default")
    sheet = bad_run(aged)
    undone(aged, str(sheet.revision))
    with aged.open() as workspace, workspace.ledger.reading() as reading:
        assert freshness.complete_runs_began(reading, aged.collection, tenant="default") == began


def test_unknown_runs_lost_vectors_and_lost_histories_are_refused_before_anything_is_written(aged: Any) -> None:
    sheet = bad_run(aged)
    head = aged.index().head
    with aged.open() as workspace:
        with pytest.raises(SettingsError):
            plan_revert(workspace.parts, aged.collection, "no-such-run")
        with workspace.ledger.reading() as reading:
            record = run_records.find_published(reading, aged.collection, str(sheet.revision))
        with workspace.ledger.transaction() as tx:
            kept = tx.execute(schema.vectors.select()).all()
            tx.execute(schema.vectors.delete())
        with pytest.raises(SystemicError, match="vectors of"):
            plan_revert(workspace.parts, aged.collection, str(sheet.revision))
        with workspace.ledger.transaction() as tx:
            tx.execute(schema.vectors.insert(), [dict(row._mapping) for row in kept])
            report = {**record["report"], "history": None}
            run_records.update_run(tx, record["run_id"], report=report)
        with pytest.raises(SystemicError, match="not kept"):
            plan_revert(workspace.parts, aged.collection, record["run_id"])
    assert aged.index().head == head


def test_a_run_since_the_confirmation_is_noticed(aged: Any) -> None:
    sheet = bad_run(aged)
    with aged.open() as workspace:
        confirmed = plan_revert(workspace.parts, aged.collection, str(sheet.revision))
        aged.files.edit("birch.txt", "the old quay", "the new quay")
        workspace.runner.run(aged.declaration())
        with pytest.raises(LeaseHeldError, match="since"):
            undo(workspace.parts, confirmed)


class DiesWhileClosing:
    """A real store whose process dies when the undo closes what it replaces."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def set_rev_to(self, *_: Any, **_options: Any) -> Any:
        raise SystemExit("the process dies here")


def test_an_undo_that_died_is_repeated_exactly(aged: Any) -> None:
    before = visible(aged)
    sheet = bad_run(aged)
    bad = visible(aged)
    with aged.open() as workspace:
        confirmed = plan_revert(workspace.parts, aged.collection, str(sheet.revision))
        dying = dataclasses.replace(workspace.parts, store=DiesWhileClosing(workspace.store))
        with pytest.raises(SystemExit):
            undo(dying, confirmed)
    assert visible(aged) == bad
    with pytest.raises(PolicyError):
        aged.ingest()
    undone(aged, str(sheet.revision))
    assert visible(aged) == before
    assert_sound(aged)
