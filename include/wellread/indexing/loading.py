"""Load one batch: embed, insert, audit, and only then close what it replaces."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wellread.artifacts.codec import get_json
from wellread.documents import ChunkObject, VersionObject
from wellread.errors import BudgetExhaustedError, DocumentError
from wellread.identities import version_key
from wellread.indexing.access import patch_access
from wellread.indexing.affording import UNPAID
from wellread.indexing.content import (
    ChunkSet,
    DesiredChunk,
    DocumentFacts,
    chunk_object,
    desired_chunks,
    facts_as_dict,
    shown_title,
    version_hash_of,
    version_object,
)
from wellread.indexing.embedding import Embedded, embed_documents
from wellread.indexing.parts import Parts
from wellread.indexing.plans import RunHandle
from wellread.indexing.restoring import audit_and_heal
from wellread.indexing.writing import close_exactly, fence_of, insert_exactly
from wellread.ledger import objects as ledger_objects
from wellread.ledger import revisions, run_records
from wellread.ledger.objects import ObjectRow
from wellread.ledger.run_records import StagedRow
from wellread.runs import SourceDeclaration
from wellread.snapshots import OPEN, Projection
from wellread.stores.protocol import ObjectKind


@dataclass(slots=True)
class _Document:
    """One document of a group, between what is visible and what should be."""

    row: StagedRow
    content: ChunkSet
    facts: DocumentFacts
    desired: list[DesiredChunk]
    version_hash: str
    current: list[ObjectRow]
    inserts: list[DesiredChunk] = field(default_factory=list)
    closes: list[ObjectRow] = field(default_factory=list)
    new_version: bool = True
    patched: int = 0
    """Objects whose access was changed in place."""
    error: DocumentError | None = None
    unpaid: BudgetExhaustedError | None = None
    """Why there was no money for its vectors: it stays as it is and waits for the next run."""

    @property
    def kept(self) -> int:
        """How many chunks stay as they are."""
        return len(self.desired) - len(self.inserts)


def load_batch(parts: Parts, declaration: SourceDeclaration, run: RunHandle, batch: int) -> int:
    """Load the extracted documents of a batch and close what it deletes; returns how many documents.

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
    deletions = [row for row in rows if row.action in {"delete", "hide"} and row.state == "planned"]
    parts.progress.start("load", total_count=len(waiting) + len(deletions))
    unpaid: BudgetExhaustedError | None = None
    for group in _groups(parts, declaration, waiting):
        if left := _not_loaded_yet(parts, run, batch, group):
            unpaid = _load_group(parts, run, projection, left) or unpaid
        parts.progress.advance("load", count=len(group))
    for row in deletions:
        _close_document(parts, run, projection, row)
        parts.progress.advance("load")
    parts.progress.finish("load")
    if unpaid is not None:
        raise unpaid
    return len(waiting) + len(deletions)


def _not_loaded_yet(parts: Parts, run: RunHandle, batch: int, group: Sequence[_Document]) -> list[_Document]:
    """A retried task may run beside its first try, which only slept: what one has loaded the other leaves alone."""
    assert run.revision is not None
    with parts.ledger.reading() as reading:
        revisions.require_open(reading, run.collection, run.revision)
        rows = run_records.staged_documents(reading, run.collection, run.revision, batch=batch, state="extracted")
    waiting = {row.doc_id for row in rows}
    return [document for document in group if document.row.doc_id in waiting]


def _groups(parts: Parts, declaration: SourceDeclaration, rows: Sequence[StagedRow]) -> Iterator[list[_Document]]:
    """Documents read and compared, in groups of about ``chunks_per_group`` chunks."""
    group: list[_Document] = []
    chunks = 0
    for row in rows:
        content = get_json(parts.artifacts, ChunkSet, row.facts["chunks_ref"])
        facts = document_facts(declaration, row)
        desired = desired_chunks(content, facts, parts.model_hash)
        version_hash = version_hash_of(content, desired, facts)
        group.append(_Document(row, content, facts, desired, version_hash, []))
        chunks += len(desired)
        if chunks >= parts.settings.chunks_per_group:
            yield group
            group, chunks = [], 0
    if group:
        yield group


def document_facts(declaration: SourceDeclaration, row: StagedRow) -> DocumentFacts:
    """What the plan says of a document besides its content."""
    return DocumentFacts(
        doc_id=row.doc_id,
        source_id=declaration.id,
        tenant=declaration.tenant,
        natural_key=row.facts["natural_key"],
        acl=tuple(row.facts["acl"]),
        metadata=row.facts["metadata"],
        fields=dict(row.facts.get("fields") or declaration.fields),
        modified_at=float(row.facts["modified_at"]),
    )


