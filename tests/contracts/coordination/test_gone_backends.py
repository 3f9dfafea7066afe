"""A backend that is gone is a transient error that says what to do; one that comes back is used again."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from wellread.coordination.factory import build_rate_limiter, build_response_cache, rate_limits_backend
from wellread.coordination.memory_limiter import MemoryRateLimiter
from wellread.coordination.protocol import Rate
from wellread.coordination.redis_cache import RedisCache
from wellread.coordination.redis_limiter import RedisRateLimiter
from wellread.coordination.settings import CoordinationSettings
from wellread.errors import AuthenticationError, SettingsError, TransientError
from wellread.ledger.budgets import Budgets
from wellread.ledger.database import Ledger
from wellread.ledger.rate_limits import LedgerRateLimiter
from wellread.testing.postgres_server import postgres_server
from wellread.testing.redis_server import redis_server

RATE = Rate(requests_per_minute=60)


@pytest.mark.redis
def test_a_redis_that_is_gone_is_a_transient_error(redis_url: str) -> None:
    del redis_url  # skips where there is no Redis
    with redis_server() as url:
        limiter = RedisRateLimiter(url)
        assert limiter.reserve("k", RATE, tokens=1) == 0.0
    for call in (
        lambda: limiter.reserve("k", RATE, tokens=1),
        lambda: limiter.settle("k", reserved_tokens=2, used_tokens=1),
        lambda: limiter.pause("k", seconds=1),
        lambda: limiter.learn("k", requests_limit=1),
    ):
        with pytest.raises(TransientError, match="check that Redis runs") as caught:
            call()
        assert url.split("@")[0].split(":")[-1] not in str(caught.value)


@pytest.mark.redis
def test_a_redis_that_forgot_its_scripts_is_told_them_again(redis_url: str) -> None:
    from redis import Redis

    limiter = RedisRateLimiter(redis_url, prefix="forgetful:")
    assert limiter.reserve("k", RATE, tokens=1) == 0.0
    Redis.from_url(redis_url).script_flush()
    assert limiter.reserve("k", RATE, tokens=1) > 0.0


@pytest.mark.redis
def test_a_wrong_password_is_no_transient_error(redis_url: str) -> None:
    limiter = RedisRateLimiter(redis_url.replace("redis://:", "redis://:wrong-"))
    with pytest.raises(AuthenticationError) as caught:
        limiter.reserve("k", RATE, tokens=1)
    assert "wrong-" not in str(caught.value)


@pytest.mark.postgres
def test_a_postgres_that_is_gone_is_a_transient_error(postgres_url: str) -> None:
    del postgres_url  # skips where there is no Postgres
    with postgres_server() as url:
        ledger = Ledger.open(url)
        limiter = LedgerRateLimiter(ledger)
        assert limiter.reserve("k", RATE, tokens=1) == 0.0
    with pytest.raises(TransientError, match="reachable"):
        limiter.reserve("k", RATE, tokens=1)
    with pytest.raises(TransientError, match="reachable"):
        Budgets(ledger).reserve({"run:1": 10}, 1)
    ledger.close()


def test_a_url_that_is_none_is_refused_without_repeating_it() -> None:
    with pytest.raises(SettingsError, match="redis_url") as caught:
        RedisRateLimiter("http://:hidden@somewhere")
    assert "hidden" not in str(caught.value)


def test_a_ledger_on_a_file_holds_a_rate_for_whoever_opens_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    first, second = Ledger.open(url), Ledger.open(url)
    assert LedgerRateLimiter(first).reserve("k", RATE, tokens=1) == 0.0
    assert LedgerRateLimiter(second).reserve("k", RATE, tokens=1) > 0.0
    first.close()
    second.close()


def test_the_settings_choose_who_holds_the_rates() -> None:
    redis = SecretStr("redis://127.0.0.1:1/0")
    auto, with_redis = CoordinationSettings(), CoordinationSettings(redis_url=redis, cache="redis")
    assert rate_limits_backend(auto, ledger_is_shared=False) == "memory"
    assert rate_limits_backend(auto, ledger_is_shared=True) == "ledger"
    assert rate_limits_backend(with_redis, ledger_is_shared=True) == "redis"
    assert isinstance(build_rate_limiter(auto, ledger_is_shared=False), MemoryRateLimiter)
    assert isinstance(build_rate_limiter(with_redis, ledger_is_shared=False), RedisRateLimiter)
    assert build_rate_limiter(auto, ledger_is_shared=True) is None
    assert isinstance(build_response_cache(with_redis), RedisCache)
    assert build_response_cache(auto) is None


def test_redis_wanted_and_not_named_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(SettingsError, match="WELLREAD_COORDINATION__REDIS_URL"):
        build_rate_limiter(CoordinationSettings(rate_limits="redis"), ledger_is_shared=True)
    with pytest.raises(SettingsError, match="WELLREAD_COORDINATION__REDIS_URL"):
        build_response_cache(CoordinationSettings(cache="redis"))
