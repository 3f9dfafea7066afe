"""The tables of question jobs. A change here needs a migration in ``ledger/migrations/versions``."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from wellread.ledger.columns import Key, Moment
from wellread.ledger.schema import metadata

question_jobs = Table(
    "question_jobs",
    metadata,
    Column("job_id", Key, primary_key=True),
    Column("tenant", Key, nullable=False),
    Column("plan_ref", Text, nullable=False),
    Column("owner", Text),
    Column("token", BigInteger, nullable=False, comment="Grows with each claim: the fence."),
    Column("expires_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
)

question_rows = Table(
    "question_rows",
    metadata,
    Column("job_id", Key, nullable=False),
    Column("position", Integer, nullable=False),
    Column("question_id", Key, nullable=False),
    Column("request_key", Key, nullable=False),
    Column("state", Text, nullable=False, comment="planned, reserved, sent, received or final"),
    Column("maybe_billed", Boolean, nullable=False),
    Column("response_ref", Text),
    Column("status", Text),
    Column("row", Text, comment="The final answer row as JSON."),
    Column("attempts", Integer, nullable=False, server_default="0", comment="Requests sent."),
    Column("reserved_micro_usd", BigInteger, nullable=False, server_default="0"),
    Column("reserved_scopes", JSON, comment="The budgets that hold the reservation."),
    Column("batch_key", Key, comment="The provider batch that the row is in."),
    PrimaryKeyConstraint("job_id", "position"),
    UniqueConstraint("job_id", "question_id"),
    Index("ix_question_rows_request", "request_key"),
)

question_inputs = Table(
    "question_inputs",
    metadata,
    Column("input_key", Key, primary_key=True, comment="Hash of the questions and of how they are answered."),
    Column("plan_ref", Text, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("planned_at", Moment, nullable=False),
    comment="Which frozen plan an interrupted job goes on with.",
)

question_batches = Table(
    "question_batches",
    metadata,
    Column("batch_key", Key, primary_key=True),
    Column("job_id", Key, nullable=False, index=True),
    Column("state", Text, nullable=False, comment="intended, submitted, collected or rejected"),
    Column("provider_id", Text),
    Column("model", Text, nullable=False),
    Column("input_tokens", BigInteger, nullable=False, comment="A bound of what it enqueues."),
    Column("created_at", Moment, nullable=False),
    comment="Provider batches, written down before they are submitted.",
)

responses = Table(
    "responses",
    metadata,
    Column("tenant", Key, nullable=False),
    Column("request_key", Key, nullable=False),
    Column("reference", Text, nullable=False, comment="The artifact with the raw body."),
    Column("model", Text, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cached_input_tokens", BigInteger, nullable=False),
    Column("cost_micro_usd", BigInteger, comment="Null: the price is not known."),
    Column("is_batch", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint("tenant", "request_key"),
    comment="The exact answer cache: what was paid for once is read again for nothing.",
)

question_results = Table(
    "question_results",
    metadata,
    Column("job_name", Key, primary_key=True, comment="What a repeated job is known by: its DAG, or its file."),
    Column("results_ref", Text, nullable=False, comment="The artifact with the rows that were published last."),
    Column("published_at", Moment, nullable=False),
    comment="What the next run of a job is compared with.",
)
