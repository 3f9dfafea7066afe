"""Claims on embedding keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.Float(precision=53)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "claims",
        sa.Column("embedding_key", KEY, nullable=False),
        sa.Column("holder", KEY, nullable=False),
        sa.Column("process", sa.JSON(), nullable=False, comment="host, pid and start of the worker"),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("embedding_key"),
        comment="Who is paying for a vector at this moment.",
    )
    op.create_index("ix_claims_holder", "claims", ["holder"])
