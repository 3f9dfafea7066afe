"""One loopback server and the three embedders."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import HttpUrl, SecretStr

from wellread.errors import SettingsError
from wellread.models.embedding.cohere_embedder import CohereEmbedder
from wellread.models.embedding.local_onnx import LocalEmbedder
from wellread.models.embedding.openai_embedder import OpenAIEmbedder
from wellread.models.embedding.pinned_models import ENGLISH, package_folder
from wellread.models.protocol import Embedder
from wellread.models.settings import CohereModelSettings, OpenAIModelSettings
from wellread.testing.embedding_server import EmbeddingServer, embedding_server
from wellread.testing.providers.http_plumbing import HttpRequest, HttpResponse, HttpServer

DIMENSIONS = 64
KEY = "sk-loopback-4711-secret"


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server(dimensions=DIMENSIONS, api_key=KEY) as running:
        yield running


def build_openai(server: EmbeddingServer, **options: object) -> OpenAIEmbedder:
    given = {"base_url": HttpUrl(server.openai_url), "api_key": SecretStr(KEY), "dimensions": DIMENSIONS, **options}
    return OpenAIEmbedder(OpenAIModelSettings.model_validate(given))


def build_cohere(server: EmbeddingServer, **options: object) -> CohereEmbedder:
    given = {"base_url": HttpUrl(server.cohere_url), "api_key": SecretStr(KEY), "dimensions": DIMENSIONS, **options}
    return CohereEmbedder(CohereModelSettings.model_validate(given))


@pytest.fixture
def openai_embedder(server: EmbeddingServer) -> Iterator[OpenAIEmbedder]:
    embedder = build_openai(server)
    yield embedder
    embedder.close()


@pytest.fixture
def cohere_embedder(server: EmbeddingServer) -> Iterator[CohereEmbedder]:
    embedder = build_cohere(server)
    yield embedder
    embedder.close()


@pytest.fixture
def local_embedder() -> LocalEmbedder:
    try:
        package_folder(ENGLISH)
    except SettingsError as missing:
        pytest.skip(f"the weights package is not installed: {missing}")
    return LocalEmbedder()


@pytest.fixture(params=["openai", "cohere"])
def hosted_embedder(request: pytest.FixtureRequest) -> Embedder:
    return request.getfixturevalue(f"{request.param}_embedder")


@pytest.fixture(params=["local", "openai", "cohere"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return request.getfixturevalue(f"{request.param}_embedder")


class ScriptedServer:
    """Answers with exact bytes, in order, whatever is asked, and keeps what was."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self._answers: deque[HttpResponse] = deque()
        self._http = HttpServer(0, self._respond)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.port}"

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.body) for request in self.requests]

    def answer(self, body: object, status: int = 200, **headers: str) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._answers.append(HttpResponse(status, raw, named))

    def cut(self) -> None:
        self._answers.append(HttpResponse(200, b"{}", cut="before"))

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _respond(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        return self._answers.popleft() if self._answers else HttpResponse(500, b'{"message": "nothing scripted"}')


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()
