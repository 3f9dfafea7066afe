"""Reference rows: one for every object that a projection holds or may hold.

A row is written (intended) before its object, and acknowledged after the audit found the object. What a crash
leaves behind is therefore always named here.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Transaction
from wellread.ledger.schema import audits, objects, revisions
from wellread.ledger.upserts import insert_missing, replace
from wellread.snapshots import OPEN, Projection

_IDS_PER_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """One reference row."""

    object_id: uuid.UUID
    kind: str
    key: uuid.UUID
    doc_id: uuid.UUID
    rev_from: int
    rev_to: int
    copy: int
    payload_hash: str
    embedding_key: str | None
    reference: str
    ordinal: int
    facts: Mapping[str, Any] | None = None
    acknowledged_at: float | None = None


def intend(tx: Transaction, projection: Projection, rows: Sequence[ObjectRow]) -> None:
    """Write rows as intended; rows that are known (a retried task) become intended again."""
    replace(
        tx,
        objects,
        [
            {
                "collection": projection.collection,
                "projection": projection.number,
                "object_id": row.object_id,
                "kind": row.kind,
                "key": row.key,
                "doc_id": row.doc_id,
                "rev_from": row.rev_from,
                "rev_to": row.rev_to,
                "copy": row.copy,
                "payload_hash": row.payload_hash,
                "embedding_key": row.embedding_key,
                "reference": row.reference,
                "ordinal": row.ordinal,
                "facts": row.facts,
                "acknowledged_at": None,
            }
            for row in rows
        ],
    )


def acknowledge(tx: Transaction, projection: Projection, object_ids: Sequence[uuid.UUID]) -> None:
    """The audit found these objects, in the vector index where they have a vector.

    Those that were acknowledged before keep their moment: it says what a killed server may have lost.
    """
    for ids in _parts(object_ids):
        tx.execute(
            sa.update(objects)
            .where(_of(projection), objects.c.object_id.in_(ids), objects.c.acknowledged_at.is_(None))
            .values(acknowledged_at=epoch_now())
        )


def forget(tx: Transaction, projection: Projection, object_ids: Sequence[uuid.UUID]) -> None:
    """The objects are proven gone from the store."""
    for ids in _parts(object_ids):
        tx.execute(sa.delete(objects).where(_of(projection), objects.c.object_id.in_(ids)))


def set_rev_to(tx: Transaction, projection: Projection, object_ids: Sequence[uuid.UUID], rev_to: int) -> None:
    """Close rows (or reopen them with 0): written before the store is patched."""
    for ids in _parts(object_ids):
        tx.execute(sa.update(objects).where(_of(projection), objects.c.object_id.in_(ids)).values(rev_to=rev_to))


def open_objects(
    tx: Transaction, projection: Projection, doc_ids: Sequence[uuid.UUID], *, closing_revision: int
) -> dict[uuid.UUID, list[ObjectRow]]:
    """What readers see of each document, and what ``closing_revision`` was already about to close of it."""
    found: dict[uuid.UUID, list[ObjectRow]] = {doc_id: [] for doc_id in doc_ids}
    for ids in _parts(doc_ids):
        query = sa.select(objects).where(
            _of(projection),
            objects.c.doc_id.in_(ids),
            objects.c.rev_to.in_((OPEN, closing_revision)),
            objects.c.rev_from != closing_revision,
        )
        for row in tx.execute(query):
            found[row.doc_id].append(_row(row))
    return found


def opened_by(
    tx: Transaction, projection: Projection, revision: int, doc_ids: Sequence[uuid.UUID] | None = None
) -> list[ObjectRow]:
    """Rows that the revision opened or meant to open (of these documents, where given)."""
    return _rows_of(tx, projection, objects.c.rev_from == revision, doc_ids)


def closed_by(
    tx: Transaction, projection: Projection, revision: int, doc_ids: Sequence[uuid.UUID] | None = None
) -> list[ObjectRow]:
    """Rows that the revision closed or meant to close."""
    return _rows_of(tx, projection, objects.c.rev_to == revision, doc_ids)


def _rows_of(
    tx: Transaction,
    projection: Projection,
    condition: sa.ColumnElement[bool],
    doc_ids: Sequence[uuid.UUID] | None,
) -> list[ObjectRow]:
    base = sa.select(objects).where(_of(projection), condition)
    if doc_ids is None:
        return [_row(row) for row in tx.execute(base)]
    rows: list[ObjectRow] = []
    for ids in _parts(doc_ids):
        rows.extend(_row(row) for row in tx.execute(base.where(objects.c.doc_id.in_(ids))))
    return rows


def newest_acknowledged(tx: Transaction, projection: Projection, *, limit: int) -> list[ObjectRow]:
    """The last objects that the store acknowledged: a killed server loses the tail of its vector index."""
    query = (
        sa.select(objects)
        .where(_of(projection), objects.c.acknowledged_at.is_not(None))
        .order_by(objects.c.acknowledged_at.desc())
        .limit(limit)
    )
    return [_row(row) for row in tx.execute(query)]


def unaudited(tx: Transaction, projection: Projection) -> list[ObjectRow]:
    """Objects of published revisions that no audit has found yet: copies whose repair was interrupted."""
    query = (
        sa.select(objects)
        .join(
            revisions,
            sa.and_(revisions.c.collection == objects.c.collection, revisions.c.number == objects.c.rev_from),
        )
        .where(_of(projection), objects.c.acknowledged_at.is_(None), revisions.c.state == "published")
    )
    return [_row(row) for row in tx.execute(query)]


def find_rows(
    tx: Transaction, projection: Projection, object_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, ObjectRow]:
    """Rows by id; unknown ids are left out."""
    found: dict[uuid.UUID, ObjectRow] = {}
    for ids in _parts(object_ids):
        query = sa.select(objects).where(_of(projection), objects.c.object_id.in_(ids))
        found.update({row.object_id: _row(row) for row in tx.execute(query)})
    return found


def rows_of_document(tx: Transaction, projection: Projection, doc_id: uuid.UUID) -> list[ObjectRow]:
    """Every row of a document, open or closed."""
    query = sa.select(objects).where(_of(projection), objects.c.doc_id == doc_id)
    return [_row(row) for row in tx.execute(query)]


def rows_of_documents(tx: Transaction, projection: Projection, doc_ids: Sequence[uuid.UUID]) -> list[ObjectRow]:
    """Every row of these documents, open or closed."""
    return _rows_of(tx, projection, sa.true(), doc_ids)


def set_facts(tx: Transaction, projection: Projection, facts: Mapping[uuid.UUID, Mapping[str, Any]]) -> None:
    """Replace the facts of rows, by object id: what a repaired copy carries."""
    for object_id, value in facts.items():
        tx.execute(
            sa.update(objects).where(_of(projection), objects.c.object_id == object_id).values(facts=dict(value))
        )


def closed_before(
    tx: Transaction, projection: Projection, published: Sequence[int], *, limit: int
) -> list[ObjectRow]:
    """Rows that one of these published revisions closed: vacuum's work, at most ``limit`` a call."""
    found: list[ObjectRow] = []
    for start in range(0, len(published), _IDS_PER_STATEMENT):
        query = (
            sa.select(objects)
            .where(_of(projection), objects.c.rev_to.in_(published[start : start + _IDS_PER_STATEMENT]))
            .limit(limit - len(found))
        )
        found.extend(_row(row) for row in tx.execute(query))
        if len(found) >= limit:
            break
    return found


