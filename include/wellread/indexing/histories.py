"""What documents were before a revision touched them: kept as an artifact, so that the revision can be undone."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from wellread.artifacts.codec import put_json
from wellread.documents import Acl
from wellread.indexing.content import Fields
from wellread.indexing.hiding import changes_the_index
from wellread.indexing.parts import Parts
from wellread.indexing.plans import RunHandle
from wellread.ledger import document_rows
from wellread.ledger import objects as ledger_objects
from wellread.ledger.objects import ObjectRow
from wellread.ledger.run_records import StagedRow
from wellread.snapshots import Projection


@dataclass(frozen=True, slots=True)
class DocumentState:
    """A live document at one moment: everything from which its objects and its row can be made again."""

    natural_key: str
    version_token: str | None
    content_sha: str
    size_bytes: int
    modified_at: float
    facts_sha: str
    acl: Acl
    stage_signature: str
    chunks_ref: str
    version_hash: str
    metadata: Fields
    fields: Fields


@dataclass(frozen=True, slots=True)
class Touched:
    """One document that a revision changed, and what it was before; ``None``: it was not in the index."""

    doc_id: uuid.UUID
    natural_key: str
    before: DocumentState | None


def keep_history(parts: Parts, projection: Projection, run: RunHandle, rows: Sequence[StagedRow]) -> str | None:
    """Store what the run's documents are until it is published; the artifact's reference, ``None`` without any."""
    assert run.revision is not None
    keys: dict[uuid.UUID, str] = {}
    for row in rows:
        if changes_the_index(row):
            keys[row.doc_id] = row.facts["natural_key"]
            if row.facts.get("previous_doc_id") is not None:
                keys[uuid.UUID(row.facts["previous_doc_id"])] = row.facts["previous_key"]
    if not keys:
        return None
    with parts.ledger.reading() as reading:
        live = document_rows.live_rows(reading, run.collection, list(keys))
        shown = ledger_objects.open_objects(reading, projection, list(keys), closing_revision=run.revision)
    touched = []
    for doc_id, natural_key in sorted(keys.items()):
        known = live.get(doc_id)
        before = None if known is None else _state(known, shown[doc_id])
        touched.append(Touched(doc_id, natural_key, before))
    return put_json(parts.artifacts, "histories", touched)


def _state(row: document_rows.Row, objects: Sequence[ObjectRow]) -> DocumentState:
    facts = next((item.facts for item in objects if item.kind == "versions" and item.facts is not None), {})
    kept = DocumentState.__dataclass_fields__.keys() - {"acl", "metadata", "fields"}
    return DocumentState(
        **{name: row[name] for name in kept},
        # An access list that was being patched is not in the row; the objects' facts have it.
        acl=tuple(row["acl"] or facts.get("acl", ())),
        metadata=facts.get("metadata", {}),
        fields=facts.get("fields", {}),
    )
