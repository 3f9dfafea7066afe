"""Physical copies of a collection beside the live one: built, switched to by one head, and forgotten.

States of a copy: ``live`` (exactly one), ``rebuilding`` (being filled from the ledger), ``replaced`` (by a
rebuild; readers may still look at it for a moment), ``dropping`` (a migration that was finished gave it up),
``creating`` (its collections in the store may not stand yet, so nobody writes it), ``migrating`` (being filled for
another model, or kept in step to be switched to), ``retained`` (the copy before a switch, kept in step so that it
can be switched back to) and ``dropped`` (its number and epoch are never used again). Every run writes the live copy
and all mirrors.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from wellread.ledger import revisions
from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Transaction
from wellread.ledger.schema import collections, documents, objects, projections, quarantine
from wellread.snapshots import Head, ModelIdentity, Projection

_ROWS_PER_DELETE = 5_000
MIRRORS = ("migrating", "retained")
"""States of copies that every run writes beside the live one. Their collections in the store stand."""
LEAVING = ("replaced", "dropping")
"""States of copies that are deleted as soon as no reader can hold a head that names them."""


def projections_in_state(tx: Transaction, name: str, state: str) -> list[Projection]:
    """The copies of a collection in this state, oldest first."""
    query = sa.select(projections).where(projections.c.collection == name, projections.c.state == state)
    return [_projection(row) for row in tx.execute(query.order_by(projections.c.number))]


def state_of(tx: Transaction, projection: Projection) -> str:
    """The state of one copy."""
    query = sa.select(projections.c.state).where(
        projections.c.collection == projection.collection, projections.c.number == projection.number
    )
    return str(tx.execute(query).scalar_one())


def mirrors(tx: Transaction, name: str) -> list[Projection]:
    """The copies that every run keeps in step with the live one, oldest first."""
    query = sa.select(projections).where(projections.c.collection == name, projections.c.state.in_(MIRRORS))
    return [_projection(row) for row in tx.execute(query.order_by(projections.c.number))]


def kept_copies(tx: Transaction, name: str) -> list[Projection]:
    """The live copy, then its mirrors: a switch and a rollback change the order, not the set."""
    return [revisions.live_projection(tx, name), *mirrors(tx, name)]


def known_epochs(tx: Transaction, name: str) -> set[str]:
    """The epochs of all copies that this ledger ever made of a collection."""
    query = sa.select(projections.c.store_epoch).where(projections.c.collection == name)
    return set(tx.execute(query).scalars())


def add_projection(tx: Transaction, name: str, model: ModelIdentity, *, state: str) -> Projection:
    """A new copy under the next number and a fresh epoch."""
    revisions.locked_collection(tx, name)
    query = sa.select(sa.func.max(projections.c.number)).where(projections.c.collection == name)
    number = int(tx.execute(query).scalar_one()) + 1
    added = Projection(name, number, model, uuid.uuid4().hex)
    tx.execute(
        sa.insert(projections).values(
            collection=name,
            number=number,
            model=model.as_dict(),
            store_epoch=added.store_epoch,
            state=state,
            created_at=epoch_now(),
        )
    )
    return added


def set_state(tx: Transaction, projection: Projection, state: str) -> None:
    """Move a copy on."""
    tx.execute(
        sa.update(projections)
        .where(projections.c.collection == projection.collection, projections.c.number == projection.number)
        .values(state=state)
    )


def switch_to(tx: Transaction, projection: Projection, *, becomes: str = "replaced") -> Head:
    """Make this copy the live one by one head row; the old one ``becomes``. The caller holds the counter row."""
    name = projection.collection
    set_state(tx, revisions.live_projection(tx, name), becomes)
    set_state(tx, projection, "live")
    tx.execute(sa.update(collections).where(collections.c.name == name).values(projection_number=projection.number))
    return revisions.append_head(tx, name)


def documents_of(
    tx: Transaction, of: Sequence[Projection], *, after: uuid.UUID | None, limit: int
) -> list[uuid.UUID]:
    """Documents that have rows in any of these copies of one collection, in the order of their ids."""
    query = sa.select(objects.c.doc_id).where(
        objects.c.collection == of[0].collection, objects.c.projection.in_([item.number for item in of])
    )
    if after is not None:
        query = query.where(objects.c.doc_id > after)
    return list(tx.execute(query.distinct().order_by(objects.c.doc_id).limit(limit)).scalars())


def documents_apart(tx: Transaction, live: Projection, other: Projection) -> list[uuid.UUID]:
    """Documents whose rows of either copy (kind, key and revisions) have no counterpart in the other one."""
    found: set[uuid.UUID] = set()
    for one, two in ((live, other), (other, live)):
        mine, theirs = objects.alias(), objects.alias()
        twin = sa.and_(
            *(
                mine.c[name] == theirs.c[name]
                for name in ("collection", "doc_id", "kind", "key", "rev_from", "rev_to")
            ),
            theirs.c.projection == two.number,
        )
        query = sa.select(mine.c.doc_id).where(
            mine.c.collection == one.collection,
            mine.c.projection == one.number,
            ~sa.exists().where(twin),
        )
        found.update(tx.execute(query.distinct()).scalars())
    return sorted(found)


def replace_signature(tx: Transaction, name: str, signatures: tuple[str, str] | None) -> None:
    """What was read under the first stage signature counts under the second: its chunks are the same."""
    if signatures is None or signatures[0] == signatures[1]:
        return
    for table in (documents, quarantine):
        of_before = sa.and_(table.c.collection == name, table.c.stage_signature == signatures[0])
        tx.execute(sa.update(table).where(of_before).values(stage_signature=signatures[1]))


def forget_some_rows(tx: Transaction, projection: Projection) -> int:
    """Delete some of the rows of a copy that is gone; 0 when none is left. Small, so that others can write."""
    same = sa.and_(objects.c.collection == projection.collection, objects.c.projection == projection.number)
    some = sa.select(objects.c.object_id).where(same).limit(_ROWS_PER_DELETE)
    return tx.execute(sa.delete(objects).where(same, objects.c.object_id.in_(some))).rowcount


def _projection(row: sa.Row[Any]) -> Projection:
    return Projection(row.collection, row.number, ModelIdentity(**row.model), row.store_epoch)
