"""What differs between ledger and store: found page by page, and looked at again under a lease."""

from __future__ import annotations

import itertools
import math
import secrets
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from wellread.errors import AuditError
from wellread.indexing.parts import Parts
from wellread.indexing.revision_states import RevisionStates, revision_states
from wellread.ledger import objects as ledger_objects
from wellread.ledger import vectors as ledger_vectors
from wellread.ledger.objects import ObjectRow
from wellread.snapshots import OPEN, Projection
from wellread.stores.protocol import ObjectKind, StoredObject
from wellread.upkeep.payloads import content_fault

Fault = Literal["missing", "payload", "unindexed", "vector", "rev_to", "access", "stray", "second_copy"]
"""How an object differs: the store lacks it, holds other content, or its vector index does not find it; its vector,
closing revision or access list is not the ledger's; the ledger has no row for it; a repair of it was cut off."""

LEAST_COSINE = 0.9999
LEAST_VECTORS = 1_000
LEAST_RATIO = 0.01
"""Vectors compared: at least so many, and at least this share of the open ones."""

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that is not as the ledger says."""

    kind: ObjectKind
    fault: Fault
    object_id: uuid.UUID
    source_id: str
    row: ObjectRow | None
    """``None`` for a stray."""
    found: str = ""

    def as_dict(self) -> dict[str, object]:
        """As JSON."""
        return {
            "fault": self.fault,
            "kind": self.kind,
            "object_id": str(self.object_id),
            "source": self.source_id,
            "found": self.found,
        }


@dataclass(slots=True)
class Sample:
    """Every so many-th open chunk, from a start drawn by chance: ids are hashes, so this favours none."""

    step: int
    seen: int

    @classmethod
    def of(cls, total: int) -> Sample:
        """At least ``LEAST_VECTORS`` and ``LEAST_RATIO`` of ``total``, or all of them."""
        step = max(1, total // max(LEAST_VECTORS, math.ceil(total * LEAST_RATIO)))
        return cls(step, secrets.randbelow(step))

    def take(self, rows: Sequence[ObjectRow]) -> set[uuid.UUID]:
        """Which of these rows' vectors are compared."""
        chosen = set()
        for row in rows:
            if row.kind == "chunks" and row.rev_to == OPEN:
                self.seen += 1
                if self.seen % self.step == 0:
                    chosen.add(row.object_id)
        return chosen


@dataclass(slots=True)
class Counts:
    """How much was compared."""

    chunks: int = 0
    versions: int = 0
    in_progress: int = 0
    """Rows of revisions that are open or being cleaned: their own runs answer for them."""
    vectors: int = 0


@dataclass(slots=True)
class Comparison:
    """One pass over a projection."""

    parts: Parts
    projection: Projection
    sample: Sample
    states: RevisionStates
    counts: Counts = field(default_factory=Counts)

    def differences(self, kind: ObjectKind) -> Iterator[list[Difference]]:
        """What seems to differ, page by page in the order of ids. Memory holds one page, whatever the size."""
        after: uuid.UUID | None = None
        for page in _pages(self.parts.store.iterate_objects(self.projection, kind, with_content=True)):
            ids = [item.object_id for item in page]
            if ids != sorted(ids) or (after is not None and ids[0] <= after):
                raise AuditError(
                    f"read through the {kind} of {self.projection.collection}",
                    found="the store did not give them in the order of their ids",
                    remedy="Run again; if it stays, report it with the version of the Weaviate server.",
                )
            yield from self._between(kind, after, ids[-1], {item.object_id: item for item in page})
            after = ids[-1]
        yield from self._between(kind, after, None, {})

    def _between(
        self,
        kind: ObjectKind,
        after: uuid.UUID | None,
        until: uuid.UUID | None,
        unseen: dict[uuid.UUID, StoredObject],
    ) -> Iterator[list[Difference]]:
        """Compare the rows of one stretch of ids with the page of stored objects that covers it."""
        while True:
            with self.parts.ledger.reading() as reading:
                rows = ledger_objects.page_of_rows(
                    reading, self.projection, kind, after=after, until=until, limit=_PAGE
                )
            stored = {row.object_id: unseen.pop(row.object_id) for row in rows if row.object_id in unseen}
            settled = [row for row in rows if row.rev_from not in self.states.unpublished]
            self._count(kind, rows, settled)
            chosen = self.sample.take(settled)
            self.counts.vectors += len(chosen)
            yield compare_rows(
                self.parts, self.projection, kind, settled, stored, chosen=chosen, states=self.states
            )
            if len(rows) < _PAGE:
                break
            after = rows[-1].object_id
        yield [stray_of(kind, item) for item in unseen.values()]

    def _count(self, kind: ObjectKind, rows: Sequence[ObjectRow], settled: Sequence[ObjectRow]) -> None:
        self.counts.in_progress += len(rows) - len(settled)
        if kind == "chunks":
            self.counts.chunks += len(settled)
        else:
            self.counts.versions += len(settled)


