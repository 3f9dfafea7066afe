"""Undo a run: a revert by one new revision, from ledger, artifacts and cached vectors: 0 parses, 0 embeddings."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from wellread.artifacts.codec import put_json
from wellread.errors import LeaseHeldError, SettingsError
from wellread.indexing import loading
from wellread.indexing.heads import flush_heads, parts_of_live, prepare_collection
from wellread.indexing.histories import DocumentState
from wellread.indexing.parts import Parts
from wellread.indexing.plans import Plan, PlannedDocument, RunHandle
from wellread.indexing.publishing import publish_revision
from wellread.indexing.recovering import abandon_open, clean_abandoned
from wellread.indexing.same_history import require_belonging
from wellread.indexing.signatures import stage_signature
from wellread.ledger import document_rows, explanations, revisions, run_records
from wellread.ledger.database import Transaction
from wellread.ledger.run_records import StagedRow
from wellread.runs import BalanceSheet, SourceDeclaration
from wellread.upkeep.reverting import Revert, plan_revert
from wellread.upkeep.source_leases import HeldLease, source_lease

RETIREMENT = "retire"
"""What the ids of runs that retire a source begin with."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did."""

    revert: Revert
    sheet: BalanceSheet | None
    """``None``: everything was as it was before already."""
    run_id: str | None

    def as_dict(self) -> dict[str, object]:
        """The JSON that ``wellread undo --json`` prints."""
        sheet = self.sheet
        return {
            **self.revert.as_dict(),
            "undo_run": self.run_id,
            "revision": None if sheet is None else sheet.revision,
            "held": True,
            "parsed": 0 if sheet is None else sheet.parsed,
            "embeddings": 0 if sheet is None else sheet.embeddings_computed,
            "index_writes": 0 if sheet is None else sheet.index_writes,
        }


def undo(parts: Parts, confirmed: Revert) -> Undone:
    """Put back what was confirmed, by one new revision, and hold the source until it is released.

    A snapshot that a job has pinned goes on showing what it showed. Killed, it is repeated as a whole: what it
    wrote is cleaned first. Raises ``LeaseHeldError`` while a run of the source is at work, or where one has run
    since the confirmation; ``ModelMismatchError`` across a change of the embedding model.
    """
    started = time.monotonic()
    collection, source_id = confirmed.collection, confirmed.source_id
    with source_lease(parts, collection, source_id, purpose="undo") as held:
        parts = parts_of_live(parts, collection)
        projection = prepare_collection(parts, collection, fence=held.fence)
        flush_heads(parts, collection)
        abandon_open(parts, collection, source_id, fence=held.fence)
        clean_abandoned(parts, projection, source_id, fence=held.fence)
        if plan_revert(parts, collection, confirmed.runs[0]) != confirmed:
            raise LeaseHeldError(
                f"undo the run {confirmed.runs[0]!r}",
                found="its source has run since the list was confirmed",
                remedy="Ask for the list again and confirm it.",
            )
        sheet, run_id = None, None
        if confirmed.restored or confirmed.removed:
            plan = _plan(parts, confirmed)
            run = open_revert(
                parts, confirmed, plan, held, highest=parts.store.highest_revision(projection), is_held=True
            )
            loading.load_batch(parts, plan.declaration, run, 0)
            seconds = time.monotonic() - started
            sheet = publish_revision(parts, plan, run, seconds=seconds, run_state="reverted").sheet
            run_id = run.run_id
        with parts.ledger.transaction() as tx:
            held.fence.hold(tx)
            _hold(tx, confirmed)
            document_rows.mark_retired(tx, collection, source_id, retired=False)
            for undone in confirmed.runs:
                run_records.update_run(tx, undone, state="undone")
    return Undone(confirmed, sheet, run_id)


def _hold(tx: Transaction, revert: Revert) -> None:
    reason = f"the run {revert.runs[0]} was undone"
    document_rows.hold_source(tx, revert.collection, revert.source_id, reason)


