"""As of when a collection is true to its sources, as the ledger recorded it."""

from __future__ import annotations

from datetime import UTC, datetime

from wellread.ledger.database import Ledger
from wellread.ledger.freshness import complete_runs_began
from wellread.ledger.revisions import find_collection
from wellread.retrieval.freshness import Freshness
from wellread.stores.protocol import Scope


def freshness_of(ledger: Ledger, collection: str, scope: Scope) -> Freshness:
    """What the ledger knows of the scope's sources; of all of its tenant, where it names none."""
    with ledger.reading() as reading:
        runs = complete_runs_began(reading, collection, tenant=scope.tenant, source_ids=scope.source_ids)
        row = find_collection(reading, collection)
    began = [moment for moment in runs.values() if moment is not None]
    is_known = bool(began) and len(began) == len(runs)
    return Freshness(
        true_as_of=datetime.fromtimestamp(min(began), tz=UTC) if is_known else None,
        head_seq=0 if row is None else row.head_seq,
    )
