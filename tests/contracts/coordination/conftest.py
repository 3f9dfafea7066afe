"""Every rate limiter that there is, and the ledger on both databases."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from wellread.coordination.memory_limiter import MemoryRateLimiter
from wellread.coordination.protocol import RateLimiter
from wellread.coordination.redis_limiter import RedisRateLimiter
from wellread.ledger.database import Ledger
from wellread.ledger.rate_limits import LedgerRateLimiter
from wellread.testing.postgres_server import empty_database

postgres = pytest.param("postgres", marks=pytest.mark.postgres)
redis = pytest.param("redis", marks=pytest.mark.redis)


def empty_ledger_url(request: pytest.FixtureRequest, database: str, folder: Path) -> str:
    """The address of an empty ledger on SQLite, or in a database of its own on the running Postgres."""
    if database == "sqlite":
        return f"sqlite:///{folder / 'ledger.db'}"
    return empty_database(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=["sqlite", postgres])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """An open, empty ledger."""
    opened = Ledger.open(empty_ledger_url(request, request.param, tmp_path))
    yield opened
    opened.close()


@pytest.fixture(params=["memory", "sqlite", postgres, redis])
def limiter(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RateLimiter]:
    """A rate limiter that nobody has used."""
    if request.param == "memory":
        yield MemoryRateLimiter()
    elif request.param == "redis":
        in_redis = RedisRateLimiter(request.getfixturevalue("redis_url"), prefix=f"{uuid.uuid4().hex}:")
        yield in_redis
        in_redis.close()
    else:
        opened = Ledger.open(empty_ledger_url(request, request.param, tmp_path))
        yield LedgerRateLimiter(opened)
        opened.close()
