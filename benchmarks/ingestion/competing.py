"""What a contestant is: how one run of it is started, and how its objects are read back."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.ingestion.oracle import Chunks, Reading

DIMENSIONS = 384
MODEL = "text-embedding-3-small"
"""Of every contestant."""


@dataclass(frozen=True)
class Places:
    """Everything that a contestant works with."""

    work: Path
    http_port: int
    grpc_port: int
    api_key: str
    embedder_url: str

    @property
    def source(self) -> Path:
        """The folder of documents."""
        return self.work / "source"

    @property
    def state(self) -> Path:
        """Where the contestant may keep what it likes."""
        return self.work / "state"


@dataclass(frozen=True)
class Sizes:
    """Documents: of the plain workloads, and of those with faults, which load afresh several times."""

    documents: int
    faults: int

    def at_most(self, other: Sizes) -> Sizes:
        """The smaller of each."""
        return Sizes(min(self.documents, other.documents), min(self.faults, other.faults))


class Contestant(ABC):
    """One way to keep an index in step."""

    name: str
    note: str
    """The settings that differ from the tool's own defaults, for the reader of the results."""
    collection = "Bench"
    most = Sizes(1_000_000, 1_000_000)
    """The sizes that it is measured at, where more would take too long."""
    cannot: Mapping[str, str] = {}
    """Workloads that it has nothing for, and why."""

    @abstractmethod
    def command(self, places: Places) -> list[str]:
        """What one ingestion run is."""

    @abstractmethod
    def environment(self, places: Places) -> dict[str, str]:
        """Its environment."""

    @abstractmethod
    def expected(self, places: Places, previous: Chunks | None) -> Chunks:
        """What its own splitter makes of the folder. ``previous``: of the folder as it was indexed before."""

    @abstractmethod
    def read(self, client: Any, places: Places) -> Reading:
        """All its objects."""

    @abstractmethod
    def texts_of(self, client: Any, places: Places, document: str) -> set[str]:
        """What a reader sees of one document at this moment."""

    def chunk_collection(self, client: Any) -> str | None:
        """The physical collection that holds the chunks, once there is one."""
        return self.collection if client.collections.exists(self.collection) else None

    def restore_command(self, places: Places) -> list[str]:
        """What is run where the store's content was lost: the same again, unless the tool knows better."""
        return self.command(places)

    def sheet_of(self, output: str) -> dict[str, Any]:  # noqa: ARG002  peers say nothing
        """What a run said of itself, as far as the results show it."""
        return {}


def every_object(client: Any, collection: str) -> Iterable[Any]:
    """By cursor, with the time of the last update."""
    from weaviate.classes.query import MetadataQuery

    return client.collections.get(collection).iterator(  # type: ignore[no-any-return]
        return_metadata=MetadataQuery(last_update_time=True), cache_size=500
    )


def plain_environment() -> dict[str, str]:
    """This process's environment without what belongs to Wellread or Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WELLREAD_", "PYTHON"))}
    return kept | {"PYTHONUNBUFFERED": "1"}
