"""Eight processes share one rate: whatever window is looked at, it holds no more than the limit and the burst."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

REQUESTS = {"requests_per_minute": 6000, "burst_seconds": 0.2}
"""100 a second, 20 at once."""
TOKENS = {"tokens_per_minute": 600_000, "burst_seconds": 0.1}
"""10,000 a second, 1,000 at once."""
Grants = list[tuple[float, float, int]]


def most_beyond(grants: Grants, *, per_minute: int, burst_seconds: float, counts: Callable[[int], int]) -> float:
    """By how much the fullest window exceeds rate and burst; not positive where the limit is held.

    A grant happened between its two times, so only those that are inside a window with both are counted.
    """
    worst = float("-inf")
    for start, _, _ in grants:
        inside = sorted((after, tokens) for before, after, tokens in grants if before >= start)
        taken = 0
        for after, tokens in inside:
            taken += counts(tokens)
            worst = max(worst, taken - (after - start) * per_minute / 60 - per_minute * burst_seconds / 60)
    return worst


def tasks(rate: dict[str, Any], *, grants: int, tokens: list[int], settles: bool = False) -> list[dict[str, Any]]:
    return [
        {"rate": rate, "grants": grants, "tokens": tokens, "settles": settles, "seed": seed} for seed in range(8)
    ]


@pytest.fixture(params=["ledger", "redis"])
def shared(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A backend that all processes reach, and its address."""
    return request.param, request.getfixturevalue({"ledger": "postgres_url", "redis": "redis_url"}[request.param])


@pytest.mark.postgres
@pytest.mark.redis
def test_requests_of_eight_processes_stay_within_limit_and_burst(
    shared: tuple[str, str], at_work: Callable[..., Any], results_of: Callable[..., Any]
) -> None:
    with at_work(
        "limited_worker.py", [*shared, uuid.uuid4().hex], tasks(REQUESTS, grants=30, tokens=[1])
    ) as workers:
        grants = [tuple(grant) for result in results_of(workers) for grant in result]
    assert len(grants) == 240
    assert most_beyond(grants, per_minute=6000, burst_seconds=0.2, counts=lambda _: 1) <= 0.01


@pytest.mark.postgres
@pytest.mark.redis
def test_tokens_of_eight_processes_stay_within_limit_and_burst_in_sizes_from_small_to_all(
    shared: tuple[str, str], at_work: Callable[..., Any], results_of: Callable[..., Any]
) -> None:
    work = tasks(TOKENS, grants=10, tokens=[10, 150, 400, 1000], settles=True)
    with at_work("limited_worker.py", [*shared, uuid.uuid4().hex], work) as workers:
        grants = [tuple(grant) for result in results_of(workers) for grant in result]
    assert len(grants) == 80
    assert most_beyond(grants, per_minute=600_000, burst_seconds=0.1, counts=lambda tokens: tokens) <= 1


def test_the_look_at_windows_sees_processes_that_do_not_share(
    at_work: Callable[..., Any], results_of: Callable[..., Any]
) -> None:
    work = tasks(REQUESTS, grants=30, tokens=[1])
    with at_work("limited_worker.py", ["memory", "-", "key"], work) as workers:
        grants = [tuple(grant) for result in results_of(workers) for grant in result]
    assert most_beyond(grants, per_minute=6000, burst_seconds=0.2, counts=lambda _: 1) > 20