def page_of_rows(
    tx: Transaction,
    projection: Projection,
    kind: str,
    *,
    after: uuid.UUID | None,
    until: uuid.UUID | None,
    limit: int,
) -> list[ObjectRow]:
    """Rows of a kind with ids above ``after`` and up to ``until``, in the order of ids, at most ``limit``."""
    query = sa.select(objects).where(_of(projection), objects.c.kind == kind)
    if after is not None:
        query = query.where(objects.c.object_id > after)
    if until is not None:
        query = query.where(objects.c.object_id <= until)
    return [_row(row) for row in tx.execute(query.order_by(objects.c.object_id).limit(limit))]


def count_open_chunks(tx: Transaction, projection: Projection, *, without: Collection[int]) -> int:
    """How many chunks no revision has closed, those of the revisions ``without`` left out."""
    query = sa.select(sa.func.count()).where(
        _of(projection),
        objects.c.kind == "chunks",
        objects.c.rev_to == OPEN,
        objects.c.rev_from.not_in(sorted(without)),
    )
    return int(tx.execute(query).scalar_one())


def second_copies(tx: Transaction, projection: Projection) -> list[ObjectRow]:
    """All rows of those keys and revisions that have more than one copy: repairs that were cut off."""
    same = (objects.c.kind, objects.c.key, objects.c.rev_from)
    doubled = sa.select(*same).where(_of(projection)).group_by(*same).having(sa.func.count() > 1).subquery()
    query = (
        sa.select(objects)
        .join(doubled, sa.and_(*(column == doubled.c[column.name] for column in same)))
        .where(_of(projection))
    )
    return [_row(row) for row in tx.execute(query)]


def all_rows(tx: Transaction, projection: Projection, kind: str) -> list[ObjectRow]:
    """Every row of a kind: for reconciling and for tests."""
    query = sa.select(objects).where(_of(projection), objects.c.kind == kind)
    return [_row(row) for row in tx.execute(query)]


def record_audit(
    tx: Transaction, projection: Projection, revision: int, *, objects_seen: int, repaired: int
) -> None:
    """The revision was audited in this projection."""
    row = {
        "collection": projection.collection,
        "revision": revision,
        "projection": projection.number,
        "objects": objects_seen,
        "repaired": repaired,
        "audited_at": epoch_now(),
    }
    insert_missing(tx, audits, [row])
    tx.execute(
        sa.update(audits)
        .where(
            audits.c.collection == projection.collection,
            audits.c.revision == revision,
            audits.c.projection == projection.number,
        )
        .values(objects=objects_seen, repaired=audits.c.repaired + repaired, audited_at=epoch_now())
    )


def _of(projection: Projection) -> sa.ColumnElement[bool]:
    return sa.and_(objects.c.collection == projection.collection, objects.c.projection == projection.number)


def _parts(ids: Sequence[uuid.UUID]) -> list[Sequence[uuid.UUID]]:
    return [ids[start : start + _IDS_PER_STATEMENT] for start in range(0, len(ids), _IDS_PER_STATEMENT)]


def _row(row: sa.Row[Any]) -> ObjectRow:
    return ObjectRow(
        row.object_id,
        row.kind,
        row.key,
        row.doc_id,
        row.rev_from,
        row.rev_to,
        row.copy,
        row.payload_hash,
        row.embedding_key,
        row.reference,
        row.ordinal,
        row.facts,
        row.acknowledged_at,
    )
