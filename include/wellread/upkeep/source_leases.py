"""The leases of sources, for upkeep: what it repairs belongs to the source's own runs otherwise."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from wellread.errors import LeaseHeldError
from wellread.indexing.fences import LeaseFence, lease_fence
from wellread.indexing.parts import Parts
from wellread.indexing.plans import lease_name
from wellread.indexing.recovering import abandon_open
from wellread.ledger import explanations, leases, revisions
from wellread.ledger.database import Transaction
from wellread.ledger.leases import Lease

_PAUSE_SECONDS = 0.05
_Held = TypeVar("_Held")


@dataclass(frozen=True, slots=True)
class HeldLease:
    """The lease of a source, held by upkeep."""

    parts: Parts
    source_id: str
    lease: Lease

    @property
    def fence(self) -> LeaseFence:
        """For each write under this lease."""
        return lease_fence(self.parts, self.lease)


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


@contextmanager
def patiently(hold: Callable[[], AbstractContextManager[_Held]], *, seconds: float) -> Iterator[_Held]:
    """Hold what ``hold`` takes, waiting up to so long for whoever has it. Raises ``LeaseHeldError`` after that."""
    ends_at = time.monotonic() + seconds
    with ExitStack() as stack:
        while True:
            try:
                held = stack.enter_context(hold())
            except LeaseHeldError:
                if time.monotonic() >= ends_at:
                    raise
                time.sleep(_PAUSE_SECONDS)
            else:
                break
        yield held


class AllSources:
    """The leases of all sources of a collection."""

    def __init__(
        self, parts: Parts, collection: str, stack: ExitStack, *, purpose: str, wait_seconds: float = 0.0
    ) -> None:
        self._parts = parts
        self._collection = collection
        self._stack = stack
        self._purpose = purpose
        self._wait_seconds = wait_seconds
        self._held: dict[str, Lease] = {}

    def take_all(self) -> bool:
        """Take the leases that are not held yet, and give up what dead runs left open; returns whether any was."""
        with self._parts.ledger.reading() as reading:
            known = [row["source_id"] for row in explanations.find_source_rows(reading, self._collection)]
        fresh = [source_id for source_id in known if source_id not in self._held]
        for source_id in fresh:
            lease = patiently(lambda name=source_id: self._lease(name), seconds=self._wait_seconds)  # type: ignore[misc]
            held = self._stack.enter_context(lease)
            self._held[source_id] = held.lease
            abandon_open(self._parts, self._collection, source_id, fence=held.fence)
        return bool(fresh)

    def _lease(self, source_id: str) -> AbstractContextManager[HeldLease]:
        return source_lease(self._parts, self._collection, source_id, purpose=self._purpose)

    def misses_one(self, tx: Transaction) -> bool:
        """Whether a source has come whose lease is not held, or any run is open."""
        known = {row["source_id"] for row in explanations.find_source_rows(tx, self._collection)}
        return bool(known - self._held.keys() or revisions.revisions_in_state(tx, self._collection, ["open"]))

    @property
    def fence(self) -> LeaseFence:
        """For each write under all these leases."""
        return LeaseFence(self._parts, lambda: tuple(self._held.values()))
