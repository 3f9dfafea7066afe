"""The provider server under the name of what most tests of ingestion need of it: an embedder with a meter.

Example::

with embedding_server(dimensions=64) as server:
    ...  # a client with base_url=server.openai_url and any key
    assert server.meter().texts_count == 12
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from wellread.testing.provider_server import Fault, ProviderServer, provider_server

__all__ = ["EmbeddingServer", "Fault", "embedding_server"]

EmbeddingServer = ProviderServer


def embedding_server(
    *, dimensions: int = 256, port: int = 0, api_key: str | None = None, model: str = "testing-embedder"
) -> AbstractContextManager[EmbeddingServer]:
    """Serve on loopback until the block is left.

    Args:
        dimensions: Of the vectors, unless a request asks for fewer.
        port: 0 takes a free one.
        api_key: Requests without it get 401; None lets any key pass.
        model: The name that ``/v1/models`` lists. Any name is answered.
    """
    return provider_server(port=port, dimensions=dimensions, api_key=api_key, model=model)
