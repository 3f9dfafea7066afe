"""Which revisions count, as everything that compares or copies rows must know."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wellread.indexing.parts import Parts
from wellread.ledger import revisions
from wellread.ledger.objects import ObjectRow
from wellread.snapshots import OPEN


@dataclass(frozen=True, slots=True)
class RevisionStates:
    """Which revisions do not count, and how far vacuum may have come."""

    unpublished: frozenset[int]
    """Being written, or given up and not clean yet."""
    oldest_readable: int

    def with_published(self, revision: int) -> RevisionStates:
        """The same, as it will be once this revision is published."""
        return replace(self, unpublished=self.unpublished - {revision})

    def is_spent(self, row: ObjectRow) -> bool:
        """No snapshot that may be read shows the row: vacuum deletes it, without the source's lease."""
        return row.rev_to != OPEN and row.rev_to not in self.unpublished and row.rev_to < self.oldest_readable


def revision_states(parts: Parts, collection: str) -> RevisionStates:
    """What is true of the collection's revisions now."""
    with parts.ledger.reading() as reading:
        row = revisions.find_collection(reading, collection)
        assert row is not None
        found = revisions.revisions_in_state(reading, collection, ["open", "abandoned"])
    return RevisionStates(frozenset(item.number for item in found), row.oldest_readable)
