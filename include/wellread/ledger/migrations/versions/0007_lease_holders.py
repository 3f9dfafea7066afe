"""Who holds a lease: host, process, and since when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOMENT = sa.Float(precision=53)


def upgrade() -> None:
    """Widen the table. Null in all three: an older version wrote the row."""
    op.add_column("leases", sa.Column("taken_at", MOMENT, comment="When it changed hands last."))
    op.add_column("leases", sa.Column("host", sa.Text(), comment="Where the holder gave its last sign of life."))
    op.add_column("leases", sa.Column("pid", sa.BigInteger(), comment="The process there."))
