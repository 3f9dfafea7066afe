"""The command line, called as a person does, in this process: its real entry point, output and exit code."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wellread.cli import main
from wellread.server import ServerAddress
from wellread.testing.embedding_server import EmbeddingServer, embedding_server
from wellread.testing.provider_server import ProviderServer, provider_process


@dataclass(frozen=True)
class Ended:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        found: dict[str, Any] = json.loads(self.out)
        return found


Shell = Callable[..., Ended]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    """Run `wellread` with these arguments, in a folder without declarations."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Ended:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["wellread", *arguments])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        found = capsys.readouterr()
        return Ended(code, found.out, found.err)

    return call


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, object], None]:
    """Set one WELLREAD_ variable for this test."""

    def put(name: str, value: object) -> None:
        monkeypatch.setenv(f"WELLREAD_{name}", str(value))

    return put


@pytest.fixture
def cheap_vectors() -> Iterator[EmbeddingServer]:
    with embedding_server(dimensions=64) as server:
        yield server


@pytest.fixture
def deployed(
    weaviate_address: ServerAddress,
    cheap_vectors: EmbeddingServer,
    collection_name: str,
    setting: Callable[[str, object], None],
) -> Mapping[str, str]:
    """The environment of a deployment on the shared Weaviate, with the metered embedder."""
    reach = ("http_host", "http_port", "grpc_host", "grpc_port", "api_key")
    values = {f"SERVER__{name.upper()}": getattr(weaviate_address, name) for name in reach}
    values |= {
        "COLLECTION": collection_name,
        "EMBEDDER__PROVIDER": "openai",
        "EMBEDDER__OPENAI__BASE_URL": cheap_vectors.openai_url,
        "EMBEDDER__OPENAI__API_KEY": "any",
        "EMBEDDER__OPENAI__DIMENSIONS": "64",
        "RETRIEVAL__HEAD_CACHE_SECONDS": "0",
    }
    for name, value in values.items():
        setting(name, value)
    return dict(os.environ)


HARBOURS = ("amber", "birch", "cedar", "dogwood", "elm", "fir", "grape", "hazel")


def harbour(topic: str, number: int) -> str:
    """What the document of a harbour says."""
    return (
        f"The {topic} harbour has {number} cranes. Each of them is painted red every spring by its crew. "
        f"The {topic} ferry leaves at {number} o'clock."
    )


@pytest.fixture
def harbours(shell: Shell, deployed: Mapping[str, str], tmp_path: Path) -> Path:
    """A folder of documents, ingested."""
    folder = tmp_path / "harbours"
    folder.mkdir()
    for number, topic in enumerate(HARBOURS, start=11):
        (folder / f"{topic}.txt").write_text(harbour(topic, number), "utf-8")
    assert shell("ingest", str(folder), "--json").code == 0
    return folder


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """A question for each of them, with a column of its own."""
    path = tmp_path / "questions.csv"
    rows = [f"{topic},How many cranes has the {topic} harbour?,team {topic}" for topic in HARBOURS]
    path.write_text("\n".join(["id,question,team", *rows]) + "\n", "utf-8")
    return path


@pytest.fixture
def model(setting: Callable[[str, object], None]) -> Iterator[ProviderServer]:
    """A language model that counts what it bills, in a process of its own."""
    with provider_process() as server:
        values = {"PROVIDER": "openai", "MODEL": "tester", "BASE_URL": server.openai_url, "API_KEY": "hidden-key"}
        values |= {"PRICE__INPUT_USD_PER_MILLION": 0.15, "PRICE__OUTPUT_USD_PER_MILLION": 0.6}
        for name, value in values.items():
            setting(f"CHAT__{name}", value)
        yield server
