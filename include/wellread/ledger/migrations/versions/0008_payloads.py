"""Payloads of quarantined documents, and hidden documents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MOMENT = sa.Float(precision=53)


def upgrade() -> None:
    """Widen the quarantine, and create the list of payloads that may be dropped."""
    op.add_column("quarantine", sa.Column("size_bytes", sa.BigInteger(), nullable=True))
    op.add_column(
        "quarantine",
        sa.Column(
            "payload_ref", sa.Text(), nullable=True, comment="The artifact that holds the bytes as they were."
        ),
    )
    op.add_column("quarantine", sa.Column("payload_note", sa.Text(), nullable=True, comment="Why there is none."))
    op.create_index("ix_quarantine_payload_ref", "quarantine", ["payload_ref"])
    op.create_table(
        "loose_payloads",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("reference"),
        comment="Payloads that perhaps no quarantine row refers to: looked at when a run has ended.",
    )
    if op.get_bind().dialect.supports_comments:
        for table, column, comment in (
            ("documents", "state", "live, hidden, deleted or moved"),
            ("staged_documents", "action", "ingest, move, delete, hide or show"),
            ("holds", "kind", "deletion, settings or hiding"),
        ):
            op.alter_column(table, column, existing_type=sa.Text(), existing_nullable=False, comment=comment)
