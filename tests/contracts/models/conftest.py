"""One loopback server and the three embedders."""

from __future__ import annotations

from collections.abc import Iterator

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
