"""The leases of sources, for upkeep: what it repairs belongs to the source's own runs otherwise."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from wellread.indexing.parts import Parts
from wellread.indexing.plans import lease_name
from wellread.ledger import leases
from wellread.ledger.leases import Lease


@dataclass(frozen=True, slots=True)
class HeldLease:
    """The lease of a source, held by upkeep."""

    parts: Parts
    source_id: str
    lease: Lease

    def fence(self) -> None:
        """Asked before each write. Raises ``LeaseHeldError`` where the lease has changed hands."""
        leases.renew(self.parts.ledger, self.lease, seconds=self.parts.lease_seconds)


@contextmanager
def source_lease(parts: Parts, collection: str, source_id: str, *, purpose: str) -> Iterator[HeldLease]:
    """Hold the lease of a source while the body runs.

    Raises ``LeaseHeldError`` where a run of the source is at work.
    """
    name, holder = lease_name(collection, source_id), f"{purpose}-{uuid.uuid4().hex}"
    lease = leases.acquire(parts.ledger, name, holder, seconds=parts.lease_seconds, one_process=True)
    try:
        with leases.kept_alive(parts.ledger, lease, seconds=parts.lease_seconds):
            yield HeldLease(parts, source_id, lease)
    finally:
        leases.release(parts.ledger, lease)
