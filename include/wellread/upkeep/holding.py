"""Held deletions, hidings and changes of settings: what a person is shown, and the approval of exactly that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wellread.errors import SettingsError
from wellread.ledger import documents as ledger_documents
from wellread.ledger.database import Ledger
from wellread.ledger.documents import HoldKind

_KEYS_PER_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class HeldChange:
    """A document whose deletion, hiding, or embedding anew under other settings, waits for a person."""

    natural_key: str
    version_hash: str
    reason: str
    kind: HoldKind = "deletion"


def find_held(ledger: Ledger, collection: str, source_id: str) -> tuple[HeldChange, ...]:
    """What of a source waits, by name; approved ones wait for a run alone and are not among them."""
    with ledger.reading() as reading:
        rows = ledger_documents.list_holds(reading, collection, source_id)
    held = [
        HeldChange(row.natural_key, row.version_hash, row.reason, row.kind)
        for row in rows.values()
        if not row.approved
    ]
    return tuple(sorted(held, key=lambda item: item.natural_key))


def approve_held(ledger: Ledger, collection: str, source_id: str, seen: Sequence[HeldChange]) -> int:
    """Approve what was seen, as far as it is still held in that version; returns how many.

    The next run looks at the source again and applies what still holds.
    """
    count = 0
    with ledger.transaction() as tx:
        held = ledger_documents.list_holds(tx, collection, source_id)
        same = [
            item.natural_key
            for item in seen
            if (row := held.get((source_id, item.natural_key)))
            and (row.version_hash, row.kind) == (item.version_hash, item.kind)
        ]
        for start in range(0, len(same), _KEYS_PER_STATEMENT):
            keys = same[start : start + _KEYS_PER_STATEMENT]
            count += ledger_documents.approve_holds(tx, collection, source_id, keys)
    return count


def approve_by_name(ledger: Ledger, collection: str, source_id: str, names: Sequence[str] = ()) -> int:
    """Approve what is held of these documents, or of all. Raises ``SettingsError`` where one is not held."""
    with ledger.transaction() as tx:
        held = {key for _, key in ledger_documents.list_holds(tx, collection, source_id)}
        unknown = sorted(set(names) - held)
        if unknown or not held:
            raise SettingsError(
                f"approve what is held of the source {source_id!r}",
                found=f"nothing of {unknown[0]!r} is held" if unknown else "nothing is held",
                remedy="See `wellread status`; a hold ends when its document returns or changes.",
            )
        return ledger_documents.approve_holds(tx, collection, source_id, list(names) or None)
