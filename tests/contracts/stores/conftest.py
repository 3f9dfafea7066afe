"""An open store, and a projection for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from wellread.server import ServerAddress
from wellread.snapshots import Projection
from wellread.stores.settings import StoreSettings
from wellread.stores.weaviate_store import WeaviateStore
from wellread.testing.index_samples import projection_of


def settings_for(address: ServerAddress, **changes: Any) -> StoreSettings:
    """Store settings that reach this server."""
    values: dict[str, Any] = {
        "http_host": address.http_host,
        "http_port": address.http_port,
        "grpc_host": address.grpc_host,
        "grpc_port": address.grpc_port,
        "api_key": SecretStr(address.api_key or ""),
    }
    return StoreSettings(**{**values, **changes})


@pytest.fixture(scope="session")
def store_settings() -> Callable[..., StoreSettings]:
    """Builds store settings for an address, with changes."""
    return settings_for


@pytest.fixture
def store(weaviate_address: ServerAddress) -> Iterator[WeaviateStore]:
    """An open store on the shared server."""
    with WeaviateStore.connect(settings_for(weaviate_address)) as opened:
        yield opened


@pytest.fixture
def projection(store: WeaviateStore, collection_name: str) -> Iterator[Projection]:
    """A fresh pair of physical collections with vectors of 8 dimensions; dropped at the end."""
    made = projection_of(collection_name)
    store.create_projection(made)
    yield made
    store.drop_projection(made)
