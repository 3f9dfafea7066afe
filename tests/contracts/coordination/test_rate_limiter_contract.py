"""What every rate limiter does, whoever holds its state: memory, the ledger on both databases, Redis.

Rates are slow where a refusal is expected, so that no machine is slow enough to be granted meanwhile.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from wellread.coordination.protocol import Rate, RateLimiter

KEY = "openai/gpt-4o-mini"
SLOW = Rate(requests_per_minute=6, tokens_per_minute=600, burst_seconds=60.0)
"""Six requests or 600 tokens at once, then one request in 10 seconds, one token in 0.1."""
ONLY_TOKENS = Rate(tokens_per_minute=600, burst_seconds=10.0)
"""100 tokens at once."""
ONLY_REQUESTS = Rate(requests_per_minute=6, burst_seconds=60.0)
FREE = Rate()


def grants(limiter: RateLimiter, rate: Rate, *, tokens: int, asked: int, key: str = KEY) -> int:
    return sum(limiter.reserve(key, rate, tokens=tokens) == 0.0 for _ in range(asked))


def test_a_burst_is_granted_and_the_next_one_learns_how_long_to_wait(limiter: RateLimiter) -> None:
    assert grants(limiter, ONLY_REQUESTS, tokens=1, asked=6) == 6
    wait = limiter.reserve(KEY, ONLY_REQUESTS, tokens=1)
    assert 0.0 < wait <= 10.1
    assert limiter.reserve(KEY, ONLY_REQUESTS, tokens=1) <= wait


def test_tokens_are_held_as_requests_are(limiter: RateLimiter) -> None:
    assert grants(limiter, ONLY_TOKENS, tokens=30, asked=3) == 3
    assert 0.0 < limiter.reserve(KEY, ONLY_TOKENS, tokens=30) <= 2.1


def test_the_wait_that_was_told_is_enough(limiter: RateLimiter) -> None:
    rate = Rate(requests_per_minute=600, tokens_per_minute=60_000, burst_seconds=0.1)
    for tokens in (50, 150, 20, 300, 1):
        wait = limiter.reserve(KEY, rate, tokens=tokens)
        if wait:
            time.sleep(wait)
            assert limiter.reserve(KEY, rate, tokens=tokens) == 0.0


def test_keys_do_not_share_a_rate(limiter: RateLimiter) -> None:
    assert grants(limiter, ONLY_REQUESTS, tokens=1, asked=7) == 6
    assert limiter.reserve("cohere/command-a", ONLY_REQUESTS, tokens=1) == 0.0


def test_nothing_is_taken_by_a_refusal(limiter: RateLimiter) -> None:
    assert limiter.reserve(KEY, ONLY_TOKENS, tokens=80) == 0.0
    wait = [limiter.reserve(KEY, ONLY_TOKENS, tokens=90) for _ in range(5)]
    assert max(wait) <= 7.1  # 70 tokens have to drain, at 10 a second


def test_at_least_one_request_is_allowed_at_once_however_short_the_burst(limiter: RateLimiter) -> None:
    rate = Rate(requests_per_minute=6, burst_seconds=0.001)
    assert grants(limiter, rate, tokens=1, asked=2) == 1


def test_a_request_larger_than_the_bucket_is_granted_when_it_is_full_and_its_debt_is_waited_out(
    limiter: RateLimiter,
) -> None:
    assert limiter.reserve(KEY, ONLY_TOKENS, tokens=500) == 0.0
    assert 40.0 < limiter.reserve(KEY, ONLY_TOKENS, tokens=1) <= 50.1
    assert limiter.reserve("other", ONLY_TOKENS, tokens=1) == 0.0
    assert 0.0 < limiter.reserve("other", ONLY_TOKENS, tokens=500) <= 0.2


def test_small_requests_do_not_pass_a_large_one_that_waits(limiter: RateLimiter) -> None:
    assert limiter.reserve(KEY, ONLY_TOKENS, tokens=50) == 0.0
    assert limiter.reserve(KEY, ONLY_TOKENS, tokens=500) > 0.0
    assert limiter.reserve(KEY, ONLY_TOKENS, tokens=10) > 0.0
    assert limiter.reserve("other", ONLY_TOKENS, tokens=10) == 0.0


def test_what_was_not_used_is_given_back_and_never_more_than_the_bucket_holds(limiter: RateLimiter) -> None:
    assert limiter.reserve(KEY, ONLY_TOKENS, tokens=100) == 0.0
    limiter.settle(KEY, reserved_tokens=100, used_tokens=10)
    assert limiter.reserve(KEY, ONLY_TOKENS, tokens=90) == 0.0
    for _ in range(3):
        limiter.settle(KEY, reserved_tokens=90, used_tokens=0)
    assert grants(limiter, ONLY_TOKENS, tokens=50, asked=3) == 2


def test_what_was_used_beyond_the_reservation_is_taken(limiter: RateLimiter) -> None:
    assert limiter.reserve(KEY, ONLY_TOKENS, tokens=10) == 0.0
    limiter.settle(KEY, reserved_tokens=10, used_tokens=300)
    assert 15.0 < limiter.reserve(KEY, ONLY_TOKENS, tokens=10) <= 21.1


def test_an_unknown_key_can_be_settled_and_paused(limiter: RateLimiter) -> None:
    limiter.settle(KEY, reserved_tokens=10, used_tokens=0)
    assert grants(limiter, ONLY_REQUESTS, tokens=1, asked=7) == 6
    limiter.pause("other", seconds=30)
    assert limiter.reserve("other", FREE, tokens=1) > 20.0


def test_a_pause_stops_all_and_a_shorter_one_does_not_end_it(limiter: RateLimiter) -> None:
    assert limiter.reserve(KEY, FREE, tokens=1) == 0.0
    limiter.pause(KEY, seconds=60)
    limiter.pause(KEY, seconds=0.01)
    assert 50.0 < limiter.reserve(KEY, FREE, tokens=1) <= 60.1
    assert limiter.reserve("other", FREE, tokens=1) == 0.0


def test_a_pause_that_no_provider_means_is_a_day(limiter: RateLimiter) -> None:
    limiter.pause(KEY, seconds=1e18)
    assert 80_000 < limiter.reserve(KEY, FREE, tokens=1) <= 86_401


def test_a_pause_ends(limiter: RateLimiter) -> None:
    limiter.pause(KEY, seconds=0.05)
    time.sleep(limiter.reserve(KEY, FREE, tokens=1))
    assert limiter.reserve(KEY, FREE, tokens=1) == 0.0


def test_without_a_rate_everything_is_granted(limiter: RateLimiter) -> None:
    assert grants(limiter, FREE, tokens=1_000_000, asked=30) == 30


def test_a_limit_is_learned_where_none_was_known(limiter: RateLimiter) -> None:
    assert grants(limiter, Rate(burst_seconds=60), tokens=1, asked=20) == 20
    limiter.learn(KEY, requests_limit=3)
    assert grants(limiter, Rate(burst_seconds=60), tokens=1, asked=5) == 3


@pytest.mark.parametrize(("told", "allowed"), [(3, 3), (6, 6), (1000, 6), (0, 6)])
def test_a_learned_limit_lowers_the_configured_one_and_never_raises_it(
    limiter: RateLimiter, told: int, allowed: int
) -> None:
    limiter.learn(KEY, requests_limit=told, tokens_limit=100 * told)
    assert grants(limiter, SLOW, tokens=100, asked=allowed + 2) == allowed


def test_less_left_than_we_believe_is_believed_and_more_is_not(limiter: RateLimiter) -> None:
    assert limiter.reserve(KEY, SLOW, tokens=100) == 0.0
    limiter.learn(KEY, requests_remaining=50, tokens_remaining=250)
    assert grants(limiter, SLOW, tokens=100, asked=4) == 2
    limiter.learn(KEY, requests_remaining=50, tokens_remaining=100_000)
    assert limiter.reserve(KEY, SLOW, tokens=100) > 0.0


def test_nothing_left_pauses_until_the_reset(limiter: RateLimiter) -> None:
    limiter.learn(KEY, tokens_remaining=0, tokens_reset_seconds=90.0, requests_remaining=5)
    assert 80.0 < limiter.reserve(KEY, FREE, tokens=1) <= 90.1
    limiter.learn("other", requests_remaining=0)
    assert limiter.reserve("other", FREE, tokens=1) == 0.0


def test_headers_that_say_nothing_change_nothing(limiter: RateLimiter) -> None:
    limiter.learn(KEY)
    assert grants(limiter, SLOW, tokens=100, asked=7) == 6


def test_threads_that_ask_at_once_share_one_burst(limiter: RateLimiter) -> None:
    gate = threading.Barrier(8)

    def ask(_: int) -> int:
        gate.wait()
        return grants(limiter, ONLY_REQUESTS, tokens=1, asked=3)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 6
