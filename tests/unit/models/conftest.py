"""A loopback server and an embedder in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pydantic import HttpUrl

from wellread.models.embedding.openai_embedder import OpenAIEmbedder
from wellread.models.settings import OpenAIModelSettings
from wellread.testing.embedding_server import EmbeddingServer, embedding_server


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server(dimensions=32) as running:
        yield running


@pytest.fixture
def build(server: EmbeddingServer) -> Callable[..., OpenAIEmbedder]:
    """Embedders in front of ``server``; keyword arguments are settings."""

    def make(**options: object) -> OpenAIEmbedder:
        given = {"base_url": HttpUrl(server.openai_url), "dimensions": 32, **options}
        return OpenAIEmbedder(OpenAIModelSettings.model_validate(given))

    return make
