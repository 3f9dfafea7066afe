"""Deletions: only after a complete listing and a second look, and held for a person when there are many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wellread.indexing.comparing import Comparison
from wellread.indexing.parts import Parts
from wellread.indexing.plans import Draft
from wellread.indexing.settings import DeletionSettings
from wellread.ledger import documents as ledger_documents
from wellread.ledger.documents import HoldRow, KnownDocument
from wellread.runs import SourceDeclaration
from wellread.sources.protocol import Source


@dataclass(frozen=True, slots=True)
class Guard:
    """How many documents a source has and has lost lately."""

    live_count: int
    deleted_lately_count: int
    """Those that were hidden count too: readers lost them."""

    @classmethod
    def of(cls, parts: Parts, declaration: SourceDeclaration) -> Guard:
        """As the ledger has it now."""
        name, window = declaration.collection, parts.settings.deletions.window_seconds
        with parts.ledger.reading() as reading:
            return cls(
                ledger_documents.count_live(reading, name, declaration.id),
                ledger_documents.deleted_since(reading, name, declaration.id, seconds=window),
            )

    def reason_to_hold(self, deletions: int, settings: DeletionSettings, *, word: str = "deleted") -> str | None:
        """Why so many deletions wait for a person; ``None``: they need not. ``word``: what becomes of them."""
        if deletions == 0:
            return None
        total = deletions + self.deleted_lately_count
        counted = "deletions" if word == "deleted" else "documents hidden or deleted"
        base = self.live_count + self.deleted_lately_count
        if deletions >= self.live_count:
            return f"all {self.live_count} documents of the source would be {word}"
        if total > settings.hold_above_count:
            return f"{total} {counted} within a day, above the limit of {settings.hold_above_count}"
        if total >= settings.hold_ratio_from_count and total > settings.hold_above_ratio * base:
            return f"{total} of {base} documents {word} within a day, above {settings.hold_above_ratio:.0%}"
        return None


def decide_deletions(
    parts: Parts, declaration: SourceDeclaration, source: Source, comparison: Comparison, draft: Draft
) -> list[KnownDocument]:
    """The documents to delete now; the others are settled in ``draft`` as held or kept."""
    vanished = comparison.vanished
    if not vanished:
        return []
    if not comparison.is_complete:
        draft.settle("unchanged", len(vanished))
        draft.notes.append(f"The listing did not end complete: {len(vanished)} documents that it lacks were kept.")
        return []
    gone = _second_look(source, vanished, draft)
    with parts.ledger.reading() as reading:
        holds = ledger_documents.list_holds(reading, declaration.collection, declaration.id)
    approved = [
        document for document in gone if _is_approved(document, holds.get((declaration.id, document.natural_key)))
    ]
    rest = [document for document in gone if document not in approved]
    reason = Guard.of(parts, declaration).reason_to_hold(len(rest), parts.settings.deletions)
    if reason is None:
        return gone
    _hold(declaration, rest, reason, draft)
    return approved


def _is_approved(document: KnownDocument, hold: HoldRow | None) -> bool:
    return (
        hold is not None
        and hold.kind == "deletion"
        and hold.approved
        and hold.version_hash == document.version_hash
    )


def _second_look(source: Source, vanished: Sequence[KnownDocument], draft: Draft) -> list[KnownDocument]:
    gone = []
    for document in vanished:
        if source.exists(document.natural_key):
            draft.settle("failed_transient")
            draft.problems.append(
                {
                    "document": document.natural_key,
                    "outcome": "failed_transient",
                    "stage": "list",
                    "cause": "listing_disagrees",
                    "found": "the listing ended without it, but the object is there",
                }
            )
        else:
            gone.append(document)
    return gone


def _hold(declaration: SourceDeclaration, held: Sequence[KnownDocument], reason: str, draft: Draft) -> None:
    versions = {document.natural_key: document.version_hash for document in held}
    draft.effects.append(
        lambda tx: ledger_documents.hold(tx, declaration.collection, declaration.id, versions, reason)
    )
    draft.settle("held", len(held))
    draft.holds.extend({"document": document.natural_key, "reason": reason} for document in held)
    draft.notes.append(
        f"{len(held)} deletions are held: {reason}. Release them with: wellread approve {declaration.id}"
    )
