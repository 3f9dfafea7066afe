"""A world for ingestion: a folder, a metering embedder, a real Weaviate, a home of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from wellread.parsing.pool import ParserPool
from wellread.parsing.settings import ParsingSettings
from wellread.runs import BalanceSheet, SourceDeclaration
from wellread.server import ServerAddress
from wellread.sources.declarations import declaration_for_folder
from wellread.testing.embedding_server import EmbeddingServer, embedding_server
from wellread.workspace import Workspace

DIMENSIONS = 64


def _load(file: str, name: str) -> ModuleType:
    """A module that several test modules share; its folder is not put on the path, where it would shadow others."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(file))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


oracle = _load("oracle.py", "wellread_tests_oracle")
_load("mortality.py", "mortality")
_load("tally.py", "tally")


def paragraph(topic: str, number: int) -> str:
    """About seventy words that hold their topic and number."""
    return (
        f"The {topic} report, part {number}, begins with the harbour of {topic}. Its {number + 3} cranes were "
        f"built by a family of engineers who came from the north. Every spring the {topic} council walks along "
        f"the quay and counts the ropes, the lamps and the boats of part {number}. What is broken is written "
        f"into a book that lies open in the {topic} office. The book has {number * 7 + 11} pages, and nobody has "
        f"ever lost one."
    )


def prose(topic: str, parts: int = 4) -> str:
    """A text of several chunks."""
    return "\n\n".join(paragraph(topic, number) for number in range(1, parts + 1)) + "\n"


