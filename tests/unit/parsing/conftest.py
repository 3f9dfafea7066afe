"""One warm pool for the parsing tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from wellread.documents import ParsedDocument
from wellread.parsing import ParserPool, ParsingSettings

Parse = Callable[[bytes, str], ParsedDocument]


@pytest.fixture(scope="session")
def pool() -> Iterator[ParserPool]:
    with ParserPool(ParsingSettings(worker_count=1)) as opened:
        yield opened


@pytest.fixture
def parse(pool: ParserPool) -> Parse:
    return pool.parse
