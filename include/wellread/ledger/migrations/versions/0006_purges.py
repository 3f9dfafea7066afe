"""Purges, which artifacts hold text of which document, and retired sources."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.Float(precision=53)


def upgrade() -> None:
    """Create both tables, and widen the sources."""
    op.create_table(
        "purges",
        sa.Column("collection", KEY, nullable=False),
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("natural_key", KEY, nullable=False),
        sa.Column("doc_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="purging or purged"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "work",
            sa.JSON(),
            nullable=False,
            comment="What is to be removed, by hashes and ids: a killed purge goes on.",
        ),
        sa.Column("receipt_ref", sa.Text(), nullable=True),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("collection", "source_id", "natural_key"),
        comment="Documents removed for ever: a run that lists one holds it off.",
    )
    op.create_table(
        "document_artifacts",
        sa.Column("collection", KEY, nullable=False),
        sa.Column("doc_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("collection", "doc_id", "reference"),
        comment="Which artifacts hold text of a document: written before the artifact is.",
    )
    op.create_index("ix_document_artifacts_reference", "document_artifacts", ["reference"])
    op.add_column(
        "sources",
        sa.Column(
            "retired_at",
            MOMENT,
            nullable=True,
            comment="Null unless its declaration is gone and its documents were closed.",
        ),
    )
