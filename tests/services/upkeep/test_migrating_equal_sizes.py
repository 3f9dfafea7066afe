"""Two models of equal dimensions: the store refuses nothing, so each query vector is compared with its own model's.

Readers with workspaces of their own go on while the collection is switched back and forth.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from wellread.snapshots import Head, ModelIdentity
from wellread.upkeep.migrating import migrate, roll_back

pytestmark = pytest.mark.weaviate

QUESTION = "Which council counts the dogwood ropes?"
DIMENSIONS = 64
SWITCHES = 4


def embedder(world: Any, colour: str) -> dict[str, Any]:
    """One of two models of one size: what they see of a text begins with their colour, so their vectors differ."""
    openai = {
        "base_url": world.embedding.openai_url,
        "api_key": "any",
        "model": f"{colour}-model",
        "dimensions": DIMENSIONS,
        "document_prefix": f"{colour} {colour} {colour}: ",
        "query_prefix": f"{colour} {colour} {colour}: ",
        "texts_per_request": 8,
        "concurrency": 1,
    }
    return {"provider": "openai", "openai": openai, "retry": {"first_wait_seconds": 0.05}}


@pytest.fixture
def moving(library: Any, raw: Any) -> Iterator[Any]:
    """A library built with the red model; both models are configured now."""
    library.options = {"embedder": embedder(library, "red")}
    library.ingest()
    library.options = {"embedder": embedder(library, "blue"), "previous_embedder": embedder(library, "red")}
    yield library
    for name in raw.collections.list_all():
        if name.startswith(library.collection):
            raw.collections.delete(name)


class Searches:
    """A real store that notes with which vector which copy was searched."""

    def __init__(self, store: Any, noted: list[tuple[ModelIdentity, np.ndarray]]) -> None:
        self._store, self._noted = store, noted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def search(self, head: Head, *rest: Any, vector: Any, **options: Any) -> Any:
        if vector is not None:
            self._noted.append((head.projection.model, np.asarray(vector, dtype=np.float32)))
        return self._store.search(head, *rest, vector=vector, **options)


class Reader(threading.Thread):
    """Asks the same question again and again, in the mode that most deployments have."""

    def __init__(self, world: Any, stop: threading.Event) -> None:
        super().__init__()
        self.world, self.stop = world, stop
        self.noted: list[tuple[ModelIdentity, np.ndarray]] = []
        self.answers: list[tuple[int, str]] = []
        self.failed: list[Exception] = []

    def run(self) -> None:
        with self.world.open() as workspace:
            workspace.__dict__["store"] = Searches(workspace.store, self.noted)
            while not self.stop.is_set():
                try:
                    found = workspace.retriever.retrieve(
                        QUESTION, collection=self.world.collection, scope=workspace.scope(), k=3, mode="hybrid"
                    )
                except Exception as error:  # noqa: BLE001 - whatever a reader meets is what this looks for
                    self.failed.append(error)
                else:
                    self.answers.append((found.head.projection.number, found.passages[0].document))


def vector_of(workspace: Any, model: ModelIdentity) -> np.ndarray:
    embedded = workspace.parts.with_model(model).embedder.embed([QUESTION], kind="query")
    return np.asarray(embedded.vectors[0], dtype=np.float32)


def test_readers_compare_a_query_vector_of_the_model_of_the_copy_that_they_read(moving: Any) -> None:
    stop = threading.Event()
    readers = [Reader(moving, stop) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        with moving.open() as workspace:
            for _ in range(SWITCHES):
                assert migrate(workspace.parts, moving.collection).state == "switched"
                wait_for_answers(readers, number=2)
                assert roll_back(workspace.parts, moving.collection).state == "rolled back"
                wait_for_answers(readers, number=1)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    noted = [item for reader in readers for item in reader.noted]
    models = {model for model, _ in noted}
    with moving.open() as workspace:
        own = {model: vector_of(workspace, model) for model in models}
    assert {model.model for model in models} == {"red-model", "blue-model"}
    assert {model.dimensions for model in models} == {DIMENSIONS}
    red, blue = own.values()
    assert float(red @ blue) < 0.9  # else nothing could be told apart here
    assert [error for reader in readers for error in reader.failed] == []
    assert all(np.allclose(vector, own[model], atol=1e-5) for model, vector in noted)
    assert {document for reader in readers for _, document in reader.answers} == {"dogwood.txt"}


def wait_for_answers(readers: list[Reader], *, number: int) -> None:
    """Until every reader has had an answer from this copy since now."""
    before = [len(reader.answers) for reader in readers]
    for reader, count in zip(readers, before, strict=True):
        while reader.is_alive() and number not in {copy for copy, _ in reader.answers[count:]}:
            reader.stop.wait(0.02)
