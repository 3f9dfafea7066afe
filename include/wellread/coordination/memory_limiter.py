"""Rate limits held among the threads of one process."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from threading import Lock

from wellread import pacing
from wellread.coordination.protocol import Rate


class MemoryRateLimiter:
    """A ``RateLimiter`` for one process: other processes are not seen, so several of them exceed the rate."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._paces: defaultdict[str, pacing.Pace] = defaultdict(pacing.Pace)

    def reserve(self, key: str, rate: Rate, *, tokens: int) -> float:
        """0.0 where granted, else the seconds after which to ask again."""
        with self._lock:
            self._paces[key], wait = pacing.take(
                self._paces[key],
                requests_per_minute=rate.requests_per_minute,
                tokens_per_minute=rate.tokens_per_minute,
                burst_seconds=rate.burst_seconds,
                tokens=tokens,
                now=self._clock(),
            )
        return wait

    def settle(self, key: str, *, reserved_tokens: int, used_tokens: int) -> None:
        """Give back what a granted reservation did not use, or take the excess."""
        self._change(
            key,
            lambda pace, now: pacing.settled(
                pace, reserved_tokens=reserved_tokens, used_tokens=used_tokens, now=now
            ),
        )

    def pause(self, key: str, *, seconds: float) -> None:
        """Nobody gets anything before so many seconds have passed."""
        self._change(key, lambda pace, now: pacing.paused(pace, seconds=seconds, now=now))

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
        requests = pacing.Told(requests_limit, requests_remaining, requests_reset_seconds)
        tokens = pacing.Told(tokens_limit, tokens_remaining, tokens_reset_seconds)
        self._change(key, lambda pace, now: pacing.informed(pace, requests=requests, tokens=tokens, now=now))

    def _change(self, key: str, change: Callable[[pacing.Pace, float], pacing.Pace]) -> None:
        with self._lock:
            self._paces[key] = change(self._paces[key], self._clock())
