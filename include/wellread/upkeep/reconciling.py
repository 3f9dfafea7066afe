"""Reconcile: compare the whole index with the ledger and repair what differs, with 0 embeddings."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from wellread.errors import AuditError, LeaseHeldError
from wellread.indexing.heads import flush_heads, known_projection
from wellread.indexing.parts import Parts
from wellread.indexing.revision_states import revision_states
from wellread.ledger import objects as ledger_objects
from wellread.ledger import revisions
from wellread.ledger.objects import ObjectRow
from wellread.snapshots import Projection
from wellread.stores.protocol import ObjectKind
from wellread.upkeep.differences import (
    Comparison,
    Counts,
    Difference,
    Sample,
    look_again,
)
from wellread.upkeep.repairing import drop_second_copies, repair_differences
from wellread.upkeep.source_leases import source_lease

_EXAMPLES = 50
_KINDS: tuple[ObjectKind, ...] = ("chunks", "versions")


@dataclass(slots=True)
class Reconciled:
    """What a comparison of ledger and store came to."""

    projection: Projection
    repair: bool
    counts: Counts = field(default_factory=Counts)
    faults: Counter[str] = field(default_factory=Counter)
    repaired: int = 0
    deferred: dict[str, int] = field(default_factory=dict)
    """Objects of sources that another run is working on, by source: looked at again when it has ended."""
    examples: list[Difference] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def objects(self) -> int:
        """Objects compared."""
        return self.counts.chunks + self.counts.versions

    @property
    def is_true(self) -> bool:
        """Whether ledger and store agree now, as far as could be looked."""
        return self.repaired == self.faults.total() and not self.deferred

    def as_dict(self) -> dict[str, object]:
        """The JSON that ``wellread reconcile --json`` prints."""
        rate = round(self.seconds / self.objects * 1_000_000, 1) if self.objects else None
        return {
            "collection": self.projection.collection,
            "projection": self.projection.number,
            "compared": {
                "chunks": self.counts.chunks,
                "versions": self.counts.versions,
                "vectors": self.counts.vectors,
                "in_progress": self.counts.in_progress,
            },
            "differences": dict(sorted(self.faults.items())),
            "repaired": self.repaired,
            "deferred": dict(sorted(self.deferred.items())),
            "embeddings": 0,
            "true": self.is_true,
            "examples": [item.as_dict() for item in self.examples],
            "seconds": round(self.seconds, 3),
            "seconds_per_million_objects": rate,
        }


def reconcile(parts: Parts, collection: str, *, repair: bool, projection: Projection | None = None) -> Reconciled:
    """Compare all that ledger and store hold of a collection; where it differs, restore what the ledger says.

    Writes nothing where nothing differs. What seems to differ is looked at again under the lease of its source, so
    that a run at work is never taken for a fault. Raises ``EpochMismatchError`` if the store was lost or restored.
    ``projection`` is another copy than the live one.
    """
    started = time.monotonic()
    live = known_projection(parts, collection)
    done = Reconciled(projection or live, repair)
    _settle_second_copies(parts, done)
    with parts.ledger.reading() as reading:
        pending = revisions.pending_head(reading, collection)
    if pending is not None:
        done.faults["head"] = 1
        done.repaired += int(repair and flush_heads(parts, collection) is not None)
    _pass(parts, done, every_vector=False)
    if done.faults["vector"]:
        # One wrong vector in a sample: all are looked at.
        done.faults["vector"] *= int(repair)  # those that were not repaired are met again
        _pass(parts, done, every_vector=True)
    done.seconds = time.monotonic() - started
    return done


def _pass(parts: Parts, done: Reconciled, *, every_vector: bool) -> None:
    states = revision_states(parts, done.projection.collection)
    with parts.ledger.reading() as reading:
        total = ledger_objects.count_open_chunks(reading, done.projection, without=states.unpublished)
    sample = Sample(1, 0) if every_vector else Sample.of(total)
    comparison = Comparison(parts, done.projection, sample, states)
    kinds = _KINDS[:1] if every_vector else _KINDS
    for kind in kinds:
        for doubtful in comparison.differences(kind):
            # The second pass is after vectors alone: what else differs was told by the first.
            told = [item for item in doubtful if item.fault == "vector"] if every_vector else doubtful
            _settle(parts, done, kind, told)
    if every_vector:
        done.counts.vectors = comparison.counts.vectors
    else:
        done.counts = comparison.counts


def _settle(parts: Parts, done: Reconciled, kind: ObjectKind, doubtful: Sequence[Difference]) -> None:
    by_source: dict[str, list[Difference]] = {}
    for item in doubtful:
        by_source.setdefault(item.source_id, []).append(item)
    for source_id, members in sorted(by_source.items()):
        try:
            with source_lease(parts, done.projection.collection, source_id, purpose="reconcile") as held:
                standing = look_again(parts, done.projection, kind, members)
                _note(done, standing)
                if not done.repair or not standing:
                    continue
                repair_differences(parts, done.projection, kind, standing, fence=held.fence)
                _require_repaired(parts, done.projection, kind, standing)
                done.repaired += len(standing)
        except LeaseHeldError:
            done.deferred[source_id] = done.deferred.get(source_id, 0) + len(members)


def _note(done: Reconciled, standing: Sequence[Difference]) -> None:
    known = {(item.object_id, item.fault) for item in done.examples}
    for item in standing:
        done.faults[item.fault] += 1
        if len(done.examples) < _EXAMPLES and (item.object_id, item.fault) not in known:
            done.examples.append(item)


def _require_repaired(
    parts: Parts, projection: Projection, kind: ObjectKind, repaired: Sequence[Difference]
) -> None:
    left = look_again(parts, projection, kind, repaired)
    if left:
        raise AuditError(
            f"repair {len(repaired)} {kind} of {projection.collection}",
            found=f"{len(left)} still differ, such as {left[0].object_id} ({left[0].fault} {left[0].found})",
            remedy="Look into the Weaviate server's log; if its disk is damaged, `wellread rebuild`.",
        )


def _settle_second_copies(parts: Parts, done: Reconciled) -> None:
    """A repair that was cut off leaves two copies of one key and revision: one of them stays."""
    with parts.ledger.reading() as reading:
        rows = ledger_objects.second_copies(reading, done.projection)
    by_source: dict[str, list[ObjectRow]] = {}
    for row in rows:
        assert row.facts is not None
        by_source.setdefault(str(row.facts["source_id"]), []).append(row)
    for source_id, members in sorted(by_source.items()):
        try:
            with source_lease(parts, done.projection.collection, source_id, purpose="reconcile") as held:
                ids: list[uuid.UUID] = [row.object_id for row in members]
                dropped = drop_second_copies(parts, done.projection, ids, repair=done.repair, fence=held.fence)
        except LeaseHeldError:
            done.deferred[source_id] = done.deferred.get(source_id, 0) + len(members)
        else:
            _note(done, dropped)
            done.repaired += len(dropped) if done.repair else 0
