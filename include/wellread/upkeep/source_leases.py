"""The leases of sources, for upkeep: what it repairs belongs to the source's own runs otherwise."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from wellread.indexing.parts import Parts
from wellread.indexing.plans import lease_name
from wellread.indexing.writing import Fence
from wellread.ledger import leases


@contextmanager
def source_lease(parts: Parts, collection: str, source_id: str, *, purpose: str) -> Iterator[Fence]:
    """Hold the lease of a source while the body runs; gives the fence to ask before each write.

    Raises ``LeaseHeldError`` where a run of the source is at work.
    """
    holder = f"{purpose}-{uuid.uuid4().hex}"
    lease = leases.acquire(
        parts.ledger,
        lease_name(collection, source_id),
        holder,
        seconds=parts.lease_seconds,
        one_process=True,
    )

    def fence() -> None:
        leases.renew(parts.ledger, lease, seconds=parts.lease_seconds)

    try:
        with leases.kept_alive(parts.ledger, lease, seconds=parts.lease_seconds):
            yield fence
    finally:
        leases.release(parts.ledger, lease)
