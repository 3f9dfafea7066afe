"""Fill a new physical copy with what the ledger says of the live one, a page of documents at a time."""

from __future__ import annotations

import uuid

from wellread.indexing.fences import Fence
from wellread.indexing.mirroring import Filled, mirror_documents
from wellread.indexing.parts import Parts
from wellread.indexing.revision_states import revision_states
from wellread.ledger import projections
from wellread.snapshots import Projection

__all__ = ["Filled", "fill_projection"]

_DOCUMENTS = 100


def fill_projection(parts: Parts, old: Projection, new: Projection, *, fence: Fence) -> Filled:
    """Make the rows and objects of ``new`` those that ``old`` should have; what is right already stays.

    The caller holds the leases of all sources, so that ``old`` stands still.
    """
    states = revision_states(parts, old.collection)
    filled = Filled()
    after: uuid.UUID | None = None
    parts.progress.start("rebuild")
    while True:
        with parts.ledger.reading() as reading:
            documents = projections.documents_of(reading, [old, new], after=after, limit=_DOCUMENTS)
        if not documents:
            break
        filled = filled + mirror_documents(parts, old, new, documents, states, run_id="rebuild", fence=fence)
        parts.progress.advance("rebuild", count=len(documents))
        after = documents[-1]
    parts.progress.finish("rebuild")
    return filled
