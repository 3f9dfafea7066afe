"""Runs, their staged documents, and what stages made of inputs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Transaction
from wellread.ledger.schema import extractions, revisions, runs, staged
from wellread.ledger.upserts import insert_missing

QUALITY_REPORT = "quality_report"
"""In a run's report: reference and address of its Data Docs."""


@dataclass(frozen=True, slots=True)
class StagedRow:
    """One document's part in a run."""

    doc_id: uuid.UUID
    batch: int
    action: str
    state: str
    outcome: str | None
    stage: str | None
    cause: str | None
    detail: Mapping[str, Any] | None
    facts: Mapping[str, Any]


def start_run(tx: Transaction, run_id: str, collection: str, source_id: str) -> None:
    """Note that a run began; a retried task of it changes nothing."""
    insert_missing(
        tx,
        runs,
        [
            {
                "run_id": run_id,
                "collection": collection,
                "source_id": source_id,
                "state": "running",
                "counters": {},
                "started_at": epoch_now(),
            }
        ],
    )


def update_run(tx: Transaction, run_id: str, **values: Any) -> None:
    """Set columns of a run."""
    tx.execute(sa.update(runs).where(runs.c.run_id == run_id).values(**values))


def finish_run(tx: Transaction, run_id: str, *, state: str, report: Mapping[str, Any]) -> None:
    """The run ended with this report; the quality report that was noted before stays in it."""
    before = (find_run(tx, run_id) or {}).get("report") or {}
    noted = {QUALITY_REPORT: before[QUALITY_REPORT]} if QUALITY_REPORT in before else {}
    update_run(tx, run_id, state=state, report={**noted, **report}, finished_at=epoch_now())


def note_quality_report(tx: Transaction, run_id: str, *, reference: str, uri: str) -> None:
    """Links the run to its quality report among the artifacts."""
    update_run(tx, run_id, report={QUALITY_REPORT: {"reference": reference, "uri": uri}})


def find_run(tx: Transaction, run_id: str) -> Mapping[str, Any] | None:
    """One run, or ``None``."""
    row = tx.execute(sa.select(runs).where(runs.c.run_id == run_id)).mappings().one_or_none()
    return None if row is None else dict(row)


def latest_runs(tx: Transaction, collection: str, *, limit: int = 20) -> list[Mapping[str, Any]]:
    """The newest runs of a collection."""
    query = sa.select(runs).where(runs.c.collection == collection).order_by(runs.c.started_at.desc()).limit(limit)
    return [dict(row) for row in tx.execute(query).mappings()]


def find_published(tx: Transaction, collection: str, run: str) -> Mapping[str, Any] | None:
    """The run of this id, or of this revision's number, if its revision is published."""
    matches = runs.c.run_id == run
    if run.isdecimal():
        matches = sa.or_(matches, runs.c.revision == int(run))
    row = tx.execute(_published(collection).where(matches)).mappings().one_or_none()
    return None if row is None else dict(row)


def published_since(tx: Transaction, collection: str, source_id: str, revision: int) -> list[Mapping[str, Any]]:
    """The runs of a source that published this revision or a later one, oldest first."""
    query = _published(collection).where(runs.c.source_id == source_id, runs.c.revision >= revision)
    return [dict(row) for row in tx.execute(query.order_by(runs.c.revision)).mappings()]


def _published(collection: str) -> sa.Select[Any]:
    same = sa.and_(revisions.c.collection == runs.c.collection, revisions.c.number == runs.c.revision)
    return (
        sa.select(runs)
        .join(revisions, same)
        .where(runs.c.collection == collection, revisions.c.state == "published")
    )


def stage_documents(tx: Transaction, collection: str, revision: int, rows: Sequence[StagedRow]) -> None:
    """Freeze the plan's documents under the revision; repeating it changes nothing."""
    insert_missing(
        tx,
        staged,
        [
            {
                "collection": collection,
                "revision": revision,
                "doc_id": row.doc_id,
                "batch": row.batch,
                "action": row.action,
                "state": row.state,
                "outcome": row.outcome,
                "stage": row.stage,
                "cause": row.cause,
                "detail": None if row.detail is None else dict(row.detail),
                "facts": dict(row.facts),
            }
            for row in rows
        ],
    )


def staged_documents(
    tx: Transaction, collection: str, revision: int, *, batch: int | None = None, state: str | None = None
) -> list[StagedRow]:
    """The run's documents, by batch and state where given."""
    query = sa.select(staged).where(staged.c.collection == collection, staged.c.revision == revision)
    if batch is not None:
        query = query.where(staged.c.batch == batch)
    if state is not None:
        query = query.where(staged.c.state == state)
    return [
        StagedRow(
            row.doc_id, row.batch, row.action, row.state, row.outcome, row.stage, row.cause, row.detail, row.facts
        )
        for row in tx.execute(query.order_by(staged.c.batch, staged.c.doc_id))
    ]


def find_staged(
    tx: Transaction, collection: str, revision: int, doc_ids: Sequence[uuid.UUID], *, state: str
) -> set[uuid.UUID]:
    """Which of these documents of the run are in this state."""
    found: set[uuid.UUID] = set()
    for start in range(0, len(doc_ids), 500):
        query = sa.select(staged.c.doc_id).where(
            staged.c.collection == collection,
            staged.c.revision == revision,
            staged.c.state == state,
            staged.c.doc_id.in_(doc_ids[start : start + 500]),
        )
        found.update(tx.execute(query).scalars())
    return found


def update_staged(tx: Transaction, collection: str, revision: int, doc_id: uuid.UUID, **values: Any) -> None:
    """Set columns of one staged document."""
    tx.execute(
        sa.update(staged)
        .where(staged.c.collection == collection, staged.c.revision == revision, staged.c.doc_id == doc_id)
        .values(**values)
    )


def drop_staged(tx: Transaction, collection: str, revision: int) -> None:
    """The run is over; its report and the documents table hold what it did."""
    tx.execute(sa.delete(staged).where(staged.c.collection == collection, staged.c.revision == revision))


def find_extractions(tx: Transaction, memo_keys: Sequence[str]) -> dict[str, str]:
    """Memo key -> artifact reference, for work that was done before."""
    found: dict[str, str] = {}
    for start in range(0, len(memo_keys), 500):
        query = sa.select(extractions.c.memo_key, extractions.c.reference).where(
            extractions.c.memo_key.in_(memo_keys[start : start + 500])
        )
        found.update({row.memo_key: row.reference for row in tx.execute(query)})
    return found


def remember_extractions(tx: Transaction, found: Mapping[str, tuple[str, str]]) -> None:
    """Memo key -> stage and artifact: these inputs gave those artifacts."""
    now = epoch_now()
    rows = [
        {"memo_key": memo_key, "stage": stage, "reference": reference, "created_at": now}
        for memo_key, (stage, reference) in found.items()
    ]
    insert_missing(tx, extractions, rows)
