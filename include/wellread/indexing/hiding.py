"""``on_failure: hide``: readers lose the last good version of a document whose newer version is quarantined.

To readers that is a deletion, so many at once wait for a person as deletions do, and both are counted together.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from wellread.indexing.comparing import Candidate, standing_problem
from wellread.indexing.deletions import Guard
from wellread.indexing.fences import fence_of
from wellread.indexing.loading import close_rows
from wellread.indexing.parts import Parts
from wellread.indexing.plans import Draft, Plan, RunHandle
from wellread.indexing.recovering import undo_documents
from wellread.ledger import documents as ledger_documents
from wellread.ledger import objects as ledger_objects
from wellread.ledger.database import Transaction
from wellread.ledger.documents import HoldRow, KnownDocument
from wellread.ledger.run_records import StagedRow
from wellread.runs import SourceDeclaration
from wellread.snapshots import Projection

TROUBLED = frozenset({"quarantined", "unsupported"})


@dataclass(frozen=True, slots=True)
class Hiding:
    """What publication does to the last good versions of documents that failed in this run."""

    rows: list[StagedRow]
    """All rows of the run; those of hidden documents say so."""
    held: Mapping[str, str] = field(default_factory=dict)
    """Natural key -> version: these stay visible until a person approves."""
    reason: str | None = None


def is_hidden(row: StagedRow) -> bool:
    """Whether the run hides the document's last good version."""
    return (row.action == "hide" and row.state == "loaded") or bool((row.detail or {}).get("hidden"))


def changes_the_index(row: StagedRow) -> bool:
    """Whether readers see another state of the document once the run is published."""
    return row.outcome in {"committed", "moved", "deleted"} or is_hidden(row)


def decide_restless(
    parts: Parts, declaration: SourceDeclaration, draft: Draft, deletions_count: int
) -> list[Candidate]:
    """Standing quarantine whose last good version is to be hidden or shown again now; what is held is settled.

    A declaration that changed, or an approval, makes such work; the documents themselves are not touched.
    """
    holds = _holds(parts, declaration)
    if declaration.on_failure == "keep" and holds:
        draft.effects.append(lambda tx: drop_hiding_holds(tx, declaration, list(holds)))
    known = [item.known for item in draft.restless if item.known is not None]
    rest = {item.natural_key: item.version_hash for item in known if not _is_approved(item, holds)}
    reason = _reason_to_hold(parts, declaration, len(rest), taken_now=deletions_count)
    if reason is not None:
        draft.effects.append(lambda tx: hold_hidings(tx, declaration, rest, reason))
        draft.holds.extend({"document": key, "reason": reason} for key in rest)
        draft.notes.append(hold_note(declaration, len(rest), reason))
    work = []
    for item in draft.restless:
        assert item.quarantined is not None
        is_held = reason is not None and item.listed.natural_key in rest
        problem = standing_problem(item.quarantined, hidden=item.known is not None and not is_held)
        if is_held:
            draft.settle(item.quarantined.outcome)
        else:
            work.append(item)
        # One that is shown again counts as committed: it is progress of this wave.
        draft.problems.append({**problem, "standing": item.known is not None})
    return work


def hide_failed(parts: Parts, plan: Plan, run: RunHandle, projection: Projection, rows: list[StagedRow]) -> Hiding:
    """Close what readers see of the documents that failed in this run, or hold that. Repeating it is harmless."""
    assert run.revision is not None
    declaration = plan.declaration
    failed = [row for row in rows if row.state == "failed" and row.outcome in TROUBLED]
    if declaration.on_failure != "hide" or not failed:
        return Hiding(rows)
    with parts.ledger.reading() as reading:
        live = ledger_documents.live_documents(reading, run.collection, [row.doc_id for row in failed])
    holds = _holds(parts, declaration)
    rest = {item.doc_id: item for item in live.values() if not _is_approved(item, holds)}
    taken_now = sum(1 for row in rows if row.outcome == "deleted" or is_hidden(row))
    reason = _reason_to_hold(parts, declaration, len(rest), taken_now=taken_now)
    held = {} if reason is None else rest
    # An earlier try of this publication may have closed what is held by now.
    undo_documents(parts, projection, run.revision, list(held), fence=fence_of(parts, run))
    closed = _close(parts, run, projection, [doc_id for doc_id in live if doc_id not in held])
    return Hiding(
        [_hidden(row, *closed[row.doc_id]) if row.doc_id in closed else row for row in rows],
        {item.natural_key: item.version_hash for item in held.values()},
        reason,
    )


def _close(
    parts: Parts, run: RunHandle, projection: Projection, doc_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, tuple[int, int]]:
    """Close the visible objects of these documents: how many chunks, and how many objects, by document."""
    assert run.revision is not None
    with parts.ledger.reading() as reading:
        shown = ledger_objects.open_objects(reading, projection, doc_ids, closing_revision=run.revision)
    close_rows(parts, run, projection, [row for rows in shown.values() for row in rows])
    return {doc_id: (sum(1 for row in rows if row.kind == "chunks"), len(rows)) for doc_id, rows in shown.items()}


def _hidden(row: StagedRow, chunks: int, objects: int) -> StagedRow:
    return replace(row, detail={**(row.detail or {}), "hidden": True, "closed": chunks, "writes": objects})


def hold_hidings(
    tx: Transaction, declaration: SourceDeclaration, versions: Mapping[str, str], reason: str | None
) -> None:
    """Natural key -> version: wait for a person."""
    if versions and reason is not None:
        name, source_id = declaration.collection, declaration.id
        ledger_documents.hold(tx, name, source_id, versions, reason, kind="hiding")


def drop_hiding_holds(tx: Transaction, declaration: SourceDeclaration, natural_keys: Sequence[str]) -> None:
    """The documents are healthy, hidden, or to be kept: there is nothing to approve."""
    ledger_documents.drop_holds(tx, declaration.collection, declaration.id, natural_keys)


def hold_note(declaration: SourceDeclaration, count: int, reason: str) -> str:
    """For the balance sheet."""
    return (
        f"{count} documents failed and are still shown as they were: {reason}. "
        f"Hide them with: wellread approve {declaration.id}"
    )


def _holds(parts: Parts, declaration: SourceDeclaration) -> dict[str, HoldRow]:
    with parts.ledger.reading() as reading:
        rows = ledger_documents.list_holds(reading, declaration.collection, declaration.id)
    return {key: row for (_, key), row in rows.items() if row.kind == "hiding"}


def _is_approved(document: KnownDocument, holds: Mapping[str, HoldRow]) -> bool:
    hold = holds.get(document.natural_key)
    return hold is not None and hold.approved and hold.version_hash == document.version_hash


def _reason_to_hold(parts: Parts, declaration: SourceDeclaration, count: int, *, taken_now: int) -> str | None:
    """Why so many wait for a person. ``taken_now``: other documents that leave the readers in the same revision."""
    guard = Guard.of(parts, declaration)
    guard = Guard(guard.live_count - taken_now, guard.deleted_lately_count + taken_now)
    return guard.reason_to_hold(count, parts.settings.deletions, word="hidden")
