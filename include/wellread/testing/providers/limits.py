"""Rate limits that the server enforces itself, so that a client's limiter meets a real refusal."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from wellread.testing.providers.options import RateLimits

_KEPT_ADMISSIONS = 200_000
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that was let through."""

    at_seconds: float
    """By the server's monotonic clock."""
    key: str
    tokens: int


@dataclass(slots=True)
class _Bucket:
    """A token bucket: full at first, refilled evenly. No window holds more than ``limit + burst``."""

    limit: int
    burst: int
    window_seconds: float
    level: float
    at_seconds: float

    def refill(self, now: float) -> None:
        grown = (now - self.at_seconds) * self.limit / self.window_seconds
        self.level, self.at_seconds = min(float(self.burst), self.level + grown), now

    def wait_seconds(self, amount: float) -> float:
        """Until it holds ``amount``; infinite for more than it can ever hold."""
        if amount > self.burst:
            return math.inf
        missing = amount - self.level
        # Who waits exactly as long as told must not fail by a rounding error.
        return missing * self.window_seconds / self.limit if missing > _ROUNDING else 0.0


@dataclass(frozen=True, slots=True)
class Level:
    """One limit as a client is told of it."""

    name: str
    limit: int
    remaining: int
    reset_seconds: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Let through or not."""

    levels: tuple[Level, ...] = ()
    wait_seconds: float = 0.0
    """0: let through. Infinite: more tokens than the key can ever have at once."""


class RateLimiter:
    """Two buckets a key. Safe to share between threads."""

    def __init__(self, limits: RateLimits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget every key."""
        with self._lock:
            self._buckets: dict[str, dict[str, _Bucket]] = {}
            self._admissions: deque[Admission] = deque(maxlen=_KEPT_ADMISSIONS)

    def admit(self, key: str, tokens: int) -> Verdict:
        """Take one request of so many tokens from the key's buckets, from both or from none."""
        with self._lock:
            now = self._clock()
            buckets = self._buckets.get(key) or self._buckets.setdefault(key, self._fresh(now))
            amounts = {"requests": 1, "tokens": tokens}
            for bucket in buckets.values():
                bucket.refill(now)
            wait = max((bucket.wait_seconds(amounts[name]) for name, bucket in buckets.items()), default=0.0)
            if not wait:
                self._admissions.append(Admission(now, key, tokens))
                for name, bucket in buckets.items():
                    bucket.level -= amounts[name]
            return Verdict(tuple(_level(name, bucket) for name, bucket in buckets.items()), wait)

    def admissions(self) -> tuple[Admission, ...]:
        """What was let through, oldest first (the last 200,000)."""
        with self._lock:
            return tuple(self._admissions)

    def _fresh(self, now: float) -> dict[str, _Bucket]:
        limits = self._limits
        given = {
            "requests": (limits.requests_per_window, limits.requests_burst),
            "tokens": (limits.tokens_per_window, limits.tokens_burst),
        }
        return {
            name: _Bucket(limit, burst or limit, limits.window_seconds, float(burst or limit), now)
            for name, (limit, burst) in given.items()
            if limit is not None
        }


def _level(name: str, bucket: _Bucket) -> Level:
    missing = bucket.burst - bucket.level
    return Level(name, bucket.limit, max(0, int(bucket.level)), missing * bucket.window_seconds / bucket.limit)


def limit_headers(verdict: Verdict, *, is_anthropic: bool = False) -> Mapping[str, str]:
    """The response headers in OpenAI's way (also sent by Azure and others) or in Anthropic's."""
    headers: dict[str, str] = {}
    for level in verdict.levels:
        if is_anthropic:
            prefix = f"anthropic-ratelimit-{level.name}"
            reset = datetime.now(UTC) + timedelta(seconds=level.reset_seconds)
            headers[f"{prefix}-limit"] = str(level.limit)
            headers[f"{prefix}-remaining"] = str(level.remaining)
            headers[f"{prefix}-reset"] = f"{reset:%Y-%m-%dT%H:%M:%S.%f}Z"
        else:
            headers[f"x-ratelimit-limit-{level.name}"] = str(level.limit)
            headers[f"x-ratelimit-remaining-{level.name}"] = str(level.remaining)
            headers[f"x-ratelimit-reset-{level.name}"] = go_duration(level.reset_seconds)
    return headers


def go_duration(seconds: float) -> str:
    """A span as OpenAI writes it: ``12ms``, ``8.64s``, ``6m0s``."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}m{rest:.3g}s" if minutes else f"{rest:.4g}s"
