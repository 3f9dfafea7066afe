"""The tables of purges. A change here needs a migration in ``ledger/migrations/versions``."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, PrimaryKeyConstraint, Table, Text, Uuid

from wellread.ledger.columns import Key, Moment
from wellread.ledger.schema import metadata

purges = Table(
    "purges",
    metadata,
    Column("collection", Key, nullable=False),
    Column("source_id", Key, nullable=False),
    Column("natural_key", Key, nullable=False),
    Column("doc_id", Uuid, nullable=False),
    Column("state", Text, nullable=False, comment="purging or purged"),
    Column("reason", Text, nullable=False),
    Column(
        "work", JSON, nullable=False, comment="What is to be removed, by hashes and ids: a killed purge goes on."
    ),
    Column("receipt_ref", Text),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
    PrimaryKeyConstraint("collection", "source_id", "natural_key"),
    comment="Documents removed for ever: a run that lists one holds it off.",
)

document_artifacts = Table(
    "document_artifacts",
    metadata,
    Column("collection", Key, nullable=False),
    Column("doc_id", Uuid, nullable=False),
    Column("reference", Text, nullable=False),
    PrimaryKeyConstraint("collection", "doc_id", "reference"),
    Index("ix_document_artifacts_reference", "reference"),
    comment="Which artifacts hold text of a document: written before the artifact is.",
)
