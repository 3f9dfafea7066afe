"""What a rate allows, as pure functions of a state and a clock: every rate limiter decides by these.

A key has two leaky buckets, one of requests and one of tokens (the continuous-state leaky bucket of ITU-T
I.371, the mirror image of a token bucket): ``level`` is what was taken and has not drained yet; it drains at
the rate, and a request is granted where it finds room below the capacity of ``burst_seconds`` of the rate.
So in any window of ``w`` seconds at most ``w * rate / 60 + capacity`` is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

LEARNED_SECONDS = 60.0
"""A limit that a response told counts so long: an account that was raised is not held down for ever."""
LONGEST_PAUSE_SECONDS = 86_400.0
"""The longest window of any provider is a day: a header that names a later moment is wrong."""
MARGIN_SECONDS = 0.002
"""Added to every wait, so that clocks and rounding do not make a caller come a moment too early."""
LATE_SECONDS = 1.0
"""A request that waits and does not ask again in time, and so long after it, loses its place."""
QUEUE_POLL_SECONDS = 0.02
"""How soon those behind the first that waits look again, at the least."""
LONGEST_QUEUE = 64
"""Places. Who finds none waits too, without one."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Requests or tokens of one key."""

    per_minute: int | None = None
    """The configured rate. None: no limit."""
    level: float = 0.0
    """Taken and not drained yet. Never negative; above the capacity it is a debt."""
    learned_per_minute: int | None = None
    learned_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Pace:
    """What is known about one key. Times are seconds of the backend's clock."""

    requests: Bucket = Bucket()
    tokens: Bucket = Bucket()
    burst_seconds: float = 1.0
    measured_at: float = 0.0
    """When the levels were what they say."""
    paused_until: float = 0.0
    waiting: tuple[tuple[int, float], ...] = ()
    """Requests that were refused, first come first: the tokens that one is recognised by, when its place is lost.

    Nobody may take what the first one waits for: small requests would keep a large one waiting for ever.
    """


@dataclass(frozen=True, slots=True)
class Told:
    """What response headers say about one bucket. None: nothing."""

    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None


def rate_of(bucket: Bucket, *, now: float) -> int | None:
    """Units a minute that hold now: the configured rate, or a lower one that was learned. None: no limit."""
    learned = bucket.learned_per_minute if now < bucket.learned_until else None
    if bucket.per_minute is None or learned is None:
        return bucket.per_minute or learned
    return min(bucket.per_minute, learned)


def capacity_of(per_minute: float, burst_seconds: float) -> float:
    """Units that may be taken at once: ``burst_seconds`` of the rate, at least one."""
    return max(1.0, per_minute * burst_seconds / 60)


def take(
    pace: Pace,
    *,
    requests_per_minute: int | None,
    tokens_per_minute: int | None,
    burst_seconds: float,
    tokens: int,
    now: float,
) -> tuple[Pace, float]:
    """One request of ``tokens`` tokens under the configured rates: the state after it, and 0.0 where it is granted.

    Else the seconds after which to ask again, and a state in which nothing was taken. A request larger than the
    token bucket is granted when all that was taken before has drained.
    """
    found = drained(
        replace(
            pace,
            requests=replace(pace.requests, per_minute=requests_per_minute),
            tokens=replace(pace.tokens, per_minute=tokens_per_minute),
            burst_seconds=burst_seconds,
            waiting=tuple(place for place in pace.waiting if now < place[1]),
        ),
        now=now,
    )
    if now < found.paused_until:
        return pace, found.paused_until - now + MARGIN_SECONDS
    in_line = _wait_in_line_seconds(found, tokens, now)
    wait = max(in_line, _wait_seconds(found.requests, 1, burst_seconds, now))
    if wait > 0:
        return (_with_place(found, tokens, now + wait) if in_line > 0 else pace), wait + MARGIN_SECONDS
    requests = replace(found.requests, level=found.requests.level + 1)
    taken = replace(found.tokens, level=found.tokens.level + tokens)
    waiting = tuple(place for place in found.waiting if place[0] != tokens)
    return replace(found, requests=requests, tokens=taken, waiting=waiting), 0.0


