"""As of when the index is true to its sources."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from wellread.ledger.database import Transaction
from wellread.ledger.schema import runs, sources


def successes_by_source(
    tx: Transaction, collection: str, source_ids: Sequence[str] = ()
) -> dict[str, float | None]:
    """For each source when its last successful run began, in seconds since 1970; ``None``: it has had none.

    Without ``source_ids``: of every source that the collection knows.
    """
    names = (
        source_ids or tx.execute(sa.select(sources.c.source_id).where(sources.c.collection == collection)).scalars()
    )
    query = (
        sa.select(runs.c.source_id, sa.func.max(runs.c.started_at).label("began_at"))
        .where(runs.c.collection == collection, runs.c.state == "succeeded")
        .group_by(runs.c.source_id)
    )
    began = {row.source_id: float(row.began_at) for row in tx.execute(query)}
    return {name: began.get(name) for name in names}
