"""From settings to a rate limiter and a cache. What the ledger serves, the composition root makes of the ledger."""

from __future__ import annotations

from typing import Literal

from wellread.coordination.memory_limiter import MemoryRateLimiter
from wellread.coordination.protocol import RateLimiter, ResponseCache
from wellread.coordination.redis_cache import RedisCache
from wellread.coordination.redis_limiter import RedisRateLimiter
from wellread.coordination.settings import CoordinationSettings
from wellread.errors import SettingsError


def rate_limits_backend(
    settings: CoordinationSettings, *, ledger_is_shared: bool
) -> Literal["memory", "ledger", "redis"]:
    """Who holds the rates; ``ledger_is_shared``: it is a Postgres, which other machines may reach."""
    if settings.rate_limits != "auto":
        return settings.rate_limits
    if settings.redis_url is not None:
        return "redis"
    return "ledger" if ledger_is_shared else "memory"


def build_rate_limiter(settings: CoordinationSettings, *, ledger_is_shared: bool) -> RateLimiter | None:
    """The limiter in memory or in Redis; ``None`` where the ledger holds the rates (``LedgerRateLimiter``).

    Raises ``SettingsError`` where Redis is wanted and not named.
    """
    backend = rate_limits_backend(settings, ledger_is_shared=ledger_is_shared)
    if backend == "redis":
        return RedisRateLimiter(_redis_url(settings, "rate_limits"), prefix=settings.prefix)
    return MemoryRateLimiter() if backend == "memory" else None


def build_response_cache(settings: CoordinationSettings) -> ResponseCache | None:
    """The cache in Redis; ``None`` where the ledger keeps responses, or nobody does.

    Raises ``SettingsError`` where Redis is wanted and not named.
    """
    if settings.cache != "redis":
        return None
    return RedisCache(_redis_url(settings, "cache"), ttl_seconds=settings.cache_seconds, prefix=settings.prefix)


def _redis_url(settings: CoordinationSettings, setting: str) -> str:
    if settings.redis_url is None:
        raise SettingsError(
            f"keep what the setting `coordination.{setting}: redis` names in Redis",
            found="no `coordination.redis_url`",
            remedy="Name the Redis in WELLREAD_COORDINATION__REDIS_URL, or choose another value.",
        )
    return settings.redis_url.get_secret_value()