def settled(pace: Pace, *, reserved_tokens: int, used_tokens: int, now: float) -> Pace:
    """The rest of a reservation given back, or the excess taken: never more left than the capacity."""
    found = drained(pace, now=now)
    level = max(0.0, found.tokens.level + used_tokens - reserved_tokens)
    return replace(found, tokens=replace(found.tokens, level=level))


def paused(pace: Pace, *, seconds: float, now: float) -> Pace:
    """Nobody gets anything before ``seconds`` have passed; a longer pause stands. A day is the longest."""
    return replace(pace, paused_until=max(pace.paused_until, now + min(seconds, LONGEST_PAUSE_SECONDS)))


def informed(pace: Pace, *, requests: Told, tokens: Told, now: float) -> Pace:
    """With what headers say: limits cap ours for a minute, less left than we believe is believed.

    Nothing left pauses the key until the reset that the provider names.
    """
    found = drained(pace, now=now)
    found = replace(
        found,
        requests=_informed_bucket(found.requests, requests, found.burst_seconds, now),
        tokens=_informed_bucket(found.tokens, tokens, found.burst_seconds, now),
    )
    for told in (requests, tokens):
        if told.remaining is not None and told.remaining <= 0 and told.reset_seconds is not None:
            found = paused(found, seconds=told.reset_seconds, now=now)
    return found


def drained(pace: Pace, *, now: float) -> Pace:
    """The levels of this moment. A clock that was set back drains nothing, and costs nothing later."""
    elapsed = max(0.0, now - pace.measured_at)
    return replace(
        pace,
        requests=_drained_bucket(pace.requests, elapsed, now),
        tokens=_drained_bucket(pace.tokens, elapsed, now),
        measured_at=now,
    )


def _drained_bucket(bucket: Bucket, elapsed_seconds: float, now: float) -> Bucket:
    per_minute = rate_of(bucket, now=now)
    level = 0.0 if per_minute is None else max(0.0, bucket.level - elapsed_seconds * per_minute / 60)
    return replace(bucket, level=level)


def _wait_seconds(bucket: Bucket, amount: int, burst_seconds: float, now: float) -> float:
    per_minute = rate_of(bucket, now=now)
    if per_minute is None:
        return 0.0
    room = max(0.0, capacity_of(per_minute, burst_seconds) - amount)
    return max(0.0, bucket.level - room) * 60 / per_minute


def _wait_in_line_seconds(pace: Pace, tokens: int, now: float) -> float:
    """Until there is room for so many tokens; for who is not the first that waits, until it is worth asking."""
    wait = _wait_seconds(pace.tokens, tokens, pace.burst_seconds, now)
    first = pace.waiting[0][0] if pace.waiting else tokens
    per_minute = rate_of(pace.tokens, now=now)
    if first == tokens or per_minute is None:
        return wait
    if pace.tokens.level + first + tokens <= capacity_of(per_minute, pace.burst_seconds):
        return wait
    return max(wait, _wait_seconds(pace.tokens, first, pace.burst_seconds, now), QUEUE_POLL_SECONDS)


def _with_place(pace: Pace, tokens: int, due: float) -> Pace:
    until = due + LATE_SECONDS
    if any(size == tokens for size, _ in pace.waiting):
        kept = ((size, until if size == tokens else end) for size, end in pace.waiting)
        return replace(pace, waiting=tuple(kept))
    return replace(pace, waiting=(*pace.waiting, (tokens, until))[:LONGEST_QUEUE])


def _informed_bucket(bucket: Bucket, told: Told, burst_seconds: float, now: float) -> Bucket:
    if told.limit is not None and told.limit > 0:
        bucket = replace(bucket, learned_per_minute=told.limit, learned_until=now + LEARNED_SECONDS)
    per_minute = rate_of(bucket, now=now)
    if told.remaining is None or per_minute is None:
        return bucket
    return replace(bucket, level=max(bucket.level, capacity_of(per_minute, burst_seconds) - max(0, told.remaining)))
