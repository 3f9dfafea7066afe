"""Revisions, heads and the counter row: who may write, and what a reader may see.

Every function that opens, ends or announces a revision first locks the collection's counter row, so that a
head with a higher ``seq`` contains everything that a lower one did.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from wellread.errors import LeaseHeldError, RevisionClosedError, SystemicError
from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Transaction
from wellread.ledger.schema import collections, denied, heads, objects, projections, revisions
from wellread.ledger.upserts import insert_missing
from wellread.snapshots import Head, ModelIdentity, Projection, Snapshot


@dataclass(frozen=True, slots=True)
class CollectionRow:
    """The counter row of one logical collection."""

    name: str
    projection_number: int
    next_revision: int
    head_seq: int
    acknowledged_seq: int
    oldest_readable: int
    chunk_count: int


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """One revision as the ledger knows it."""

    collection: str
    number: int
    source_id: str
    run_id: str
    state: str
    lease_token: int
    plan_ref: str
    clean_audit_at: float | None


def find_collection(tx: Transaction, name: str, *, lock: bool = False) -> CollectionRow | None:
    """The counter row, or ``None``. With ``lock`` nobody else opens or publishes until the end of ``tx``."""
    query = sa.select(collections).where(collections.c.name == name)
    row = tx.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    return CollectionRow(
        row.name,
        row.projection_number,
        row.next_revision,
        row.head_seq,
        row.acknowledged_seq,
        row.oldest_readable,
        row.chunk_count,
    )


def locked_collection(tx: Transaction, name: str) -> CollectionRow:
    """The counter row, locked. Raises ``SystemicError`` if there is no such collection."""
    row = find_collection(tx, name, lock=True)
    if row is None:
        raise SystemicError(
            f"use the collection {name!r}",
            found="the ledger does not know it",
            remedy="Ingest a source into it first, or check the name and WELLREAD_HOME.",
        )
    return row


def create_collection(tx: Transaction, name: str, model: ModelIdentity, *, next_revision: int) -> None:
    """Create the counter row, the first projection under a fresh epoch, and the first head, where there is none."""
    row = {
        "name": name,
        "projection_number": 1,
        "next_revision": next_revision,
        "head_seq": 0,
        "acknowledged_seq": 0,
        "oldest_readable": next_revision,
        "chunk_count": 0,
        "created_at": epoch_now(),
    }
    insert_missing(tx, collections, [row])
    if locked_collection(tx, name).head_seq:
        return  # the first run of another source was faster
    tx.execute(
        sa.insert(projections).values(
            collection=name,
            number=1,
            model=model.as_dict(),
            store_epoch=uuid.uuid4().hex,
            state="live",
            created_at=epoch_now(),
        )
    )
    append_head(tx, name)


def live_projection(tx: Transaction, name: str) -> Projection:
    """The physical copy that readers use."""
    row = tx.execute(
        sa.select(projections).where(projections.c.collection == name, projections.c.state == "live")
    ).one()
    return Projection(name, row.number, ModelIdentity(**row.model), row.store_epoch)


def current_snapshot(tx: Transaction, name: str) -> Snapshot:
    """What is published now: the first number not allocated, and every allocated one that does not count."""
    row = find_collection(tx, name)
    if row is None:
        return Snapshot(1)
    excluded = tx.execute(
        sa.select(revisions.c.number).where(
            revisions.c.collection == name, revisions.c.state.in_(("open", "abandoned"))
        )
    ).scalars()
    return Snapshot(row.next_revision, frozenset(excluded))


def append_head(tx: Transaction, name: str) -> Head:
    """Compute the next head under the lock and put it into the outbox."""
    row = locked_collection(tx, name)
    withdrawn = tx.execute(sa.select(denied.c.kind, denied.c.value).where(denied.c.collection == name)).all()
    head = Head(
        seq=row.head_seq + 1,
        projection=live_projection(tx, name),
        snapshot=current_snapshot(tx, name),
        oldest_readable=row.oldest_readable,
        denied=frozenset(uuid.UUID(value) for kind, value in withdrawn if kind == "document"),
        denied_sources=frozenset(value for kind, value in withdrawn if kind == "source"),
    )
    tx.execute(sa.insert(heads).values(collection=name, seq=head.seq, content=head_as_dict(head)))
    tx.execute(sa.update(collections).where(collections.c.name == name).values(head_seq=head.seq))
    return head


def head_as_dict(head: Head) -> dict[str, object]:
    """A head as JSON."""
    return {
        "seq": head.seq,
        "projection": head.projection.number,
        "next": head.snapshot.next_revision,
        "excluded": sorted(head.snapshot.excluded),
        "oldest_readable": head.oldest_readable,
        "denied": sorted(str(doc_id) for doc_id in head.denied),
        "denied_sources": sorted(head.denied_sources),
    }


def pending_head(tx: Transaction, name: str) -> Head | None:
    """The newest head, if the store has not acknowledged it yet."""
    row = tx.execute(
        sa.select(heads).where(heads.c.collection == name).order_by(heads.c.seq.desc()).limit(1)
    ).one_or_none()
    if row is None or row.written_at is not None:
        return None
    content = row.content
    return Head(
        seq=row.seq,
        projection=live_projection(tx, name),
        snapshot=Snapshot(content["next"], frozenset(content["excluded"])),
        oldest_readable=content["oldest_readable"],
        denied=frozenset(uuid.UUID(value) for value in content["denied"]),
        denied_sources=frozenset(content["denied_sources"]),
    )


def acknowledge_head(tx: Transaction, name: str, seq: int) -> None:
    """The store holds this head: the outbox is empty up to it."""
    locked_collection(tx, name)
    tx.execute(
        sa.update(heads)
        .where(heads.c.collection == name, heads.c.seq <= seq, heads.c.written_at.is_(None))
        .values(written_at=epoch_now())
    )
    tx.execute(
        sa.update(collections)
        .where(collections.c.name == name, collections.c.acknowledged_seq < seq)
        .values(acknowledged_seq=seq)
    )
    tx.execute(sa.delete(heads).where(heads.c.collection == name, heads.c.seq < seq - 20))


# -- revisions ------------------------------------------------------------------------------------------------


def open_revision(
    tx: Transaction,
    name: str,
    *,
    source_id: str,
    run_id: str,
    lease_token: int,
    plan_ref: str,
    highest_in_store: int,
) -> int:
    """Allocate the next number for this source. One open revision a source: a unique index sees to it."""
    row = locked_collection(tx, name)
    if revisions_in_state(tx, name, ["open"], source_id=source_id):
        raise LeaseHeldError(
            f"open a revision of {name!r} for the source {source_id!r}",
            found="another run has opened one since",
            remedy="Wait until that run ends, then run again.",
        )
    number = max(row.next_revision, highest_in_store + 1)
    tx.execute(sa.update(collections).where(collections.c.name == name).values(next_revision=number + 1))
    values = {"collection": name, "source_id": source_id, "opened_at": epoch_now()}
    # Numbers that only the store knows were given out by a ledger that was lost: nobody may see what they wrote.
    lost = [
        {**values, "number": skipped, "run_id": "", "state": "abandoned", "lease_token": 0, "plan_ref": ""}
        for skipped in range(row.next_revision, number)
    ]
    insert_missing(tx, revisions, lost)
    tx.execute(
        sa.insert(revisions).values(
            **values, number=number, run_id=run_id, state="open", lease_token=lease_token, plan_ref=plan_ref
        )
    )
    return number


def find_revision(tx: Transaction, name: str, number: int) -> RevisionRow:
    """One revision. Raises ``SystemicError`` for a number that was never allocated."""
    query = sa.select(revisions).where(revisions.c.collection == name, revisions.c.number == number)
    row = tx.execute(query).one_or_none()
    if row is None:
        raise SystemicError(
            f"continue revision {number} of {name!r}",
            found="the ledger does not know it",
            remedy="Start a new run; check that all tasks of a run use the same ledger.",
        )
    return _revision(row)


def revisions_in_state(
    tx: Transaction, name: str, states: Sequence[str], *, source_id: str | None = None
) -> list[RevisionRow]:
    """Revisions of a collection in any of these states, oldest first."""
    query = sa.select(revisions).where(revisions.c.collection == name, revisions.c.state.in_(states))
    if source_id is not None:
        query = query.where(revisions.c.source_id == source_id)
    return [_revision(row) for row in tx.execute(query.order_by(revisions.c.number))]


def last_published_at(tx: Transaction, name: str) -> float | None:
    """When a revision of a collection was published last, in seconds since 1970; ``None``: never."""
    query = sa.select(sa.func.max(revisions.c.ended_at))
    published = query.where(revisions.c.collection == name, revisions.c.state == "published")
    moment = tx.execute(published).scalar_one()
    return None if moment is None else float(moment)


def require_open(tx: Transaction, name: str, number: int, *, exclusive: bool = False) -> RevisionRow:
    """Hold the revision open until the end of ``tx``; refuse if it was published or abandoned.

    This is the fence: every ledger write of a run passes here, in the same transaction.
    """
    query = sa.select(revisions).where(revisions.c.collection == name, revisions.c.number == number)
    row = tx.execute(query.with_for_update(read=not exclusive)).one_or_none()
    if row is None or row.state != "open":
        raise RevisionClosedError(
            f"write to revision {number} of {name!r}",
            found="it does not exist" if row is None else f"it is {row.state} and is never written again",
            remedy="Nothing is to be done for this task; the next run of the source plans anew.",
        )
    return _revision(row)


def end_revision(tx: Transaction, name: str, number: int, state: str) -> None:
    """Publish, abandon or settle. The caller holds the counter row."""
    tx.execute(
        sa.update(revisions)
        .where(revisions.c.collection == name, revisions.c.number == number)
        .values(state=state, ended_at=sa.func.coalesce(revisions.c.ended_at, epoch_now()))
    )


def abandon_revision(tx: Transaction, name: str, number: int) -> bool:
    """Abandon an open revision. One that never meant to write anything is settled at once.

    Returns whether anything may have been written.
    """
    locked_collection(tx, name)
    touched = tx.execute(
        sa.select(sa.func.count())
        .select_from(objects)
        .where(objects.c.collection == name, sa.or_(objects.c.rev_from == number, objects.c.rev_to == number))
    ).scalar_one()
    end_revision(tx, name, number, "abandoned" if touched else "settled")
    return bool(touched)


def note_clean_audit(tx: Transaction, name: str, number: int, *, apart_seconds: float) -> bool:
    """Count a clean audit of an abandoned revision; the second one, late enough, settles it.

    A call that was cut off may still arrive at the server until the longest call time-out is over: only
    after that is the number safe to show again. Returns whether it was settled.
    """
    locked_collection(tx, name)
    now = tx.execute(sa.select(epoch_now())).scalar_one()
    row = tx.execute(sa.select(revisions).where(revisions.c.collection == name, revisions.c.number == number)).one()
    if row.clean_audit_at is None:
        tx.execute(
            sa.update(revisions)
            .where(revisions.c.collection == name, revisions.c.number == number)
            .values(clean_audit_at=now)
        )
        return False
    if now - row.clean_audit_at < apart_seconds:
        return False
    end_revision(tx, name, number, "settled")
    return True


def reset_clean_audit(tx: Transaction, name: str, number: int) -> None:
    """Something was found after all: counting starts again."""
    tx.execute(
        sa.update(revisions)
        .where(revisions.c.collection == name, revisions.c.number == number)
        .values(clean_audit_at=None)
    )


def _revision(row: sa.Row[tuple[object, ...]]) -> RevisionRow:
    return RevisionRow(
        row.collection,
        row.number,
        row.source_id,
        row.run_id,
        row.state,
        row.lease_token,
        row.plan_ref,
        row.clean_audit_at,
    )
