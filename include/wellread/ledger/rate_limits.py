"""Rate limits held in the ledger: shared by all workers that reach it, on Postgres; exact on SQLite too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import sqlalchemy as sa

from wellread import pacing
from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Ledger, Transaction
from wellread.ledger.spend_schema import rate_limits
from wellread.ledger.upserts import insert_missing

_Change = Callable[[pacing.Pace, float], tuple[pacing.Pace, float]]


class _Rate(Protocol):
    """``coordination.protocol.Rate``: rooms of one rank do not import each other."""

    @property
    def requests_per_minute(self) -> int | None: ...
    @property
    def tokens_per_minute(self) -> int | None: ...
    @property
    def burst_seconds(self) -> float: ...


class LedgerRateLimiter:
    """A ``RateLimiter`` in SQL: one row a key, read and changed under its lock, by the database's clock.

    Every method raises ``TransientError`` where the database cannot be reached.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def reserve(self, key: str, rate: _Rate, *, tokens: int) -> float:
        """0.0 where granted, else the seconds after which to ask again."""
        return self._change(
            key,
            lambda pace, now: pacing.take(
                pace,
                requests_per_minute=rate.requests_per_minute,
                tokens_per_minute=rate.tokens_per_minute,
                burst_seconds=rate.burst_seconds,
                tokens=tokens,
                now=now,
            ),
        )

    def settle(self, key: str, *, reserved_tokens: int, used_tokens: int) -> None:
        """Give back what a granted reservation did not use, or take the excess."""
        if reserved_tokens == used_tokens:
            return
        self._change(
            key,
            lambda pace, now: (
                pacing.settled(pace, reserved_tokens=reserved_tokens, used_tokens=used_tokens, now=now),
                0.0,
            ),
        )

    def pause(self, key: str, *, seconds: float) -> None:
        """Nobody gets anything before so many seconds have passed."""
        self._change(key, lambda pace, now: (pacing.paused(pace, seconds=seconds, now=now), 0.0))

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
        if requests == tokens == pacing.Told():
            return
        self._change(key, lambda pace, now: (pacing.informed(pace, requests=requests, tokens=tokens, now=now), 0.0))

    def _change(self, key: str, change: _Change) -> float:
        with self._ledger.transaction() as tx:
            found = _locked(tx, key)
            # After the lock: whoever waited for it must not drain the same seconds twice.
            now = float(tx.execute(sa.select(epoch_now())).scalar_one())
            pace, wait = change(found, now)
            if pace != found:
                tx.execute(sa.update(rate_limits).where(rate_limits.c.key == key).values(_columns(pace)))
        return wait


def _locked(tx: Transaction, key: str) -> pacing.Pace:
    query = sa.select(rate_limits).where(rate_limits.c.key == key).with_for_update()
    row = tx.execute(query).mappings().one_or_none()
    if row is None:
        insert_missing(tx, rate_limits, [{"key": key, **_columns(pacing.Pace())}])
        row = tx.execute(query).mappings().one()
    return pacing.Pace(
        _bucket(row, "requests"),
        _bucket(row, "tokens"),
        burst_seconds=row["burst_seconds"],
        measured_at=row["measured_at"],
        paused_until=row["paused_until"],
        waiting=tuple((tokens, until) for tokens, until in row["waiting"]),
    )


def _bucket(row: sa.RowMapping, name: str) -> pacing.Bucket:
    return pacing.Bucket(
        per_minute=row[f"{name}_per_minute"],
        level=row[f"{name}_level"],
        learned_per_minute=row[f"{name}_learned_per_minute"],
        learned_until=row[f"{name}_learned_until"],
    )


def _columns(pace: pacing.Pace) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "burst_seconds": pace.burst_seconds,
        "measured_at": pace.measured_at,
        "paused_until": pace.paused_until,
        "waiting": pace.waiting,
    }
    for name, bucket in (("requests", pace.requests), ("tokens", pace.tokens)):
        columns |= {
            f"{name}_per_minute": bucket.per_minute,
            f"{name}_level": bucket.level,
            f"{name}_learned_per_minute": bucket.learned_per_minute,
            f"{name}_learned_until": bucket.learned_until,
        }
    return columns
