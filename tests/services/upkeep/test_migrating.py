"""A collection moves to another model while it is asked and written, and back, and nothing is lost or mixed."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from wellread.errors import LeaseHeldError, ModelMismatchError, QualityError, RevisionClosedError, SettingsError
from wellread.ledger import objects as ledger_objects
from wellread.ledger import projections, revisions
from wellread.upkeep.migrating import finish, migrate, roll_back
from wellread.upkeep.rebuilding import rebuild
from wellread.upkeep.reconciling import reconcile

pytestmark = pytest.mark.weaviate


def embedder(world: Any, model: str, dimensions: int) -> dict[str, Any]:
    """The settings of a model of the testing server."""
    openai = {
        "base_url": world.embedding.openai_url,
        "api_key": "any",
        "model": model,
        "dimensions": dimensions,
        "request_dimensions": "ask",
        "texts_per_request": 8,
        "concurrency": 1,
    }
    return {"provider": "openai", "openai": openai, "retry": {"first_wait_seconds": 0.05}}


def with_models(world: Any, new: str, old: str | None) -> None:
    """From now on the world's workspaces embed with these models."""
    sizes = {"old-model": 64, "new-model": 32}
    world.options = {"embedder": embedder(world, new, sizes[new])}
    if old is not None:
        world.options["previous_embedder"] = embedder(world, old, sizes[old])


@pytest.fixture
def moving(library: Any, raw: Any) -> Iterator[Any]:
    """A library built with the old model, with open and closed objects; both models are configured now."""
    with_models(library, "old-model", None)
    library.ingest()
    library.files.edit("amber.txt", "the quay and counts", "the long quay and counts")
    library.ingest()
    with_models(library, "new-model", "old-model")
    yield library
    for name in raw.collections.list_all():
        if name.startswith(library.collection):
            raw.collections.delete(name)


def copies_agree(world: Any) -> int:
    """Both copies hold what the ledger says and the same documents; returns how many copies there are."""
    with world.open() as workspace:
        parts = workspace.parts
        with parts.ledger.reading() as reading:
            live = revisions.live_projection(reading, world.collection)
            others = projections.mirrors(reading, world.collection)
            assert all(projections.documents_apart(reading, live, other) == [] for other in others)
        for copy in (live, *others):
            assert reconcile(parts, world.collection, repair=False, projection=copy).faults.total() == 0
    return 1 + len(others)


def moved(world: Any, **options: Any) -> Any:
    """Migrate; no document is read or parsed: the folder is away."""
    away = world.root / "away"
    world.files.path.rename(away)
    try:
        with world.open() as workspace:
            return migrate(workspace.parts, world.collection, **options)
    finally:
        away.rename(world.files.path)


def test_a_migration_embeds_each_distinct_input_once_and_is_exact_before_after_and_back(moving: Any) -> None:
    with moving.open() as workspace, workspace.ledger.reading() as reading:
        live = revisions.live_projection(reading, moving.collection)
        rows = ledger_objects.all_rows(reading, live, "chunks")
    inputs = {row.embedding_key for row in rows}
    before = moving.embedding.meter().texts_count
    done = moved(moving)
    assert (done.state, done.live, done.other) == ("switched", 2, 1)
    assert done.filled.embedded == len(inputs)
    assert moving.embedding.meter().texts_count - before == len(inputs) + 1  # and the canary
    index = moving.assert_exact(moving.files.path)
    assert index.head["number"] == 2
    assert {len(item.vector) for item in index.chunks} == {32}
    assert copies_agree(moving) == 2
    assert moving.search("amber harbour cranes")[0] == "amber.txt"
    sheet = moving.ingest()
    assert (sheet.index_writes, sheet.embeddings_computed, sheet.parsed) == (0, 0, 0)

    moving.files.edit("birch.txt", "the quay and counts", "the new quay and counts")
    moving.files.write("grove.txt", moving.prose("grove"))
    moving.files.remove("cedar.txt")
    moving.ingest()
    moving.assert_exact(moving.files.path)
    assert copies_agree(moving) == 2
    with moving.open() as workspace:
        back = roll_back(workspace.parts, moving.collection)
    assert (back.state, back.live, back.other) == ("rolled back", 1, 2)
    index = moving.assert_exact(moving.files.path)  # what came after the switch is in the old copy too
    assert index.head["number"] == 1
    assert moving.search("grove harbour cranes")[0] == "grove.txt"
    assert moving.ingest().index_writes == 0

    assert moved(moving).state == "switched"
    with moving.open() as workspace:
        assert finish(workspace.parts, moving.collection, grace_seconds=0).dropped == [1]
    with_models(moving, "new-model", None)
    moving.assert_exact(moving.files.path)
    assert copies_agree(moving) == 1
    assert moving.ingest().index_writes == 0


