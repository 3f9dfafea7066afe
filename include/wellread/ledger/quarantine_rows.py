"""Documents that could not be read, the bytes that are kept of them, and last good versions that are hidden."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Transaction
from wellread.ledger.purge_schema import document_artifacts
from wellread.ledger.purges import link_artifacts
from wellread.ledger.schema import documents, loose_payloads, quarantine, staged
from wellread.ledger.upserts import replace

_PER_STATEMENT = 500


def put_in_quarantine(tx: Transaction, collection: str, source_id: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Record documents that could not be read; a known one counts one more attempt."""
    for row in rows:
        same = _same(collection, source_id, [row["natural_key"]])
        _let_go(tx, same)
        changed = tx.execute(
            sa.update(quarantine).where(same).values(attempts=quarantine.c.attempts + 1, last_at=epoch_now(), **row)
        ).rowcount
        if changed == 0:
            now = epoch_now()
            tx.execute(
                sa.insert(quarantine).values(
                    collection=collection, source_id=source_id, attempts=1, first_at=now, last_at=now, **row
                )
            )


def leave_quarantine(tx: Transaction, collection: str, source_id: str, natural_keys: Sequence[str]) -> None:
    """The document was read, or is gone. One that is still hidden by then is gone for good.

    It keeps the moment at which it was hidden: readers lost it then, and it counts as a deletion of that time.
    """
    for start in range(0, len(natural_keys), _PER_STATEMENT):
        part = natural_keys[start : start + _PER_STATEMENT]
        same = _same(collection, source_id, part)
        _let_go(tx, same)
        tx.execute(sa.delete(quarantine).where(same))
        tx.execute(
            sa.update(documents)
            .where(
                documents.c.collection == collection,
                documents.c.source_id == source_id,
                documents.c.natural_key.in_(part),
                documents.c.state == "hidden",
            )
            .values(state="deleted")
        )


def list_quarantine(tx: Transaction, collection: str, source_id: str | None = None) -> list[Mapping[str, Any]]:
    """Quarantine as plain rows, for people; ``hidden`` says whether the last good version is hidden."""
    hidden = (
        sa.exists()
        .where(
            documents.c.collection == quarantine.c.collection,
            documents.c.source_id == quarantine.c.source_id,
            documents.c.natural_key == quarantine.c.natural_key,
            documents.c.state == "hidden",
        )
        .label("hidden")
    )
    query = sa.select(quarantine, hidden).where(quarantine.c.collection == collection)
    if source_id is not None:
        query = query.where(quarantine.c.source_id == source_id)
    query = query.order_by(quarantine.c.source_id, quarantine.c.natural_key)
    return [dict(row) for row in tx.execute(query).mappings()]


def mark_hidden(tx: Transaction, collection: str, doc_ids: Sequence[uuid.UUID], revision: int) -> None:
    """Readers no longer see the last good version of these documents, from this revision on."""
    for start in range(0, len(doc_ids), _PER_STATEMENT):
        tx.execute(
            sa.update(documents)
            .where(
                documents.c.collection == collection,
                documents.c.doc_id.in_(doc_ids[start : start + _PER_STATEMENT]),
            )
            .values(state="hidden", revision=revision, changed_at=epoch_now())
        )


# -- payloads ----------------------------------------------------------------------------------------------


def expect_payload(tx: Transaction, collection: str, doc_id: uuid.UUID, reference: str) -> None:
    """A payload is about to be stored for a staged document: whatever a crash leaves of it is found again."""
    # Overwriting takes the row's lock: nobody who is dropping this very payload comes between.
    replace(tx, loose_payloads, [{"reference": reference, "since": epoch_now()}])
    link_artifacts(tx, collection, [(doc_id, reference)])


def loose_references(tx: Transaction) -> list[str]:
    """Payloads that perhaps nothing refers to any more."""
    return list(tx.execute(sa.select(loose_payloads.c.reference).order_by(loose_payloads.c.reference)).scalars())


def drop_payload(tx: Transaction, reference: str, delete: Callable[[str], None]) -> bool:
    """Call ``delete`` unless a quarantine row, or a document of an open run, needs the payload.

    The artifact goes inside of the transaction: a run that stores the same bytes at this moment waits for its end.
    """
    loose = sa.select(loose_payloads.c.reference).where(loose_payloads.c.reference == reference)
    if tx.execute(loose.with_for_update()).scalar_one_or_none() is None:
        return False
    links = document_artifacts
    is_kept = tx.execute(sa.select(sa.exists().where(quarantine.c.payload_ref == reference))).scalar_one()
    is_awaited = tx.execute(
        sa.select(
            sa.exists().where(
                links.c.reference == reference,
                staged.c.collection == links.c.collection,
                staged.c.doc_id == links.c.doc_id,
            )
        )
    ).scalar_one()
    if is_awaited:
        return False
    if not is_kept:
        delete(reference)
        tx.execute(sa.delete(links).where(links.c.reference == reference))
    tx.execute(sa.delete(loose_payloads).where(loose_payloads.c.reference == reference))
    return not is_kept


def _let_go(tx: Transaction, same: sa.ColumnElement[bool]) -> None:
    """The payloads of these rows may be dropped, if nothing else refers to them."""
    query = sa.select(quarantine.c.payload_ref).where(same, quarantine.c.payload_ref.is_not(None)).distinct()
    now = epoch_now()
    replace(tx, loose_payloads, [{"reference": one, "since": now} for one in tx.execute(query).scalars()])


def _same(collection: str, source_id: str, natural_keys: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.and_(
        quarantine.c.collection == collection,
        quarantine.c.source_id == source_id,
        quarantine.c.natural_key.in_(natural_keys),
    )
