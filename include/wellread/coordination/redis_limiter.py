"""Rate limits held among all workers that reach one Redis."""

from __future__ import annotations

from wellread.coordination import redis_scripts
from wellread.coordination.protocol import Rate
from wellread.coordination.redis_client import address_of, open_redis, translated_errors


class RedisRateLimiter:
    """A ``RateLimiter`` in Redis: one script an operation, by Redis' clock.

    Every method raises ``TransientError`` where Redis cannot be reached. A reservation whose answer was lost
    may have been taken: the next one waits for it, and no limit is exceeded.
    """

    def __init__(self, url: str, *, prefix: str = "wellread:") -> None:
        self._client = open_redis(url)
        self._where = address_of(url)
        self._prefix = f"{prefix}rate:"
        self._reserve = self._client.register_script(redis_scripts.RESERVE)
        self._settle = self._client.register_script(redis_scripts.SETTLE)
        self._pause = self._client.register_script(redis_scripts.PAUSE)
        self._learn = self._client.register_script(redis_scripts.LEARN)

    def reserve(self, key: str, rate: Rate, *, tokens: int) -> float:
        """0.0 where granted, else the seconds after which to ask again."""
        arguments = [rate.requests_per_minute or 0, rate.tokens_per_minute or 0, rate.burst_seconds, tokens]
        with translated_errors(f"reserve a request in Redis at {self._where}"):
            return float(self._reserve(keys=[self._prefix + key], args=arguments))

    def settle(self, key: str, *, reserved_tokens: int, used_tokens: int) -> None:
        """Give back what a granted reservation did not use, or take the excess."""
        if reserved_tokens == used_tokens:
            return
        with translated_errors(f"settle a request in Redis at {self._where}"):
            self._settle(keys=[self._prefix + key], args=[used_tokens - reserved_tokens])

    def pause(self, key: str, *, seconds: float) -> None:
        """Nobody gets anything before so many seconds have passed."""
        with translated_errors(f"pause a key in Redis at {self._where}"):
            self._pause(keys=[self._prefix + key], args=[seconds])

    def learn(
        self,
        key: str,
        *,
        requests_limit: int | None = None,
        requests_remaining: int | None = None,
        requests_reset_seconds: float | None = None,
        tokens_limit: int | None = None,
        tokens_remaining: int | None = None,
        tokens_reset_seconds: float | None = None,
    ) -> None:
        """Take in what response headers say."""
        told = [requests_limit, requests_remaining, requests_reset_seconds]
        told += [tokens_limit, tokens_remaining, tokens_reset_seconds]
        if told == [None] * len(told):
            return
        with translated_errors(f"note a limit in Redis at {self._where}"):
            self._learn(keys=[self._prefix + key], args=["" if one is None else one for one in told])

    def close(self) -> None:
        """Release connections."""
        self._client.close()
