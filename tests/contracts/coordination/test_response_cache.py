"""The cache in Redis: what was kept is found by its tenant only, and an outage costs money and nothing else."""

from __future__ import annotations

import logging
import pickle
import uuid
from collections.abc import Iterator

import pytest
from redis import Redis

from wellread.coordination.protocol import CachedResponse
from wellread.coordination.redis_cache import RedisCache
from wellread.errors import AuthenticationError, TransientError
from wellread.testing.redis_server import redis_server

pytestmark = pytest.mark.redis

RESPONSES = {
    "k1": CachedResponse(b'{"answer": "\xc3\xa9\\n"}', 12, 3),
    "k2": CachedResponse(b"\x00\n\xff" * 1000),
    "k3": CachedResponse(b""),
}


@pytest.fixture
def prefix() -> str:
    return f"{uuid.uuid4().hex}:"


@pytest.fixture
def cache(redis_url: str, prefix: str) -> Iterator[RedisCache]:
    opened = RedisCache(redis_url, ttl_seconds=600, prefix=prefix)
    yield opened
    opened.close()


@pytest.fixture
def raw(redis_url: str) -> Iterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    client.close()


def test_what_was_kept_is_found_as_it_was(cache: RedisCache) -> None:
    cache.keep("a", RESPONSES)
    assert cache.find("a", ["k3", "unknown", "k1", "k2"]) == RESPONSES
    assert cache.find("a", []) == {}


def test_many_keys_are_found_at_once(cache: RedisCache) -> None:
    many = {f"k{number}": CachedResponse(str(number).encode(), number) for number in range(1001)}
    cache.keep("a", many)
    assert cache.find("a", list(many)) == many


def test_tenants_do_not_see_each_other(cache: RedisCache) -> None:
    cache.keep("a", RESPONSES)
    assert cache.find("b", list(RESPONSES)) == {}
    cache.forget("b", list(RESPONSES))
    assert cache.find("a", list(RESPONSES)) == RESPONSES


def test_what_was_forgotten_is_gone(cache: RedisCache) -> None:
    cache.keep("a", RESPONSES)
    cache.forget("a", ["k1", "unknown"])
    cache.forget("a", [])
    assert set(cache.find("a", list(RESPONSES))) == {"k2", "k3"}


def test_every_key_has_an_end_and_does_not_show_its_tenant(cache: RedisCache, raw: Redis, prefix: str) -> None:
    cache.keep("secret-tenant", RESPONSES)
    keys = list(raw.scan_iter(f"{prefix}*"))
    assert len(keys) == 3
    assert all(0 < raw.ttl(key) <= 600 for key in keys)
    assert not any(b"secret" in key for key in keys)


@pytest.mark.parametrize(
    "value",
    [b"", b"noise", pickle.dumps(RESPONSES["k1"]), b'{"format": 2}\n', b"[]\nx", b'{"format": 1}\nx', b"3\n"],
)
def test_a_value_that_cannot_be_read_is_left_out(cache: RedisCache, raw: Redis, prefix: str, value: bytes) -> None:
    cache.keep("a", RESPONSES)
    (key,) = raw.scan_iter(f"{prefix}*:k1")
    raw.set(key, value)
    assert set(cache.find("a", list(RESPONSES))) == {"k2", "k3"}


def test_an_outage_is_one_warning_and_an_empty_answer_but_forgetting_is_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with redis_server() as url:
        cache = RedisCache(url, ttl_seconds=600)
        cache.keep("a", RESPONSES)
    with caplog.at_level(logging.WARNING, "wellread"):
        for _ in range(3):
            assert cache.find("a", list(RESPONSES)) == {}
            cache.keep("a", RESPONSES)
    assert [record.message.startswith("the cache is left out") for record in caplog.records] == [True]
    with pytest.raises(TransientError, match="check that Redis runs"):
        cache.forget("a", ["k1"])
    password = url.split("@")[0].split(":")[-1]
    assert password not in caplog.text


def test_a_wrong_password_is_told_without_it(redis_url: str) -> None:
    cache = RedisCache(redis_url.replace("redis://:", "redis://:wrong-"), ttl_seconds=600)
    with pytest.raises(AuthenticationError, match="redis_url") as caught:
        cache.forget("a", ["k1"])
    assert "wrong-" not in str(caught.value)
