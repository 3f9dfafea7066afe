"""The world of the ingestion tests, for the operator's tools."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from wellread.server import ServerAddress


def _load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


HERE = Path(__file__).parent
_worlds = _load(HERE.parent / "indexing" / "conftest.py", "wellread_tests_worlds")
damage = _load(HERE / "damage.py", "wellread_tests_damage")
marks = _load(HERE / "marks.py", "purge_marks")
parser_pool = _worlds.parser_pool
embedding = _worlds.embedding
build_world = _worlds.build_world
world = _worlds.world
library = _worlds.library


@pytest.fixture
def faults() -> Any:
    """The ways of damaging an index, by the fault that must be found."""
    return damage.FAULTS


@pytest.fixture
def raw(weaviate_address: ServerAddress) -> Iterator[Any]:
    """A plain client of the store."""
    reach = weaviate_address
    with _worlds.oracle.connect(reach.http_host, reach.http_port, reach.grpc_port, reach.api_key) as client:
        yield client


@pytest.fixture
def aged(library: Any) -> Any:
    """A library with open and closed objects, and with two sources."""
    library.ingest()
    library.files.edit("amber.txt", "the quay and counts", "the long quay and counts")
    library.files.edit("birch.txt", "the quay and counts", "the old quay and counts")
    library.ingest()
    other = library.root / "letters"
    other.mkdir()
    for number in range(3):
        (other / f"{number}.txt").write_text(library.prose(f"letter{number}"), "utf-8")
    library.ingest(other)
    library.folders = (library.files.path, other)
    return library


@pytest.fixture
def marked(library: Any) -> Any:
    """A library with two versions of a marked document, and a neighbour that holds one of its paragraphs."""
    marks.ingest_marked(library)
    return library


@pytest.fixture
def frozen() -> Callable[[Any, Any], list[str]]:
    """Everything of a world's store as texts, with the moments of the last writes."""

    def freeze(world: Any, client: Any) -> list[str]:
        names = [f"{world.collection}_{kind}_1" for kind in ("chunks", "versions")]
        found = [
            f"{item.uuid} {sorted(item.properties.items())} {item.vector} {item.metadata.last_update_time}"
            for name in names
            for item in client.collections.get(name).iterator(
                include_vector=True, return_metadata=["last_update_time"]
            )
        ]
        return [*sorted(found), str(_worlds.oracle.read_head(client, world.collection))]

    return freeze