def _load_group(
    parts: Parts, run: RunHandle, projection: Projection, group: list[_Document]
) -> BudgetExhaustedError | None:
    """Load as many of these documents as can be paid; what the others lack."""
    assert run.revision is not None
    _compare_with_ledger(parts, run, projection, group)
    _clear_unknown(parts, run, projection, group)
    for document in group:
        document.patched = patch_access(parts, run, projection, document.facts, document.row.facts.get("known_acl"))
    embedded = embed_documents(
        parts,
        run,
        [{item.embedding_key: item.chunk.embedding_input for item in document.inserts} for document in group],
        tenant=group[0].facts.tenant,
    )
    for document in group:
        _note_refused(document, embedded)
    loaded = [document for document in group if document.error is None and document.unpaid is None]
    rows, objects = _new_objects(parts, run, loaded, embedded)
    with parts.ledger.transaction() as tx:
        revisions.require_open(tx, run.collection, run.revision)
        ledger_objects.intend(tx, projection, rows)
    chunks = [item for item in objects if isinstance(item, ChunkObject)]
    versions = [item for item in objects if isinstance(item, VersionObject)]
    fence = fence_of(parts, run)
    refused = insert_exactly(parts, projection, "chunks", chunks, fence=fence).refused
    refused.update(insert_exactly(parts, projection, "versions", versions, fence=fence).refused)
    _note_store_refusals(loaded, objects, refused)
    loaded = [document for document in loaded if document.error is None]
    good = {document.row.doc_id for document in loaded}
    audit_and_heal(parts, projection, [row for row in rows if row.doc_id in good])
    close_rows(parts, run, projection, [row for document in loaded for row in document.closes])
    _finish_group(parts, run, projection, group, embedded)
    return embedded.unpaid


def _compare_with_ledger(parts: Parts, run: RunHandle, projection: Projection, group: Sequence[_Document]) -> None:
    """What of each document is visible now, what must be inserted, what must be closed."""
    assert run.revision is not None
    doc_ids = [document.row.doc_id for document in group]
    previous = {_previous(document): document for document in group if _previous(document) is not None}
    ids = [*doc_ids, *(doc_id for doc_id in previous if doc_id is not None)]
    with parts.ledger.reading() as reading:
        current = ledger_objects.open_objects(reading, projection, ids, closing_revision=run.revision)
    for document in group:
        document.current = current[document.row.doc_id]
        _diff(document)
        if (old := _previous(document)) is not None:
            document.closes.extend(current[old])


def _previous(document: _Document) -> uuid.UUID | None:
    value = document.row.facts.get("previous_doc_id")
    return None if value is None else uuid.UUID(str(value))


def _diff(document: _Document) -> None:
    chunks = [row for row in document.current if row.kind == "chunks"]
    visible = {row.key: row for row in chunks}
    wanted = {item.key: item for item in document.desired}
    same = {
        key for key, item in wanted.items() if key in visible and visible[key].payload_hash == item.payload_hash
    }
    document.inserts = [item for item in document.desired if item.key not in same]
    document.closes = [row for row in chunks if row.key not in same]  # both copies, where a repair was cut off
    versions = [row for row in document.current if row.kind == "versions"]
    key = version_key(document.row.doc_id, document.version_hash)
    document.new_version = not any(row.key == key for row in versions)
    if document.new_version:
        document.closes.extend(versions)


def _clear_unknown(parts: Parts, run: RunHandle, projection: Projection, group: Sequence[_Document]) -> None:
    """What an earlier try of this group wrote is deleted before it is written again: its outcome is unknown."""
    assert run.revision is not None
    with parts.ledger.reading() as reading:
        earlier = ledger_objects.opened_by(
            reading, projection, run.revision, [document.row.doc_id for document in group]
        )
    delete_rows(parts, projection, earlier)


def delete_rows(parts: Parts, projection: Projection, rows: Sequence[ObjectRow]) -> None:
    """Delete the objects of reference rows from the store, then the rows."""
    kinds: tuple[ObjectKind, ...] = ("chunks", "versions")
    for kind in kinds:
        ids = [row.object_id for row in rows if row.kind == kind]
        if ids:
            parts.store.delete_objects(projection, kind, ids)
    if rows:
        with parts.ledger.transaction() as tx:
            ledger_objects.forget(tx, projection, [row.object_id for row in rows])


def _note_refused(document: _Document, embedded: Embedded) -> None:
    for item in document.inserts:
        error = embedded.refused.get(item.embedding_key)
        if error is not None:
            document.error = error
            return
    if any(item.embedding_key not in embedded.vectors for item in document.inserts):
        document.unpaid = embedded.unpaid


def _new_objects(
    parts: Parts, run: RunHandle, documents: Sequence[_Document], embedded: Embedded
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
    document: _Document,
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
    documents: Sequence[_Document],
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
    parts: Parts, run: RunHandle, projection: Projection, group: Sequence[_Document], embedded: Embedded
) -> None:
    assert run.revision is not None
    failed = [document for document in group if document.error is not None]
    with parts.ledger.reading() as reading:
        leftovers = ledger_objects.opened_by(
            reading, projection, run.revision, [document.row.doc_id for document in failed]
        )
    delete_rows(parts, projection, leftovers)
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


def _ending(document: _Document, detail: dict[str, object]) -> dict[str, object]:
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
