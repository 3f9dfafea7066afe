"""As of when a collection is true to its sources, as the ledger recorded it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from wellread.ledger.database import Ledger
from wellread.ledger.freshness import complete_runs_began
from wellread.ledger.revisions import find_collection
from wellread.retrieval.freshness import Freshness


def freshness_of(ledger: Ledger, collection: str, source_ids: Sequence[str] = ()) -> Freshness:
    """What the ledger knows of these sources; of all that the collection has, where none is named."""
    with ledger.reading() as reading:
        began = list(complete_runs_began(reading, collection, source_ids).values())
        row = find_collection(reading, collection)
    known = [moment for moment in began if moment is not None]
    is_known = bool(known) and len(known) == len(began)
    return Freshness(
        true_as_of=datetime.fromtimestamp(min(known), tz=UTC) if is_known else None,
        head_seq=0 if row is None else row.head_seq,
    )
