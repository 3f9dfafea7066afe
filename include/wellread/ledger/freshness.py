"""As of when the index is true to its sources."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from wellread.ledger.database import Transaction
from wellread.ledger.schema import runs, sources

_LEFT_OVER = ("pending", "failed_transient")
"""Documents that a run leaves to the next one."""


def complete_runs_began(
    tx: Transaction, collection: str, *, tenant: str, source_ids: Sequence[str] = ()
) -> dict[str, float | None]:
    """For each source when its last complete run began, in seconds since 1970; ``None``: it has had none.

    A run is complete when it succeeded and left no document to the next one. Without ``source_ids``: of every
    source of the tenant in this collection.
    """
    names = (
        source_ids
        or tx.execute(
            sa.select(sources.c.source_id).where(sources.c.collection == collection, sources.c.tenant == tenant)
        )
        .scalars()
        .all()
    )
    documents = runs.c.report["sheet"]["documents"]
    query = (
        sa.select(runs.c.source_id, sa.func.max(runs.c.started_at).label("began_at"))
        .where(runs.c.collection == collection, runs.c.state == "succeeded")
        .where(*(documents[name].as_integer() == 0 for name in _LEFT_OVER))
        .group_by(runs.c.source_id)
    )
    began = {row.source_id: float(row.began_at) for row in tx.execute(query)}
    return {name: began.get(name) for name in names}
