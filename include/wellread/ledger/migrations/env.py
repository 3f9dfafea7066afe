"""Alembic runs inside the connection that ``wellread.ledger.database`` hands over."""

from __future__ import annotations

from alembic import context

from wellread.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the caller holds one transaction around all migrations
)
context.run_migrations()
