"""Who may read: the access that documents have, and what no reader may see whatever snapshot is pinned."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Literal

import sqlalchemy as sa

from wellread.documents import Acl
from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Transaction
from wellread.ledger.schema import denied, documents
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


def forget_access(tx: Transaction, collection: str, doc_id: uuid.UUID) -> None:
    """The access on a document's objects is being changed: until that is published nobody knows what they carry.

    An empty list equals no access that a source can give, so the next run patches them again after a crash.
    """
    tx.execute(
        sa.update(documents)
        .where(documents.c.collection == collection, documents.c.doc_id == doc_id)
        .values(acl=[], facts_sha="")
    )


def set_access(tx: Transaction, collection: str, doc_id: uuid.UUID, acl: Acl) -> None:
    """All objects of a document carry this access now. Its facts stay unknown until the next publication."""
    tx.execute(
        sa.update(documents)
        .where(documents.c.collection == collection, documents.c.doc_id == doc_id)
        .values(acl=list(acl))
    )
