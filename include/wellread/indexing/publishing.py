"""Publish a revision: one small atomic act in the ledger, then one head row."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from wellread.artifacts.codec import get_json, put_json
from wellread.errors import LeaseHeldError
from wellread.indexing.content import ChunkSet
from wellread.indexing.fences import Fence, fence_of, lease_fence
from wellread.indexing.heads import flush_heads
from wellread.indexing.hiding import (
    TROUBLED,
    Hiding,
    changes_the_index,
    hide_failed,
    hold_hidings,
    hold_note,
    is_hidden,
)
from wellread.indexing.histories import keep_history
from wellread.indexing.mirroring import mirror_documents
from wellread.indexing.parts import Parts
from wellread.indexing.plans import Plan, RunHandle
from wellread.indexing.recovering import audit_revision, clean_abandoned, undo_documents
from wellread.indexing.reporting import balance_sheet
from wellread.indexing.revision_states import revision_states
from wellread.ledger import documents as ledger_documents
from wellread.ledger import objects as ledger_objects
from wellread.ledger import projections, quarantine_rows, revisions, run_records, term_counts
from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Transaction
from wellread.ledger.objects import ObjectRow
from wellread.ledger.run_records import StagedRow
from wellread.runs import BalanceSheet, SourceDeclaration
from wellread.snapshots import Projection

_DOCUMENTS = 100
"""Mirrored at once."""


@dataclass(frozen=True, slots=True)
class Published:
    """What publication came to."""

    sheet: BalanceSheet
    change_list_ref: str | None
    """The artifact that lists the changed documents; ``None`` if nothing changed."""


def publish_revision(
    parts: Parts, plan: Plan, run: RunHandle, *, seconds: float, run_state: str = "succeeded"
) -> Published:
    """Publish what was loaded; what was not keeps its last good version. Repeating it changes nothing."""
    if run.revision is None:
        return _finish_idle(parts, plan, run, seconds=seconds)
    with parts.ledger.reading() as reading:
        state = revisions.find_revision(reading, run.collection, run.revision).state
        projection = revisions.live_projection(reading, run.collection)
        rows = run_records.staged_documents(reading, run.collection, run.revision)
    if state != "open":
        return _already_ended(parts, run)
    fence, unfinished = fence_of(parts, run), [row for row in rows if row.state in {"planned", "extracted"}]
    undo_documents(parts, projection, run.revision, [row.doc_id for row in unfinished], fence=fence)
    hiding = hide_failed(parts, plan, run, projection, rows)
    rows, plan = hiding.rows, _with_holds(plan, hiding)
    audited = _audit_and_count(parts, projection, run, rows, fence)
    rows = [_given_up(row) if row in unfinished else row for row in rows]
    report = {"changes": _change_list(parts, rows), "history": keep_history(parts, projection, run, rows)}
    with parts.ledger.transaction() as tx:
        revisions.require_open(tx, run.collection, run.revision, exclusive=True)
        revisions.locked_collection(tx, run.collection)
        _apply(tx, plan.declaration, run, rows, plan.stage_signature)
        hold_hidings(tx, plan.declaration, hiding.held, hiding.reason)
        term_counts.add_terms(tx, run.collection, chunks=audited.chunks, differences=audited.terms)
        revisions.end_revision(tx, run.collection, run.revision, "published" if audited.is_written else "settled")
        if audited.is_written:
            revisions.append_head(tx, run.collection)
        sheet = balance_sheet(
            tx, plan, run, rows, published=audited.is_written, seconds=seconds, healed=audited.healed
        )
        run_records.drop_staged(tx, run.collection, run.revision)
        run_records.finish_run(tx, run.run_id, state=run_state, report={"sheet": sheet.as_dict(), **report})
    flush_heads(parts, run.collection)
    return Published(sheet, report["changes"])


def _with_holds(plan: Plan, hiding: Hiding) -> Plan:
    """The plan as the balance sheet tells it: with what publication holds."""
    if hiding.reason is None:
        return plan
    holds = [{"document": key, "reason": hiding.reason} for key in sorted(hiding.held)]
    note = hold_note(plan.declaration, len(holds), hiding.reason)
    return replace(plan, holds=(*plan.holds, *holds), notes=(*plan.notes, note))


@dataclass(frozen=True, slots=True)
class _Audited:
    is_written: bool
    healed: int
    terms: Mapping[str, int]
    """By how much the document frequency of each stem changes."""
    chunks: int
    """By how many the collection has more."""


def _audit_and_count(
    parts: Parts, projection: Projection, run: RunHandle, rows: Sequence[StagedRow], fence: Fence
) -> _Audited:
    """Audit the revision in every copy; while the store answers, its terms are counted."""
    assert run.revision is not None
    with parts.ledger.reading() as reading:
        opened = ledger_objects.opened_by(reading, projection, run.revision)
        closed = ledger_objects.closed_by(reading, projection, run.revision)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="wellread-terms") as beside:
        counting = beside.submit(term_differences, parts, opened, closed)
        healed = audit_revision(parts, projection, run.revision, fence=fence)
        _mirror(parts, projection, run, rows)
        return _Audited(bool(opened or closed), healed, *counting.result())


def _mirror(parts: Parts, live: Projection, run: RunHandle, rows: Sequence[StagedRow]) -> None:
    """Apply the revision to every copy that is kept in step, and audit it there."""
    assert run.revision is not None
    with parts.ledger.reading() as reading:
        mirrors = projections.mirrors(reading, run.collection)
    if not mirrors:
        return
    moved = [uuid.UUID(row.facts["previous_doc_id"]) for row in rows if row.facts.get("previous_doc_id")]
    documents = list(dict.fromkeys([*(row.doc_id for row in rows), *moved]))
    states = revision_states(parts, run.collection).with_published(run.revision)
    fence = fence_of(parts, run)
    for mirror in mirrors:
        for start in range(0, len(documents), _DOCUMENTS):
            part = documents[start : start + _DOCUMENTS]
            mirror_documents(parts, live, mirror, part, states, run_id=run.run_id, fence=fence)
        audit_revision(parts, mirror, run.revision, fence=fence)


def _finish_idle(parts: Parts, plan: Plan, run: RunHandle, *, seconds: float) -> Published:
    with parts.ledger.transaction() as tx:
        sheet = balance_sheet(tx, plan, run, (), published=False, seconds=seconds, healed=0)
        run_records.finish_run(
            tx, run.run_id, state="succeeded", report={"sheet": sheet.as_dict(), "changes": None}
        )
    return Published(sheet, None)


def _already_ended(parts: Parts, run: RunHandle) -> Published:
    """A cleared task of a revision that ended does nothing and says so; the outbox is emptied all the same."""
    flush_heads(parts, run.collection)
    with parts.ledger.reading() as reading:
        record = run_records.find_run(reading, run.run_id)
        state = revisions.find_revision(reading, run.collection, run.revision or 0).state
    report = (record or {}).get("report") or {}
    sheet = (
        BalanceSheet.from_dict(report["sheet"])
        if "sheet" in report
        else BalanceSheet.empty(run.source_id, run.collection)
    )
    return Published(
        sheet.with_note(f"Revision {run.revision} is {state}: nothing was done again."), report.get("changes")
    )


def abandon_run(parts: Parts, run: RunHandle, *, reason: str) -> None:
    """Give the run up and clean what it wrote, as far as the store answers; the next run cleans the rest."""
    if run.revision is None:
        return
    with parts.ledger.transaction() as tx:
        revisions.require_open(tx, run.collection, run.revision, exclusive=True)
        revisions.abandon_revision(tx, run.collection, run.revision)
        run_records.drop_staged(tx, run.collection, run.revision)
        run_records.finish_run(tx, run.run_id, state="failed", report={"abandoned": True, "reason": reason})
    with parts.ledger.reading() as reading:
        projection = revisions.live_projection(reading, run.collection)
    with suppress(LeaseHeldError):  # who took the lease cleans
        clean_abandoned(parts, projection, run.source_id, fence=lease_fence(parts, run.lease))


def _given_up(row: StagedRow) -> StagedRow:
    """A document that its tasks did not finish: it is tried again in the next run."""
    return StagedRow(
        row.doc_id,
        row.batch,
        row.action,
        "failed",
        "failed_transient",
        "load" if row.state == "extracted" else "extract",
        "not_finished",
        row.detail,
        row.facts,
    )


def _apply(
    tx: Transaction, declaration: SourceDeclaration, run: RunHandle, rows: Sequence[StagedRow], signature: str
) -> None:
    """Make the staged documents the known ones."""
    assert run.revision is not None
    collection, source_id = run.collection, run.source_id
    loaded = [row for row in rows if row.outcome in {"committed", "moved"}]
    ledger_documents.write_documents(tx, [_document_row(declaration, run, row, signature) for row in loaded])
    deleted = [row for row in rows if row.outcome == "deleted"]
    ledger_documents.mark_deleted(tx, collection, [row.doc_id for row in deleted], run.revision, moved=False)
    moved_from = [uuid.UUID(row.facts["previous_doc_id"]) for row in loaded if row.action == "move"]
    ledger_documents.mark_deleted(tx, collection, moved_from, run.revision, moved=True)
    hidden = [row for row in rows if is_hidden(row)]
    quarantine_rows.mark_hidden(tx, collection, [row.doc_id for row in hidden], run.revision)
    done = [row.facts["natural_key"] for row in (*loaded, *deleted, *hidden)]
    ledger_documents.drop_holds(tx, collection, source_id, done)
    settled = [
        row.facts["natural_key"]
        for row in rows
        if row.outcome in {"committed", "moved", "deleted", "gone"} and row.action != "show"
    ]
    quarantine_rows.leave_quarantine(tx, collection, source_id, settled)
    troubled = [row for row in rows if row.outcome in TROUBLED and row.action != "hide"]
    quarantine_rows.put_in_quarantine(
        tx, collection, source_id, [_quarantine_row(row, signature) for row in troubled]
    )


def _document_row(declaration: SourceDeclaration, run: RunHandle, row: StagedRow, signature: str) -> dict[str, Any]:
    facts = row.facts
    return {
        "collection": run.collection,
        "doc_id": row.doc_id,
        "source_id": declaration.id,
        "natural_key": facts["natural_key"],
        "state": "live",
        "version_token": facts["version_token"],
        "content_sha": facts["content_sha"],
        "size_bytes": facts["size_bytes"],
        "modified_at": facts["modified_at"],
        "facts_sha": facts["facts_sha"],
        "acl": facts["acl"],
        "stage_signature": facts.get("stage_signature") or signature,
        "chunks_ref": facts["chunks_ref"],
        "version_hash": facts["version_hash"],
        "title": facts["title"],
        "revision": run.revision,
        "changed_at": epoch_now(),
    }


def _quarantine_row(row: StagedRow, signature: str) -> dict[str, Any]:
    detail = dict(row.detail or {})
    payload = detail.get("payload") or {}
    return {
        "natural_key": row.facts["natural_key"],
        "outcome": row.outcome,
        "version_token": row.facts["version_token"],
        "content_sha": row.facts.get("content_sha") or "",
        "stage_signature": signature,
        "stage": row.stage or "unknown",
        "cause": row.cause or "unknown",
        "detail": detail.get("error", {}),
        "size_bytes": payload.get("size_bytes", row.facts["size_bytes"]),
        "payload_ref": payload.get("reference"),
        "payload_note": payload.get("note"),
    }


def _change_list(parts: Parts, rows: Sequence[StagedRow]) -> str | None:
    changes = [_change(row) for row in rows if changes_the_index(row)]
    return put_json(parts.artifacts, "changes", changes) if changes else None


def _change(row: StagedRow) -> Mapping[str, object]:
    return {
        "document": row.facts["natural_key"],
        "doc_id": str(row.doc_id),
        "change": "hidden" if is_hidden(row) else row.outcome,
        "from": row.facts.get("previous_key"),
    }


def term_differences(
    parts: Parts, opened: Iterable[ObjectRow], closed: Iterable[ObjectRow]
) -> tuple[dict[str, int], int]:
    """By how much the document frequency of each stem changes, and the number of chunks."""
    differences: Counter[str] = Counter()
    chunks = 0
    contents: dict[str, ChunkSet] = {}
    for sign, rows in ((1, opened), (-1, closed)):
        for row in sorted((item for item in rows if item.kind == "chunks"), key=lambda item: item.reference):
            if row.reference not in contents:
                contents = {row.reference: get_json(parts.artifacts, ChunkSet, row.reference)}
            chunk = contents[row.reference].chunks[row.ordinal]
            chunks += sign
            for term in parts.terms_of(chunk.text, chunk.language):
                differences[term] += sign
    return differences, chunks