def compare_rows(
    parts: Parts,
    projection: Projection,
    kind: ObjectKind,
    rows: Sequence[ObjectRow],
    stored: Mapping[uuid.UUID, StoredObject],
    *,
    chosen: AbstractSet[uuid.UUID],
    states: RevisionStates,
) -> list[Difference]:
    """How rows and stored objects differ; ``chosen`` are those whose vectors are compared too."""
    found = []
    sound: dict[uuid.UUID, ObjectRow] = {}
    for row in rows:
        faults = _faults(parts, row, stored.get(row.object_id), states)
        found += [_difference(kind, fault, row, what) for fault, what in faults]
        if row.object_id in stored and not any(fault == "payload" for fault, _ in faults):
            sound[row.object_id] = row
    if kind == "chunks" and sound:
        indexed = parts.store.vector_indexed_among(projection, list(sound))
        found += [_difference(kind, "unindexed", row, "") for key, row in sound.items() if key not in indexed]
        sampled = [row for key, row in sound.items() if key in chosen and key in indexed]
        found += _vector_differences(parts, projection, sampled)
    return found


def _faults(
    parts: Parts, row: ObjectRow, stored: StoredObject | None, states: RevisionStates
) -> list[tuple[Fault, str]]:
    if stored is None:
        return [] if states.is_spent(row) else [("missing", "")]
    assert row.facts is not None
    expected_key = row.key if row.kind == "chunks" else row.doc_id
    said = (row.payload_hash, row.rev_from, row.doc_id, expected_key, row.facts["source_id"])
    if said != (stored.payload_hash, stored.rev_from, stored.doc_id, stored.key, stored.source_id):
        return [("payload", f"{stored.payload_hash[:12]} instead of {row.payload_hash[:12]}")]
    changed = content_fault(parts.store, row, stored)
    if changed is not None:
        return [("payload", changed)]
    faults: list[tuple[Fault, str]] = []
    if stored.rev_to != row.rev_to and row.rev_to not in states.unpublished:
        faults.append(("rev_to", f"{stored.rev_to} instead of {row.rev_to}"))
    if list(stored.acl) != row.facts["acl"]:
        faults.append(("access", f"{', '.join(stored.acl)} instead of {', '.join(row.facts['acl'])}"))
    return faults


def _difference(kind: ObjectKind, fault: Fault, row: ObjectRow, found: str) -> Difference:
    assert row.facts is not None
    return Difference(kind, fault, row.object_id, str(row.facts["source_id"]), row, found)


def stray_of(kind: ObjectKind, stored: StoredObject) -> Difference:
    """An object that no row of the ledger knows."""
    found = f"revision {stored.rev_from} of the document {stored.doc_id}"
    return Difference(kind, "stray", stored.object_id, stored.source_id, None, found)


def _vector_differences(parts: Parts, projection: Projection, rows: Sequence[ObjectRow]) -> list[Difference]:
    """Rows whose stored vector points elsewhere than the ledger's. Raises ``AuditError`` if the ledger lost one."""
    if not rows:
        return []
    with parts.ledger.reading() as reading:
        kept = ledger_vectors.find_vectors(reading, [row.embedding_key or "" for row in rows])
    stored = parts.store.fetch_vectors(projection, [row.object_id for row in rows])
    found = []
    for row in rows:
        mine = kept.get(row.embedding_key or "")
        if mine is None:
            raise AuditError(
                f"compare the vector of {row.object_id}",
                found="the ledger no longer holds the vector that was paid for",
                remedy="Restore the ledger's newest backup; without it the document must be embedded again.",
            )
        cosine = _cosine(mine, stored.get(row.object_id, ()))
        if not cosine >= LEAST_COSINE:  # a vector with NaN differs too
            found.append(_difference("chunks", "vector", row, f"cosine {cosine:.4f}"))
    return found


def _cosine(mine: ledger_vectors.Vector, other: Sequence[float]) -> float:
    left, right = np.asarray(mine, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if left.shape != right.shape:
        return 0.0
    length = float(np.linalg.norm(left) * np.linalg.norm(right))
    return float(left @ right) / length if length > 0 else 0.0


def look_again(
    parts: Parts, projection: Projection, kind: ObjectKind, doubtful: Sequence[Difference]
) -> list[Difference]:
    """Those differences that still stand. Exact under the lease of the source that owns the objects."""
    states = revision_states(parts, projection.collection)
    ids = list(dict.fromkeys(item.object_id for item in doubtful))
    with parts.ledger.reading() as reading:
        rows = ledger_objects.find_rows(reading, projection, ids)
    stored = parts.store.fetch_objects(projection, kind, ids, with_content=True)
    strays = [stray_of(kind, item) for key, item in stored.items() if key not in rows]
    settled = [row for row in rows.values() if row.rev_from not in states.unpublished]
    chosen = {item.object_id for item in doubtful if item.fault == "vector"}
    return strays + compare_rows(parts, projection, kind, settled, stored, chosen=chosen, states=states)


def _pages(items: Iterable[StoredObject]) -> Iterator[list[StoredObject]]:
    source = iter(items)
    while page := list(itertools.islice(source, _PAGE)):
        yield page
