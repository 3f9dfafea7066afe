"""Fences: the proof, right before each write, that its writer still may.

A process can sleep for any time between two of its lines (a stopped virtual machine, a stopped process, a swapped
out one). A check made before is then worth nothing. So every request that changes the store asks a fence first, and
every ledger write that depends on a lease asks it in the same transaction. What is left is a sleep between the
fence's answer and the request's departure: `docs/decisions/0027-fences.md` says why that one does no lasting harm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from wellread.errors import LeaseHeldError
from wellread.indexing.parts import Parts
from wellread.indexing.plans import RunHandle
from wellread.ledger import leases, projections, revisions
from wellread.ledger.database import Transaction
from wellread.ledger.leases import Lease
from wellread.snapshots import Projection


class Fence(Protocol):
    """Whether its holder may write. What raises, does so before anything is written."""

    def __call__(self) -> None:
        """Before a request to the store: what entitles to it outlasts the longest call.

        Raises ``LeaseHeldError``, or ``RevisionClosedError`` for the fence of a run.
        """

    def hold(self, tx: Transaction) -> None:
        """Before a write of the ledger: what entitles to it stays until the end of ``tx``. Raises the same."""


@dataclass(frozen=True, slots=True)
class LeaseFence:
    """The fence of whoever holds leases: they have not changed hands, and outlast the longest call."""

    parts: Parts
    leases: Callable[[], Sequence[Lease]]
    """Those of the moment: upkeep of a whole collection takes more while it is at work."""

    def __call__(self) -> None:
        """Renews what would run out during a call, by the database's clock. Raises ``LeaseHeldError``."""
        leases.outlast(
            self.parts.ledger,
            self.leases(),
            call_seconds=self.parts.settings.longest_call_seconds,
            seconds=self.parts.lease_seconds,
        )

    def hold(self, tx: Transaction) -> None:
        """Nobody takes any of the leases before ``tx`` ends. Raises ``LeaseHeldError``."""
        for lease in self.leases():
            leases.require(tx, lease)


@dataclass(frozen=True, slots=True)
class RunFence:
    """The fence of a run: its lease, and its revision is open: a published or abandoned one is never written."""

    leased: LeaseFence
    collection: str
    revision: int

    def __call__(self) -> None:
        """The lease first: a run that was overtaken shall say so.

        Raises ``LeaseHeldError``, ``RevisionClosedError``.
        """
        self.leased()
        with self.leased.parts.ledger.reading() as reading:
            revisions.require_open(reading, self.collection, self.revision)

    def hold(self, tx: Transaction) -> None:
        """The revision stays open until ``tx`` ends; whoever takes the lease abandons it before anything else."""
        revisions.require_open(tx, self.collection, self.revision)


@dataclass(frozen=True, slots=True)
class CopyFence:
    """The fence of work on a physical copy that no source's lease covers: the ledger still has it in this state.

    Numbers and epochs of copies are never used again, and ``dropped`` is the last state: a request that comes late
    finds nothing that anybody reads.
    """

    parts: Parts
    projection: Projection
    states: tuple[str, ...]

    def __call__(self) -> None:
        """Raises ``LeaseHeldError`` where another process has moved the copy on."""
        with self.parts.ledger.reading() as reading:
            self.hold(reading)

    def hold(self, tx: Transaction) -> None:
        """The same inside a transaction. Callers that change the state hold the counter row."""
        state = projections.state_of(tx, self.projection)
        if state not in self.states:
            raise LeaseHeldError(
                f"go on with copy {self.projection.number} of {self.projection.collection!r}",
                found=f"it is {state} by now: another process went on with it while this one slept",
                remedy="Run the same command again: it goes on where the other one is.",
            )


def lease_fence(parts: Parts, lease: Lease) -> LeaseFence:
    """The fence of whoever holds one lease."""
    return LeaseFence(parts, lambda: (lease,))


def fence_of(parts: Parts, run: RunHandle) -> RunFence:
    """The fence of a run that has a revision."""
    assert run.revision is not None
    return RunFence(lease_fence(parts, run.lease), run.collection, run.revision)
