"""Responses that were paid for, provider batches, reservations of rows, and results that jobs published."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.Float(precision=53)


def upgrade() -> None:
    """Create the tables, and widen the rows of question jobs."""
    _create_responses()
    _create_batches()
    op.create_table(
        "question_results",
        sa.Column(
            "job_name", KEY, nullable=False, comment="What a repeated job is known by: its DAG, or its file."
        ),
        sa.Column(
            "results_ref", sa.Text(), nullable=False, comment="The artifact with the rows that were published last."
        ),
        sa.Column("published_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("job_name"),
        comment="What the next run of a job is compared with.",
    )
    for column in (
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0", comment="Requests sent."),
        sa.Column("reserved_micro_usd", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("reserved_scopes", sa.JSON(), comment="The budgets that hold the reservation."),
        sa.Column("batch_key", KEY, comment="The provider batch that the row is in."),
    ):
        op.add_column("question_rows", column)


def _create_responses() -> None:
    op.create_table(
        "responses",
        sa.Column("tenant", KEY, nullable=False),
        sa.Column("request_key", KEY, nullable=False),
        sa.Column("reference", sa.Text(), nullable=False, comment="The artifact with the raw body."),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_micro_usd", sa.BigInteger(), nullable=True, comment="Null: the price is not known."),
        sa.Column("is_batch", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "request_key"),
        comment="The exact answer cache: what was paid for once is read again for nothing.",
    )


def _create_batches() -> None:
    op.create_table(
        "question_batches",
        sa.Column("batch_key", KEY, nullable=False),
        sa.Column("job_id", KEY, nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="intended, submitted, collected or rejected"),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False, comment="A bound of what it enqueues."),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("batch_key"),
        comment="Provider batches, written down before they are submitted.",
    )
    op.create_index("ix_question_batches_job_id", "question_batches", ["job_id"])
