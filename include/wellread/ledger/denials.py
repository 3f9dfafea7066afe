"""Documents and sources that no reader may see, whatever snapshot is pinned: part of every head."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Literal

import sqlalchemy as sa

from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Transaction
from wellread.ledger.schema import denied
from wellread.ledger.upserts import insert_missing

DeniedKind = Literal["document", "source"]


def deny(
    tx: Transaction, collection: str, kind: DeniedKind, values: Sequence[str | uuid.UUID], reason: str
) -> None:
    """Withdraw documents or sources; what is withdrawn already keeps its own reason."""
    rows = [
        {"collection": collection, "kind": kind, "value": str(value), "reason": reason, "since": epoch_now()}
        for value in values
    ]
    insert_missing(tx, denied, rows)


def allow(tx: Transaction, collection: str, reason: str) -> int:
    """Take back what was withdrawn for this reason; returns how many entries."""
    same = sa.and_(denied.c.collection == collection, denied.c.reason == reason)
    return tx.execute(sa.delete(denied).where(same)).rowcount
