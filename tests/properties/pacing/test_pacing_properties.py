"""What holds for every rate, every order of events and every mix of sizes."""

from __future__ import annotations

import heapq
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wellread.pacing import Pace, Told, drained, informed, paused, settled, take

START = 1.76e9
"""Seconds of a real clock: rounding is part of what is proven."""
SLACK = 0.5
"""Of a unit: what rounding of such a clock may add at the highest rate."""

History = list[tuple[float, tuple[str, Any]]]

rates = st.integers(1, 50_000)
bursts = st.floats(0.01, 60.0)
sizes = st.integers(0, 5_000)
gaps = st.one_of(st.just(0.0), st.floats(0.0, 0.1), st.floats(0.0, 90.0), st.floats(-5.0, 0.0))
maybe = st.none() | st.integers(0, 100_000)
told = st.builds(Told, maybe, maybe, st.none() | st.floats(0.0, 30.0))
changes = st.one_of(
    st.tuples(st.just("take"), sizes),
    st.tuples(st.just("take"), sizes),
    st.tuples(st.just("settle"), st.tuples(sizes, sizes)),
    st.tuples(st.just("learn"), st.tuples(told, told)),
    st.tuples(st.just("pause"), st.floats(0.0, 10.0)),
)
histories = st.lists(st.tuples(gaps, changes), min_size=1, max_size=40)


def ask(
    pace: Pace, *, requests: int | None, tokens: int | None, burst: float, size: int, now: float
) -> tuple[Pace, float]:
    return take(
        pace,
        requests_per_minute=requests,
        tokens_per_minute=tokens,
        burst_seconds=burst,
        tokens=size,
        now=now,
    )


def replay(
    history: History, requests: int, tokens: int, burst: float
) -> tuple[list[Pace], list[tuple[float, int, int, bool]]]:
    """All states, and what was taken: (seconds, requests, tokens, whether it was a grant)."""
    pace, now = Pace(), START
    states, taken = [], []
    for gap, (what, value) in history:
        now += gap
        if what == "take":
            pace, wait = ask(pace, requests=requests, tokens=tokens, burst=burst, size=value, now=now)
            if wait == 0.0:
                taken.append((now, 1, value, True))
        elif what == "settle":
            pace = settled(pace, reserved_tokens=value[0], used_tokens=value[1], now=now)
            taken.append((now, 0, value[1] - value[0], False))
        elif what == "learn":
            pace = informed(pace, requests=value[0], tokens=value[1], now=now)
        else:
            pace = paused(pace, seconds=value, now=now)
        states.append(pace)
    return states, taken


@given(histories, rates, rates, bursts)
def test_no_window_holds_more_than_the_rate_and_the_burst(
    history: History, requests: int, tokens: int, burst: float
) -> None:
    """Whatever is settled, learned or paused meanwhile; a request larger than the bucket counts as its burst."""
    history = [(max(0.0, gap), change) for gap, change in history]
    _, taken = replay(history, requests, tokens, burst)
    for first in range(len(taken)):
        count = amount = 0
        for now, one, size, is_grant in taken[first:]:
            count += one
            amount += size
            window = now - taken[first][0]
            if is_grant:
                assert count <= window * requests / 60 + max(1.0, requests * burst / 60) + SLACK
                assert amount <= window * tokens / 60 + max(1.0, tokens * burst / 60, size) + SLACK


@given(histories, rates, rates, bursts)
def test_no_bucket_ever_holds_more_than_its_capacity(
    history: History, requests: int, tokens: int, burst: float
) -> None:
    """A level below zero would be room above the capacity. The clock may be set back."""
    states, _ = replay(history, requests, tokens, burst)
    assert all(state.requests.level >= 0 and state.tokens.level >= 0 for state in states)


@given(histories, rates, rates, bursts, sizes)
def test_who_waits_as_told_is_granted(
    history: History, requests: int, tokens: int, burst: float, size: int
) -> None:
    states, _ = replay(history, requests, tokens, burst)
    pace = replace(states[-1], waiting=())
    now, wait = pace.measured_at, 1.0
    for _ in range(3):  # a pause, then perhaps the buckets; a learned limit may run out meanwhile
        pace, wait = ask(pace, requests=requests, tokens=tokens, burst=burst, size=size, now=now)
        if wait == 0.0:
            return
        now += wait
    assert wait == 0.0


@given(histories, rates, rates, bursts, sizes, told, told)
def test_what_headers_say_never_lets_anybody_in_earlier(
    history: History, requests: int, tokens: int, burst: float, size: int, of_requests: Told, of_tokens: Told
) -> None:
    asked_once = [(0.0, ("take", size)), *((gap, change) for gap, change in history if change[0] != "learn")]
    states, _ = replay(asked_once, requests, tokens, burst)
    before = states[-1]
    after = informed(before, requests=of_requests, tokens=of_tokens, now=before.measured_at)
    waits = [
        ask(one, requests=requests, tokens=tokens, burst=burst, size=size, now=before.measured_at)[1]
        for one in (before, after)
    ]
    assert waits[0] <= waits[1] + 1e-6


@given(histories, rates, rates, bursts)
def test_an_idle_key_drains(history: History, requests: int, tokens: int, burst: float) -> None:
    states, _ = replay(history, requests, tokens, burst)
    idle = drained(states[-1], now=states[-1].measured_at + 1e9)
    assert (idle.requests.level, idle.tokens.level) == (0.0, 0.0)


@given(
    st.lists(st.integers(1, 5_000), min_size=2, max_size=8, unique=True),
    st.integers(600, 200_000),
    st.floats(0.05, 5.0),
    st.integers(0, 7),
)
def test_nobody_starves_whatever_the_sizes_of_the_others(
    client_sizes: list[int], tokens: int, burst: float, late_index: int
) -> None:
    """Clients that ask again and again, each with its own size: nobody waits longer than all others take once."""
    pace, asked_first = Pace(), dict.fromkeys(range(len(client_sizes)), START)
    longest = 3 * sum(client_sizes) * 60 / tokens + 0.1 * len(client_sizes) + 3 * burst
    events = [(START + 0.001 * index, index) for index in range(len(client_sizes))]
    grants = dict.fromkeys(range(len(client_sizes)), 0)
    for _ in range(600):
        now, index = heapq.heappop(events)
        pace, wait = ask(pace, requests=None, tokens=tokens, burst=burst, size=client_sizes[index], now=now)
        if wait == 0.0:
            assert now - asked_first[index] <= longest, (index, grants)
            grants[index] += 1
            asked_first[index] = now
        late = 0.01 if index == late_index else 0.0
        heapq.heappush(events, (now + max(wait, 0.0001) + late, index))
    now = min(events)[0]
    assert all(now - since <= longest for since in asked_first.values()), grants
