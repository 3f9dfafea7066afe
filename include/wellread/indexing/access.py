"""Who may read a document: patched at once, on every version of it, outside of revisions."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import partial

from wellread.documents import Acl
from wellread.indexing.content import DocumentFacts
from wellread.indexing.parts import Parts
from wellread.indexing.plans import RunHandle
from wellread.indexing.writing import fence_of, patch_exactly
from wellread.ledger import documents as ledger_documents
from wellread.ledger import objects as ledger_objects
from wellread.ledger import revisions
from wellread.snapshots import Projection
from wellread.stores.protocol import ObjectKind, WriteResult


def patch_access(
    parts: Parts, run: RunHandle, projection: Projection, facts: DocumentFacts, known_acl: Sequence[str] | None
) -> int:
    """Put a changed access list on every object of a document, open or closed; returns how many.

    The ledger first: a copy that a repair makes, and the next run, must know what may be out already.
    """
    assert run.revision is not None
    if known_acl is None or tuple(known_acl) == facts.acl:
        return 0
    with parts.ledger.transaction() as tx:
        revisions.require_open(tx, run.collection, run.revision)
        rows = ledger_objects.rows_of_document(tx, projection, facts.doc_id)
        changed = {row.object_id: {**(row.facts or {}), "acl": list(facts.acl)} for row in rows}
        ledger_objects.set_facts(tx, projection, changed)
        ledger_documents.forget_access(tx, run.collection, facts.doc_id)
    kinds: tuple[ObjectKind, ...] = ("chunks", "versions")
    for kind in kinds:
        patch_exactly(
            parts,
            f"change the access of {facts.natural_key}",
            partial(_set_acl, parts, projection, kind, facts.acl),
            [row.object_id for row in rows if row.kind == kind],
            fence=fence_of(parts, run),
        )
    return len(rows)


def _set_acl(
    parts: Parts, projection: Projection, kind: ObjectKind, acl: Acl, object_ids: Sequence[uuid.UUID]
) -> WriteResult:
    return parts.store.set_acl(projection, kind, object_ids, acl)
