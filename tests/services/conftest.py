"""One real Weaviate for all tests of this folder that ask for it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from wellread.errors import ServerUnavailableError
from wellread.server import ServerAddress
from wellread.server.temporary import local_weaviate


@pytest.fixture(scope="session")
def weaviate_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerAddress]:
    """A server that lives as long as this test process."""
    home: Path = tmp_path_factory.mktemp("weaviate-home")
    with ExitStack() as stack:
        try:
            address = stack.enter_context(local_weaviate(home))
        except ServerUnavailableError as error:
            pytest.skip(f"needs server: weaviate ({error})")
        yield address


@pytest.fixture
def collection_name() -> str:
    """A logical collection that no other test uses."""
    return f"T{uuid.uuid4().hex}"
