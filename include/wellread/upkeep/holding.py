"""Held deletions: what a person is shown, and the approval of exactly that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wellread.errors import SettingsError
from wellread.ledger import documents as ledger_documents
from wellread.ledger.database import Ledger

_KEYS_PER_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class HeldDeletion:
    """A document whose deletion waits for a person."""

    natural_key: str
    version_hash: str
    reason: str


def find_held(ledger: Ledger, collection: str, source_id: str) -> tuple[HeldDeletion, ...]:
    """The deletions of a source that wait, by name; approved ones wait for a run alone and are not among them."""
    with ledger.reading() as reading:
        rows = ledger_documents.list_holds(reading, collection, source_id)
    held = [
        HeldDeletion(row.natural_key, row.version_hash, row.reason) for row in rows.values() if not row.approved
    ]
    return tuple(sorted(held, key=lambda item: item.natural_key))


def approve_held(ledger: Ledger, collection: str, source_id: str, seen: Sequence[HeldDeletion]) -> int:
    """Approve what was seen, as far as it is still held in that version; returns how many.

    The next run looks at the source again and deletes what is still gone.
    """
    count = 0
    with ledger.transaction() as tx:
        held = ledger_documents.list_holds(tx, collection, source_id)
        same = [
            item.natural_key
            for item in seen
            if (row := held.get((source_id, item.natural_key))) and row.version_hash == item.version_hash
        ]
        for start in range(0, len(same), _KEYS_PER_STATEMENT):
            keys = same[start : start + _KEYS_PER_STATEMENT]
            count += ledger_documents.approve_holds(tx, collection, source_id, keys)
    return count


def approve_by_name(ledger: Ledger, collection: str, source_id: str, names: Sequence[str] = ()) -> int:
    """Approve the deletions of these documents, or of all. Raises ``SettingsError`` where one is not held."""
    with ledger.transaction() as tx:
        held = {key for _, key in ledger_documents.list_holds(tx, collection, source_id)}
        unknown = sorted(set(names) - held)
        if unknown or not held:
            raise SettingsError(
                f"approve deletions of the source {source_id!r}",
                found=f"no deletion of {unknown[0]!r} is held" if unknown else "no deletion is held",
                remedy="See `wellread status`; a hold ends when its document returns or changes.",
            )
        return ledger_documents.approve_holds(tx, collection, source_id, list(names) or None)
