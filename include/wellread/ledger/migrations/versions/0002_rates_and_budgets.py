"""Rate limits that all workers share, and budgets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
DOUBLE = sa.Float(precision=53)


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "rate_limits",
        sa.Column("key", KEY, nullable=False, comment="An account and a model."),
        sa.Column("requests_per_minute", sa.BigInteger(), nullable=True),
        sa.Column("requests_level", DOUBLE, nullable=False, comment="Taken and not drained yet."),
        sa.Column("requests_learned_per_minute", sa.BigInteger(), nullable=True),
        sa.Column("requests_learned_until", DOUBLE, nullable=False),
        sa.Column("tokens_per_minute", sa.BigInteger(), nullable=True),
        sa.Column("tokens_level", DOUBLE, nullable=False),
        sa.Column("tokens_learned_per_minute", sa.BigInteger(), nullable=True),
        sa.Column("tokens_learned_until", DOUBLE, nullable=False),
        sa.Column("burst_seconds", DOUBLE, nullable=False),
        sa.Column("measured_at", DOUBLE, nullable=False, comment="When the levels were what they say."),
        sa.Column("paused_until", DOUBLE, nullable=False),
        sa.Column(
            "waiting", sa.JSON(), nullable=False, comment="Tokens of refused requests, and when each place is lost."
        ),
        sa.PrimaryKeyConstraint("key"),
        comment="What all workers know of the rate to one account; see wellread.pacing.",
    )
    op.create_table(
        "budgets",
        sa.Column("scope", KEY, nullable=False, comment="run:JOB, day:DATE or tenant:NAME:DATE"),
        sa.Column("reserved_micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("spent_micro_usd", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope"),
        comment="One conditional counter a scope: reserved before each call, settled after it.",
    )