def open_revert(
    parts: Parts, revert: Revert, plan: Plan, held: HeldLease, *, highest: int, is_held: bool
) -> RunHandle:
    """Open the revision with its documents staged as extracted: their chunks are artifacts already.

    ``is_held``: no run of the source may follow until it is released.
    """
    run_id = plan.run_id
    plan_ref = put_json(parts.artifacts, "plans", plan)
    with parts.ledger.transaction() as tx:
        held.fence.hold(tx)
        if is_held:  # first of all: no scheduled run may bring the undone documents back
            _hold(tx, revert)
        run_records.start_run(tx, run_id, revert.collection, revert.source_id)
        number = revisions.open_revision(
            tx,
            revert.collection,
            source_id=revert.source_id,
            run_id=run_id,
            lease_token=held.lease.token,
            plan_ref=plan_ref,
            highest_in_store=highest,
        )
        run_records.update_run(tx, run_id, plan_ref=plan_ref, revision=number)
        known = document_rows.live_rows(tx, revert.collection, list(revert.restored))
        rows = [_staged(item, revert.restored.get(item.doc_id), known.get(item.doc_id)) for item in plan.documents]
        run_records.stage_documents(tx, revert.collection, number, rows)
    return RunHandle(
        run_id=run_id,
        collection=revert.collection,
        source_id=revert.source_id,
        plan_ref=plan_ref,
        lease_holder=held.lease.holder,
        lease_token=held.lease.token,
        revision=number,
        batch_count=1,
    )


def _plan(parts: Parts, revert: Revert) -> Plan:
    return revert_plan(parts, revert, purpose="undo", note=f"Undoes {', '.join(revert.runs)}.")


def revert_plan(parts: Parts, revert: Revert, *, purpose: str, note: str) -> Plan:
    """The plan of one revision that puts documents back and takes others away."""
    planned = [_planned(doc_id, state) for doc_id, state in revert.restored.items()]
    planned += [_removal(parts, revert, doc_id) for doc_id in revert.removed]
    return Plan(
        run_id=f"{purpose}-{uuid.uuid4().hex}",
        declaration=_declaration(parts, revert),
        stage_signature=stage_signature(parts),
        listed=len(planned),
        listing_is_complete=False,
        outcomes={},
        documents=tuple(planned),
        batch_count=1,
        notes=(note,),
    )


def _declaration(parts: Parts, revert: Revert) -> SourceDeclaration:
    with parts.ledger.reading() as reading:
        row = explanations.find_source_rows(reading, revert.collection, revert.source_id)[0]
    return SourceDeclaration(
        id=revert.source_id,
        kind=row["kind"],
        location=row["location"],
        collection=revert.collection,
        tenant=revert.tenant,
    )


def _planned(doc_id: uuid.UUID, state: DocumentState) -> PlannedDocument:
    return PlannedDocument(
        action="ingest",
        reason="content",
        doc_id=doc_id,
        natural_key=state.natural_key,
        version_token=state.version_token,
        size_bytes=state.size_bytes,
        modified_at=state.modified_at,
        metadata=state.metadata,
        acl=state.acl,
        facts_sha=state.facts_sha,
        content_sha=state.content_sha,
    )


def _removal(parts: Parts, revert: Revert, doc_id: uuid.UUID) -> PlannedDocument:
    with parts.ledger.reading() as reading:
        row = document_rows.live_rows(reading, revert.collection, [doc_id])[doc_id]
    return PlannedDocument(
        action="delete",
        reason="vanished",
        doc_id=doc_id,
        natural_key=row["natural_key"],
        version_token=None,
        size_bytes=row["size_bytes"],
        modified_at=row["modified_at"],
        metadata={},
        acl=tuple(row["acl"]),
        facts_sha="",
    )


def _staged(item: PlannedDocument, state: DocumentState | None, known: document_rows.Row | None) -> StagedRow:
    facts = {
        "natural_key": item.natural_key,
        "version_token": item.version_token,
        "size_bytes": item.size_bytes,
        "modified_at": item.modified_at,
        "metadata": dict(item.metadata),
        "acl": list(item.acl),
        "known_acl": None if known is None else list(known["acl"]),
        "facts_sha": item.facts_sha,
        "content_sha": item.content_sha,
        "previous_doc_id": None,
        "previous_key": None,
    }
    if state is None:
        return StagedRow(item.doc_id, 0, "delete", "planned", None, None, None, None, facts)
    facts.update(chunks_ref=state.chunks_ref, fields=dict(state.fields), stage_signature=state.stage_signature)
    return StagedRow(item.doc_id, 0, "ingest", "extracted", None, None, None, {"parsed": False}, facts)


def release_source(parts: Parts, collection: str, source_id: str) -> None:
    """Let runs of a held source go on.

    Raises ``SettingsError`` for an unknown source, ``EpochMismatchError`` if ledger or store were restored or lost.
    """
    require_belonging(parts, collection, asked=f"release the source {source_id!r}")
    with parts.ledger.transaction() as tx:
        if not document_rows.hold_source(tx, collection, source_id, None):
            raise SettingsError(
                f"release the source {source_id!r}",
                found=f"it has never run into {collection!r}",
                remedy="See `wellread status` for the sources that have.",
            )
