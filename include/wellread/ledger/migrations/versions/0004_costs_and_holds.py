"""What embedding cost, and holds of settings changes beside those of deletions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen both tables."""
    op.add_column("usage", sa.Column("cost_micro_usd", sa.BigInteger(), comment="Null: no price was known."))
    op.add_column(
        "holds",
        sa.Column("kind", sa.Text(), nullable=False, server_default="deletion", comment="deletion or settings"),
    )
