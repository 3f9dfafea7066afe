"""A real Weaviate for tests: its own data, a free port, gone at the end.

Example::

    with local_weaviate(tmp_path / "home") as address:
        store = WeaviateStore.connect(StoreSettings(http_port=address.http_port, ...))
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wellread.server.addresses import ServerAddress
from wellread.server.control import ensure_server, stop_server
from wellread.server.settings import ServerSettings


@contextmanager
def local_weaviate(home: Path, *, settings: ServerSettings | None = None) -> Iterator[ServerAddress]:
    """The address of a running server with its data below ``home``; stopped when the block ends.

    Raises ``ServerUnavailableError`` if no server can be had.
    """
    chosen = settings or ServerSettings()
    address = ensure_server(chosen, home)
    try:
        yield address
    finally:
        stop_server(home, settings=chosen)
