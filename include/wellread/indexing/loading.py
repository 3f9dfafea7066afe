"""Load one batch: embed, insert, audit, and only then close what it replaces."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from wellread.documents import ChunkObject, VersionObject
from wellread.errors import BudgetExhaustedError, DocumentError
from wellread.identities import version_key
from wellread.indexing.access import patch_access
from wellread.indexing.affording import UNPAID
from wellread.indexing.content import (
    chunk_object,
    facts_as_dict,
    shown_title,
    version_object,
)
from wellread.indexing.embedding import Embedded
from wellread.indexing.fences import Fence, fence_of
from wellread.indexing.load_groups import Incoming, embedded_ahead
from wellread.indexing.parts import Parts
from wellread.indexing.plans import CLOSING, RunHandle
from wellread.indexing.restoring import audit_and_heal
from wellread.indexing.writing import close_exactly, insert_exactly
from wellread.ledger import objects as ledger_objects
from wellread.ledger import revisions, run_records
from wellread.ledger.objects import ObjectRow
from wellread.ledger.run_records import StagedRow
from wellread.runs import SourceDeclaration
from wellread.snapshots import OPEN, Projection
from wellread.stores.protocol import ObjectKind


def load_batch(parts: Parts, declaration: SourceDeclaration, run: RunHandle, batch: int | None) -> int:
    """Load the extracted documents of a batch (``None``: of all) and close what it deletes; returns how many.

    Raises ``BudgetExhaustedError`` at the end, where documents are left that there was no money for.
    """
    assert run.revision is not None
    with parts.ledger.reading() as reading:
        revision = revisions.find_revision(reading, run.collection, run.revision)
        projection = revisions.live_projection(reading, run.collection)
        rows = run_records.staged_documents(reading, run.collection, run.revision, batch=batch)
    if revision.state != "open":
        return 0
    waiting = [row for row in rows if row.state == "extracted"]
    deletions = [row for row in rows if row.action in CLOSING and row.state == "planned"]
    parts.progress.start("load", total_count=len(waiting) + len(deletions))
    unpaid: BudgetExhaustedError | None = None
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="wellread-embedding") as ahead:
        for group, embedding in embedded_ahead(ahead, parts, declaration, run, projection, waiting):
            embedded = embedding.result()
            if left := _not_loaded_yet(parts, run, group):
                _load_group(parts, run, projection, left, embedded)
                unpaid = embedded.unpaid or unpaid
            parts.progress.advance("load", count=len(group))
    for row in deletions:
        _close_document(parts, run, projection, row)
        parts.progress.advance("load")
    parts.progress.finish("load")
    if unpaid is not None:
        raise unpaid
    return len(waiting) + len(deletions)


def _not_loaded_yet(parts: Parts, run: RunHandle, group: Sequence[Incoming]) -> list[Incoming]:
    """A retried task may run beside its first try, which only slept: what one has loaded the other leaves alone."""
    assert run.revision is not None
    with parts.ledger.reading() as reading:
        revisions.require_open(reading, run.collection, run.revision)
        waiting = run_records.find_staged(
            reading, run.collection, run.revision, [document.row.doc_id for document in group], state="extracted"
        )
    return [document for document in group if document.row.doc_id in waiting]


def _load_group(
    parts: Parts, run: RunHandle, projection: Projection, group: list[Incoming], embedded: Embedded
) -> None:
    """Load those of these documents that have all their vectors."""
    assert run.revision is not None
    _clear_unknown(parts, run, projection, group)
    for document in group:
        document.patched = patch_access(parts, run, projection, document.facts, document.row.facts.get("known_acl"))
    for document in group:
        _note_refused(document, embedded)
    loaded = [document for document in group if document.error is None and document.unpaid is None]
    rows, objects = _new_objects(parts, run, loaded, embedded)
    with parts.ledger.transaction() as tx:
        revisions.require_open(tx, run.collection, run.revision)
        ledger_objects.intend(tx, projection, rows)
    fence = fence_of(parts, run)
    refused = insert_exactly(parts, projection, objects, fence=fence).refused
    _note_store_refusals(loaded, objects, refused)
    loaded = [document for document in loaded if document.error is None]
    good = {document.row.doc_id for document in loaded}
    audit_and_heal(parts, projection, [row for row in rows if row.doc_id in good], fence=fence)
    close_rows(parts, run, projection, [row for document in loaded for row in document.closes])
    _finish_group(parts, run, projection, group, embedded)


def _clear_unknown(parts: Parts, run: RunHandle, projection: Projection, group: Sequence[Incoming]) -> None:
    """What an earlier try of this group wrote is deleted before it is written again: its outcome is unknown."""
    assert run.revision is not None
    with parts.ledger.reading() as reading:
        earlier = ledger_objects.opened_by(
            reading, projection, run.revision, [document.row.doc_id for document in group]
        )
    delete_rows(parts, projection, earlier, fence=fence_of(parts, run))


def delete_rows(parts: Parts, projection: Projection, rows: Sequence[ObjectRow], *, fence: Fence) -> None:
    """Delete the objects of reference rows from the store, then the rows."""
    kinds: tuple[ObjectKind, ...] = ("chunks", "versions")
    for kind in kinds:
        ids = [row.object_id for row in rows if row.kind == kind]
        if ids:
            parts.store.delete_objects(projection, kind, ids, fence=fence)
    if rows:
        with parts.ledger.transaction() as tx:
            fence.hold(tx)
            ledger_objects.forget(tx, projection, [row.object_id for row in rows])


def _note_refused(document: Incoming, embedded: Embedded) -> None:
    for item in document.inserts:
        error = embedded.refused.get(item.embedding_key)
        if error is not None:
            document.error = error
            return
    if any(item.embedding_key not in embedded.vectors for item in document.inserts):
        document.unpaid = embedded.unpaid


def _new_objects(
    parts: Parts, run: RunHandle, documents: Sequence[Incoming], embedded: Embedded
) -> tuple[list[ObjectRow], list[ChunkObject | VersionObject]]:
    assert run.revision is not None
    now = parts.ledger.now()
    rows: list[ObjectRow] = []
    objects: list[ChunkObject | VersionObject] = []
    for document in documents:
        facts = facts_as_dict(document.facts, version_hash=document.version_hash, ingested_at=now)
        title = shown_title(document.content.title, document.facts.natural_key)
        for item in document.inserts:
            vector = embedded.vectors[item.embedding_key].tolist()
            built = chunk_object(item, document.facts, title=title, rev_from=run.revision, vector=vector)
            objects.append(built)
            rows.append(_row(document, built, item.key, facts, item.embedding_key, item.ordinal))
        if document.new_version:
            placements = [(item.key, item.chunk) for item in document.desired]
            version = version_object(
                document.content,
                document.facts,
                placements,
                version_hash=document.version_hash,
                rev_from=run.revision,
                ingested_at=now,
            )
            objects.append(version)
            key = version_key(document.row.doc_id, document.version_hash)
            rows.append(_row(document, version, key, facts, None, 0))
    return rows, objects


def _row(
    document: Incoming,
    built: ChunkObject | VersionObject,
    key: uuid.UUID,
    facts: Mapping[str, object],
    embedding_key: str | None,
    ordinal: int,
) -> ObjectRow:
    return ObjectRow(
        object_id=built.object_id,
        kind="chunks" if isinstance(built, ChunkObject) else "versions",
        key=key,
        doc_id=document.row.doc_id,
        rev_from=built.rev_from,
        rev_to=OPEN,
        copy=built.copy,
        payload_hash=built.payload_hash,
        embedding_key=embedding_key,
        reference=document.row.facts["chunks_ref"],
        ordinal=ordinal,
        facts=facts,
    )


def _note_store_refusals(
    documents: Sequence[Incoming],
    objects: Sequence[ChunkObject | VersionObject],
    refused: Mapping[uuid.UUID, str],
) -> None:
    owner = {item.object_id: item.doc_id for item in objects}
    messages = {owner[object_id]: message for object_id, message in refused.items()}
    for document in documents:
        message = messages.get(document.row.doc_id)
        if message is not None:
            document.error = DocumentError(
                f"store {document.facts.natural_key}",
                found=message,
                remedy="The document keeps its last good version; see the message of the store.",
                stage="load",
                cause="refused_by_store",
            )


def close_rows(parts: Parts, run: RunHandle, projection: Projection, rows: Sequence[ObjectRow]) -> None:
    """Ledger first, so that a crash between leaves a row that says what was meant."""
    assert run.revision is not None
    if not rows:
        return
    with parts.ledger.transaction() as tx:
        revisions.require_open(tx, run.collection, run.revision)
        ledger_objects.set_rev_to(tx, projection, [row.object_id for row in rows], run.revision)
    kinds: tuple[ObjectKind, ...] = ("chunks", "versions")
    for kind in kinds:
        ids = [row.object_id for row in rows if row.kind == kind]
        close_exactly(parts, projection, kind, ids, run.revision, fence=fence_of(parts, run))


def _finish_group(
    parts: Parts, run: RunHandle, projection: Projection, group: Sequence[Incoming], embedded: Embedded
) -> None:
    assert run.revision is not None
    failed = [document for document in group if document.error is not None]
    with parts.ledger.reading() as reading:
        leftovers = ledger_objects.opened_by(
            reading, projection, run.revision, [document.row.doc_id for document in failed]
        )
    delete_rows(parts, projection, leftovers, fence=fence_of(parts, run))
    with parts.ledger.transaction() as tx:
        revisions.require_open(tx, run.collection, run.revision)
        for number, document in enumerate(group):
            detail = dict(document.row.detail or {})
            # The group's embeddings are booked on its first document: the sum over the run is what counts.
            detail.update(
                computed=embedded.computed if number == 0 else 0, reused=embedded.reused if number == 0 else 0
            )
            run_records.update_staged(
                tx, run.collection, run.revision, document.row.doc_id, **_ending(document, detail)
            )


def _ending(document: Incoming, detail: dict[str, object]) -> dict[str, object]:
    if document.unpaid is not None:
        return {**UNPAID, "detail": {**detail, "error": document.unpaid.as_dict()}}
    if document.error is not None:
        detail["error"] = document.error.as_dict()
        return {
            "state": "failed",
            "outcome": "quarantined",
            "stage": document.error.stage,
            "cause": document.error.cause,
            "detail": detail,
        }
    closed = sum(1 for row in document.closes if row.kind == "chunks")
    detail.update(inserted=len(document.inserts), kept=document.kept, closed=closed)
    detail["writes"] = len(document.inserts) + len(document.closes) + int(document.new_version) + document.patched
    facts = dict(document.row.facts)
    facts.update(
        version_hash=document.version_hash, title=shown_title(document.content.title, document.facts.natural_key)
    )
    return {
        "state": "loaded",
        "outcome": "moved" if document.row.action == "move" else "committed",
        "detail": detail,
        "facts": facts,
    }


def _close_document(parts: Parts, run: RunHandle, projection: Projection, row: StagedRow) -> None:
    """Delete or hide one document: everything of it that is visible is closed."""
    assert run.revision is not None
    with parts.ledger.reading() as reading:
        current = ledger_objects.open_objects(reading, projection, [row.doc_id], closing_revision=run.revision)
    rows = current[row.doc_id]
    close_rows(parts, run, projection, rows)
    closed = sum(1 for item in rows if item.kind == "chunks")
    with parts.ledger.transaction() as tx:
        revisions.require_open(tx, run.collection, run.revision)
        run_records.update_staged(
            tx,
            run.collection,
            run.revision,
            row.doc_id,
            state="loaded",
            outcome="deleted" if row.action == "delete" else row.facts["reason"],
            detail={"inserted": 0, "kept": 0, "closed": closed, "writes": len(rows)},
        )
