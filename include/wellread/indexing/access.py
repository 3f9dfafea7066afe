"""Who may read a document: patched at once, on every version of it, outside of revisions."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

from wellread.documents import EVERYBODY, NOBODY, Acl, SourceObject
from wellread.indexing.content import DocumentFacts
from wellread.indexing.fences import Fence, fence_of, lease_fence
from wellread.indexing.heads import flush_heads
from wellread.indexing.parts import Parts
from wellread.indexing.plans import AccessChange, Draft, RunHandle
from wellread.indexing.signatures import facts_sha
from wellread.indexing.writing import set_acl_exactly
from wellread.ledger import access as ledger_access
from wellread.ledger import objects as ledger_objects
from wellread.ledger import projections, revisions
from wellread.ledger.documents import KnownDocument
from wellread.ledger.leases import Lease
from wellread.runs import SourceDeclaration
from wellread.snapshots import Projection
from wellread.stores.protocol import ObjectKind

DENIED_DOCUMENTS = 1_000
"""The head lists so many documents; where more lose readers, the whole source is withdrawn until it is patched."""


def decide_access(
    declaration: SourceDeclaration, listed: SourceObject, known: KnownDocument | None, draft: Draft
) -> tuple[SourceObject, str]:
    """A listed object with the access that it gets, and the hash of its facts.

    What the source says is taken as it is. Where that cannot be read, nobody new may read the document.
    """
    if listed.access_problem is None:
        return listed, facts_sha(declaration, dict(listed.metadata), listed.acl)
    rules = declaration.access
    keeps = rules is not None and rules.unreadable == "keep" and known is not None and bool(known.acl)
    draft.problems.append(
        {
            "document": listed.natural_key,
            "outcome": "access_kept" if keeps else "hidden",
            "stage": "list",
            "cause": "access_unreadable",
            "found": listed.access_problem,
            "remedy": "Mend who may read it at the source; the next run takes it up.",
        }
    )
    if keeps and known is not None:
        return replace(listed, acl=known.acl), known.facts_sha
    return replace(listed, acl=NOBODY), facts_sha(declaration, {}, NOBODY)


def has_narrowed(before: Acl, after: Acl) -> bool:
    """Whether somebody who may read loses that. An empty list before: a change was cut off, nobody knows."""
    if after == EVERYBODY or "*" in after:
        return False
    return not before or not set(before) <= set(after)


def apply_changes(
    parts: Parts, declaration: SourceDeclaration, changes: Sequence[AccessChange], lease: Lease
) -> int:
    """Bring changed access to every object of the source's documents; returns how many objects.

    Documents that lose readers are withdrawn first, by one head, and come back when all objects carry the new list.
    A crash leaves them withdrawn: the next run ends the work. Nothing here waits for extraction, gate or budget.
    """
    reason = f"access of {declaration.id}"
    fence = lease_fence(parts, lease)
    narrowed = [change.doc_id for change in changes if has_narrowed(change.before, change.after)]
    if narrowed:
        with parts.ledger.transaction() as tx:
            fence.hold(tx)
            if len(narrowed) > DENIED_DOCUMENTS:
                ledger_access.deny(tx, declaration.collection, "source", [declaration.id], reason)
            else:
                ledger_access.deny(tx, declaration.collection, "document", narrowed, reason)
            revisions.append_head(tx, declaration.collection)
        flush_heads(parts, declaration.collection)
    with parts.ledger.reading() as reading:
        copies = projections.kept_copies(reading, declaration.collection)
    count = 0
    for change in changes:
        for copy in copies:
            count += _patch(parts, copy, change.doc_id, change.natural_key, change.after, fence)
        with parts.ledger.transaction() as tx:
            fence.hold(tx)
            ledger_access.set_access(tx, declaration.collection, change.doc_id, change.after)
    with parts.ledger.transaction() as tx:
        fence.hold(tx)
        if ledger_access.allow(tx, declaration.collection, reason):
            revisions.append_head(tx, declaration.collection)
    flush_heads(parts, declaration.collection)
    return count


def patch_access(
    parts: Parts, run: RunHandle, projection: Projection, facts: DocumentFacts, known_acl: Sequence[str] | None
) -> int:
    """Put a changed access list on every object of a document, open or closed; returns how many."""
    assert run.revision is not None
    if known_acl is None or tuple(known_acl) == facts.acl:
        return 0
    fence = fence_of(parts, run)
    return _patch(parts, projection, facts.doc_id, facts.natural_key, facts.acl, fence)


def _patch(
    parts: Parts, projection: Projection, doc_id: uuid.UUID, natural_key: str, acl: Acl, fence: Fence
) -> int:
    """The ledger first: a copy that a repair makes, and the next run, must know what may be out already."""
    with parts.ledger.transaction() as tx:
        fence.hold(tx)
        rows = ledger_objects.rows_of_document(tx, projection, doc_id)
        changed = {row.object_id: {**(row.facts or {}), "acl": list(acl)} for row in rows}
        ledger_objects.set_facts(tx, projection, changed)
        ledger_access.forget_access(tx, projection.collection, doc_id)
    kinds: tuple[ObjectKind, ...] = ("chunks", "versions")
    for kind in kinds:
        ids = [row.object_id for row in rows if row.kind == kind]
        what = f"change the access of {natural_key}"
        set_acl_exactly(parts, projection, kind, ids, acl, what=what, fence=fence)
    return len(rows)
