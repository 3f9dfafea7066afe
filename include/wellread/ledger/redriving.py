"""Ask for one more try of quarantined documents."""

from __future__ import annotations

import sqlalchemy as sa

from wellread.ledger.database import Transaction
from wellread.ledger.schema import quarantine


def mark_for_redrive(
    tx: Transaction,
    collection: str,
    *,
    natural_key: str | None = None,
    source_id: str | None = None,
    cause: str | None = None,
) -> list[tuple[str, str]]:
    """Mark the rows that meet all that is given; returns their (source id, natural key), sorted.

    A marked row bears no stage signature, so it equals no run's: the next run tries the document as if it had
    changed, and a new failure writes the signature again. Attempts go on counting.
    """
    where = [quarantine.c.collection == collection]
    wanted = (
        (quarantine.c.natural_key, natural_key),
        (quarantine.c.source_id, source_id),
        (quarantine.c.cause, cause),
    )
    where += [column == value for column, value in wanted if value is not None]
    found = tx.execute(sa.select(quarantine.c.source_id, quarantine.c.natural_key).where(*where)).all()
    tx.execute(sa.update(quarantine).where(*where).values(stage_signature=""))
    return sorted((row.source_id, row.natural_key) for row in found)