class Files:
    """The folder of a source. Every write gets a modification time of its own, far enough in the past."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._moment = time.time() - 500_000

    def write(self, name: str, text: str | bytes) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        self.touch(name)

    def touch(self, name: str) -> None:
        self._moment += 10
        os.utime(self.path / name, (self._moment, self._moment))

    def read(self, name: str) -> str:
        return (self.path / name).read_text("utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        text = self.read(name)
        assert old in text
        self.write(name, text.replace(old, new, 1))

    def rename(self, name: str, other: str) -> None:
        (self.path / name).rename(self.path / other)

    def remove(self, name: str) -> None:
        (self.path / name).unlink()


@dataclass
class World:
    """One deployment, seen from outside."""

    root: Path
    address: ServerAddress
    embedding: EmbeddingServer
    pool: ParserPool
    collection: str = field(default_factory=lambda: f"T{uuid.uuid4().hex}")
    files: Files = field(init=False)
    options: dict[str, Any] = field(default_factory=dict)
    """More settings, by room: they hold for every workspace opened from now on."""

    def __post_init__(self) -> None:
        self.files = Files(self.root / "papers")

    @property
    def home(self) -> Path:
        return self.root / "home"

    def prose(self, topic: str, parts: int = 4) -> str:
        """A text of several chunks that holds its topic everywhere."""
        return prose(topic, parts)

    def settings(self) -> dict[str, Any]:
        server = {
            "http_host": self.address.http_host,
            "http_port": self.address.http_port,
            "grpc_host": self.address.grpc_host,
            "grpc_port": self.address.grpc_port,
            "api_key": self.address.api_key,
        }
        openai = {
            "base_url": self.embedding.openai_url,
            "api_key": "any",
            "dimensions": DIMENSIONS,
            "texts_per_request": 8,
            "concurrency": 1,
        }
        embedder = {"provider": "openai", "openai": openai, "retry": {"first_wait_seconds": 0.05}}
        values: dict[str, Any] = {
            "home": self.home,
            "collection": self.collection,
            "server": server,
            "embedder": embedder,
            "retrieval": {"head_cache_seconds": 0},
        }
        return _merged(values, self.options)

    def open(self) -> Workspace:
        """A workspace; the parser pool is shared between tests, because its start takes seconds."""
        workspace = Workspace.open(self.settings())
        workspace.__dict__["parser"] = self.pool
        return workspace

    def declaration(self, folder: Path | None = None, **changes: Any) -> SourceDeclaration:
        plain = declaration_for_folder(folder or self.files.path, collection=self.collection)
        values = {name: getattr(plain, name) for name in plain.__slots__}
        return SourceDeclaration(**{**values, **changes})

    def ingest(self, folder: Path | None = None, **changes: Any) -> BalanceSheet:
        with self.open() as workspace:
            return workspace.runner.run(self.declaration(folder, **changes))

    def index(self) -> Any:
        with oracle.connect(
            self.address.http_host, self.address.http_port, self.address.grpc_port, self.address.api_key
        ) as client:
            return oracle.read_index(client, self.collection)

    def assert_exact(
        self,
        *folders: Path,
        without: frozenset[str] = frozenset(),
        last_good: Mapping[str, str] | None = None,
    ) -> Any:
        """The oracle finds no fault in the index, and none between ledger and store.

        ``last_good``: documents whose newer version failed, by the text that readers must still see.
        """
        index = self.index()
        for folder in folders or (self.files.path,):
            assert oracle.faults_of_source(index, folder.name, folder, without=without, last_good=last_good) == []
        assert oracle.faults_of_ledger(index, self.home / "ledger.db", self.collection) == []
        return index

    def search(self, query: str, k: int = 5) -> list[str]:
        with self.open() as workspace:
            found = workspace.retriever.retrieve(
                query, collection=self.collection, scope=workspace.scope(), k=k, mode="hybrid"
            )
        return [passage.document for passage in found.passages]

    # -- the shell ----------------------------------------------------------------------------------------------
    def environment(self) -> dict[str, str]:
        """The same settings as environment variables, for processes of their own."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith("WELLREAD_")}
        return {**plain, **_flat("WELLREAD", {**self.settings(), "home": str(self.home)}, "_")}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "wellread", *arguments],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def shell(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "wellread", *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


def _merged(values: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for name, value in more.items():
        old = merged.get(name)
        merged[name] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _flat(prefix: str, values: Mapping[str, Any], joint: str) -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in values.items():
        key = f"{prefix}{joint}{name.upper()}"
        if isinstance(value, Mapping):
            flat.update(_flat(key, value, "__"))
        elif value is not None:
            flat[key] = str(value)
    return flat


@pytest.fixture(scope="session")
def parser_pool() -> Iterator[ParserPool]:
    pool = ParserPool(ParsingSettings())
    yield pool
    pool.close()


@pytest.fixture
def embedding() -> Iterator[EmbeddingServer]:
    with embedding_server(dimensions=DIMENSIONS) as server:
        yield server


@pytest.fixture
def build_world(
    weaviate_address: ServerAddress, embedding: EmbeddingServer, parser_pool: ParserPool, tmp_path: Path
) -> Iterator[Callable[..., World]]:
    """Worlds on the shared server; their collections are dropped at the end."""
    built: list[World] = []

    def build(**changes: Any) -> World:
        values = {"root": tmp_path, "address": weaviate_address, "embedding": embedding, "pool": parser_pool}
        built.append(World(**{**values, **changes}))
        return built[-1]

    yield build
    with ExitStack() as stack:
        client = stack.enter_context(
            oracle.connect(
                weaviate_address.http_host,
                weaviate_address.http_port,
                weaviate_address.grpc_port,
                weaviate_address.api_key,
            )
        )
        for world in built:
            for kind in ("chunks", "versions"):
                client.collections.delete(f"{world.collection}_{kind}_1")


@pytest.fixture
def world(build_world: Callable[..., World]) -> World:
    """An empty world."""
    return build_world()


TOPICS = ("amber", "birch", "cedar", "dogwood", "elm", "fir")


@pytest.fixture
def library(world: World) -> World:
    """Six documents of four paragraphs, not ingested yet."""
    for topic in TOPICS:
        world.files.write(f"{topic}.txt", prose(topic))
    return world


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A disk of so many mebibytes: ``@pytest.mark.parametrize("small_disk", [8], indirect=True)``."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    place = tmp_path / "small"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={request.param}m"]
    if subprocess.run(["mount", *options, "tmpfs", str(place)], check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


@pytest.fixture
def fill_up() -> Callable[[Path], Path]:
    """Leaves no byte of a disk free; the file that takes it comes back."""

    def fill(place: Path) -> Path:
        filler = place / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"0" * 1024)
        return filler

    return fill
