"""The tables of rates and budgets. A change here needs a migration in ``ledger/migrations/versions``."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Float, Table

from wellread.ledger.columns import Key, Moment
from wellread.ledger.schema import metadata

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("key", Key, primary_key=True, comment="An account and a model."),
    Column("requests_per_minute", BigInteger),
    Column("requests_level", Float(53), nullable=False, comment="Taken and not drained yet."),
    Column("requests_learned_per_minute", BigInteger),
    Column("requests_learned_until", Moment, nullable=False),
    Column("tokens_per_minute", BigInteger),
    Column("tokens_level", Float(53), nullable=False),
    Column("tokens_learned_per_minute", BigInteger),
    Column("tokens_learned_until", Moment, nullable=False),
    Column("burst_seconds", Float(53), nullable=False),
    Column("measured_at", Moment, nullable=False, comment="When the levels were what they say."),
    Column("paused_until", Moment, nullable=False),
    Column("waiting", JSON, nullable=False, comment="Tokens of refused requests, and when each place is lost."),
    comment="What all workers know of the rate to one account; see wellread.pacing.",
)

budgets = Table(
    "budgets",
    metadata,
    Column("scope", Key, primary_key=True, comment="run:JOB, day:DATE or tenant:NAME:DATE"),
    Column("reserved_micro_usd", BigInteger, nullable=False),
    Column("spent_micro_usd", BigInteger, nullable=False),
    comment="One conditional counter a scope: reserved before each call, settled after it.",
)