def test_a_fresh_copy_of_the_same_model_embeds_nothing(moving: Any) -> None:
    with_models(moving, "old-model", None)
    requests = moving.embedding.meter().requests_count
    assert moved(moving).state == "nothing to migrate"
    assert moved(moving, anew=True).state == "switched"
    assert moving.embedding.meter().requests_count == requests
    moving.assert_exact(moving.files.path)


def test_readers_and_runs_go_on_all_the_while_and_models_are_never_mixed(moving: Any) -> None:
    stop, failed, asked = threading.Event(), [], []

    def ask() -> None:
        with moving.open() as workspace:
            while not stop.is_set():
                try:
                    found = workspace.retriever.retrieve(
                        "dogwood harbour cranes",
                        collection=moving.collection,
                        scope=workspace.scope(),
                        k=4,
                        mode="vector",
                    )
                    asked.append((found.head.projection.number, sorted(item.document for item in found.passages)))
                except Exception as error:  # noqa: BLE001 - whatever a reader meets is what this looks for
                    failed.append(error)
                time.sleep(0.05)

    def edit() -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            moving.files.write(f"run{number % 3}.txt", moving.prose(f"topic{number}", parts=1))
            try:
                moving.ingest()
            except (LeaseHeldError, RevisionClosedError):
                continue  # the switch held the lease, or the rollback gave the run up: it is started again
            except Exception as error:  # noqa: BLE001
                failed.append(error)
                return

    threads = [threading.Thread(target=work) for work in (ask, edit)]
    for thread in threads:
        thread.start()
    try:
        with moving.open() as workspace:
            assert migrate(workspace.parts, moving.collection).state == "switched"
            time.sleep(1)
            assert roll_back(workspace.parts, moving.collection).state == "rolled back"
            time.sleep(0.5)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    # The store refuses a vector of 64 numbers for a copy of 32: an answer from a mixture would be an error here.
    assert failed == []
    assert {number for number, _ in asked} == {1, 2}
    assert all("dogwood.txt" in found for _, found in asked)
    moving.ingest()
    moving.assert_exact(moving.files.path)
    assert copies_agree(moving) == 2


def test_what_is_missing_is_refused_and_says_what_to_do(moving: Any) -> None:
    with moving.open() as workspace, pytest.raises(SettingsError, match="roll back"):
        roll_back(workspace.parts, moving.collection)
    moved(moving, switch=False)
    with moving.open() as workspace, pytest.raises(SettingsError, match="migration is under way"):
        rebuild(workspace.parts, moving.collection, grace_seconds=0)
    with_models(moving, "old-model", None)
    with pytest.raises(ModelMismatchError, match="previous_embedder"):
        moving.ingest()
    with moving.open() as workspace:
        assert finish(workspace.parts, moving.collection, grace_seconds=0).dropped == [2]
    assert moving.ingest().index_writes == 0
    moving.assert_exact(moving.files.path)


def test_a_gate_that_says_no_leaves_the_live_copy(moving: Any) -> None:
    def refuse(live: Any, new: Any) -> None:
        raise QualityError(f"switch from {live.number} to {new.number}", found="worse", remedy="Choose another.")

    with pytest.raises(QualityError):
        moved(moving, gate=refuse)
    assert moving.assert_exact(moving.files.path).head["number"] == 1
    assert copies_agree(moving) == 2
