"""Exact cases of the arithmetic of rates; ``tests/properties/pacing`` has what holds always."""

from __future__ import annotations

from wellread.coordination.memory_limiter import MemoryRateLimiter
from wellread.coordination.protocol import Rate
from wellread.pacing import LATE_SECONDS, LEARNED_SECONDS, MARGIN_SECONDS, Bucket, Pace, capacity_of, drained

RATE = Rate(requests_per_minute=60, tokens_per_minute=6000, burst_seconds=10.0)
"""One request and 100 tokens a second; 10 requests and 1,000 tokens at once."""


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def asked(limiter: MemoryRateLimiter, *, tokens: int, count: int = 1) -> list[float]:
    waits = [limiter.reserve("key", RATE, tokens=tokens) for _ in range(count)]
    return [round(wait - MARGIN_SECONDS, 6) if wait else 0.0 for wait in waits]


def test_what_was_taken_drains_at_the_rate() -> None:
    clock = Clock()
    limiter = MemoryRateLimiter(clock=clock)
    assert asked(limiter, tokens=1, count=11) == [0.0] * 10 + [1.0]
    clock.now += 0.75
    assert asked(limiter, tokens=1) == [0.25]
    clock.now += 0.25
    assert asked(limiter, tokens=1, count=2) == [0.0, 1.0]
    clock.now += 1000
    assert asked(limiter, tokens=1, count=11) == [0.0] * 10 + [1.0]


def test_the_longer_of_both_waits_is_told() -> None:
    limiter = MemoryRateLimiter(clock=Clock())
    assert asked(limiter, tokens=900) == [0.0]
    assert asked(limiter, tokens=300) == [2.0]


def test_a_learned_limit_is_forgotten_after_a_minute() -> None:
    clock = Clock()
    limiter = MemoryRateLimiter(clock=clock)
    limiter.learn("key", requests_limit=12)
    assert asked(limiter, tokens=1, count=3) == [0.0, 0.0, 5.0]
    clock.now += LEARNED_SECONDS
    assert asked(limiter, tokens=1, count=11) == [0.0] * 10 + [1.0]


def test_a_clock_that_was_set_back_neither_drains_nor_blocks() -> None:
    pace = Pace(requests=Bucket(per_minute=60, level=10.0), measured_at=1000.0)
    back = drained(pace, now=400.0)
    assert back.requests.level == 10.0
    assert drained(back, now=405.0).requests.level == 5.0


def test_small_requests_pass_a_waiting_one_where_there_is_room_for_both() -> None:
    clock = Clock()
    limiter = MemoryRateLimiter(clock=clock)
    assert asked(limiter, tokens=900) == [0.0]
    assert asked(limiter, tokens=200) == [1.0]
    assert asked(limiter, tokens=50) == [1.0]
    clock.now += 1.5
    assert asked(limiter, tokens=50) == [0.0]
    assert asked(limiter, tokens=50) == [0.02]
    assert asked(limiter, tokens=200) == [0.0]


def test_a_waiting_request_that_does_not_come_back_loses_its_place() -> None:
    clock = Clock()
    limiter = MemoryRateLimiter(clock=clock)
    assert asked(limiter, tokens=900) == [0.0]
    assert asked(limiter, tokens=1000) == [9.0]
    clock.now += 9.0 + LATE_SECONDS - 0.001
    assert asked(limiter, tokens=50) != [0.0]
    clock.now += 0.002
    assert asked(limiter, tokens=50) == [0.0]


def test_a_capacity_is_never_below_one() -> None:
    assert capacity_of(6000, 1.0) == 100.0
    assert capacity_of(1, 0.01) == 1.0
