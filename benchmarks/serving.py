"""The server and the store that a measurement works on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from wellread.server.control import ensure_server, stop_server
from wellread.server.settings import ServerSettings
from wellread.stores.settings import StoreSettings
from wellread.stores.weaviate_store import WeaviateStore
from wellread.testing.embedding_server import embedding_server


@contextmanager
def home_folder(given: str | None) -> Iterator[Path]:
    """A folder for data: the given one, kept for the next time, or a temporary one."""
    if given is not None:
        Path(given).mkdir(parents=True, exist_ok=True)
        yield Path(given)
        return
    with tempfile.TemporaryDirectory(prefix="wellread-bench-") as home:
        yield Path(home)


@contextmanager
def served_store(home: Path) -> Iterator[WeaviateStore]:
    """A store on the home's own server, which is stopped at the end."""
    settings = ServerSettings()
    address = ensure_server(settings, home)
    try:
        with WeaviateStore.connect(
            StoreSettings(
                http_host=address.http_host,
                http_port=address.http_port,
                grpc_host=address.grpc_host,
                grpc_port=address.grpc_port,
                api_key=SecretStr(address.api_key or ""),
            )
        ) as store:
            yield store
    finally:
        stop_server(home, settings=settings)


@contextmanager
def testing_deployment(home: Path, *, dimensions: int) -> Iterator[None]:
    """A deployment for child processes: settings in the environment, the testing embedder, a running server."""
    with embedding_server(dimensions=dimensions) as server:
        os.environ |= {
            "WELLREAD_HOME": str(home / "wellread"),
            "WELLREAD_EMBEDDER__PROVIDER": "openai",
            "WELLREAD_EMBEDDER__OPENAI__BASE_URL": server.openai_url,
            "WELLREAD_EMBEDDER__OPENAI__API_KEY": "testing",
            "WELLREAD_EMBEDDER__OPENAI__DIMENSIONS": str(dimensions),
        }
        # Started here, so that no ingesting process pays for it.
        ensure_server(ServerSettings(), home / "wellread")
        try:
            yield
        finally:
            stop_server(home / "wellread", settings=ServerSettings())


def forget_settings() -> None:
    """Measure the defaults: settings of this shell's own deployment are left out.

    Child processes may keep compiled modules, as everywhere: else each would compile thousands of them anew.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for name in [name for name in os.environ if name.startswith("WELLREAD_")]:
        if name != "WELLREAD_WEAVIATE_BINARY":
            del os.environ[name]
