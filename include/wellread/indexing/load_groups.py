"""Documents on their way into the store: compared with the ledger, in groups, the next one's vectors on the way."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from wellread.artifacts.codec import get_json
from wellread.errors import BudgetExhaustedError, DocumentError
from wellread.identities import version_key
from wellread.indexing.content import ChunkSet, DesiredChunk, DocumentFacts, desired_chunks, version_hash_of
from wellread.indexing.embedding import Embedded, embed_documents
from wellread.indexing.parts import Parts
from wellread.indexing.plans import RunHandle
from wellread.ledger import objects as ledger_objects
from wellread.ledger.objects import ObjectRow
from wellread.ledger.run_records import StagedRow
from wellread.runs import SourceDeclaration
from wellread.snapshots import Projection


@dataclass(slots=True)
class Incoming:
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


def embedded_ahead(
    ahead: ThreadPoolExecutor,
    parts: Parts,
    declaration: SourceDeclaration,
    run: RunHandle,
    projection: Projection,
    rows: Sequence[StagedRow],
) -> Iterator[tuple[list[Incoming], Future[Embedded]]]:
    """Groups and their vectors: while the store takes one group, the next one is embedded."""
    before: tuple[list[Incoming], Future[Embedded]] | None = None
    for group in _groups(parts, declaration, rows):
        embedding = ahead.submit(_embed_group, parts, run, projection, group)
        if before is not None:
            yield before
        before = group, embedding
    if before is not None:
        yield before


def _embed_group(parts: Parts, run: RunHandle, projection: Projection, group: list[Incoming]) -> Embedded:
    _compare_with_ledger(parts, run, projection, group)
    return embed_documents(
        parts,
        run,
        [{item.embedding_key: item.chunk.embedding_input for item in document.inserts} for document in group],
        tenant=group[0].facts.tenant,
    )


def _groups(parts: Parts, declaration: SourceDeclaration, rows: Sequence[StagedRow]) -> Iterator[list[Incoming]]:
    """Documents read and compared, in groups of about ``chunks_per_group`` chunks."""
    group: list[Incoming] = []
    chunks = 0
    for row in rows:
        content = get_json(parts.artifacts, ChunkSet, row.facts["chunks_ref"])
        facts = document_facts(declaration, row)
        desired = desired_chunks(content, facts, parts.model_hash)
        version_hash = version_hash_of(content, desired, facts)
        group.append(Incoming(row, content, facts, desired, version_hash, []))
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


def _compare_with_ledger(parts: Parts, run: RunHandle, projection: Projection, group: Sequence[Incoming]) -> None:
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


def _previous(document: Incoming) -> uuid.UUID | None:
    value = document.row.facts.get("previous_doc_id")
    return None if value is None else uuid.UUID(str(value))


def _diff(document: Incoming) -> None:
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
