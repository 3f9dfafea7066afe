"""Multi-version reads over a store without transactions: revisions, snapshots, heads.

The one visibility rule is written here (``Snapshot.shows``) and as the store's filter
(``wellread.stores.weaviate_filters``); tests hold both to one model.
"""

from __future__ import annotations

import dataclasses
import uuid
from dataclasses import dataclass

OPEN = 0
"""``rev_to`` of an object that no revision has closed."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state of the index that never changes: Postgres' xmax and xip, in integers."""

    next_revision: int
    """The first revision number that was not yet allocated."""
    excluded: frozenset[int] = frozenset()
    """Every allocated revision below ``next_revision`` that is not published."""

    def has(self, revision: int) -> bool:
        """Whether the revision's writes belong to this snapshot."""
        return revision < self.next_revision and revision not in self.excluded

    def shows(self, rev_from: int, rev_to: int) -> bool:
        """Whether an object opened at ``rev_from`` and closed at ``rev_to`` (0: open) is visible."""
        return self.has(rev_from) and (rev_to == OPEN or not self.has(rev_to))

    def as_text(self) -> str:
        """``12`` or ``12-{7,9}``: short enough for a row, complete enough to pin a job."""
        if not self.excluded:
            return str(self.next_revision)
        return f"{self.next_revision}-{{{','.join(str(number) for number in sorted(self.excluded))}}}"

    @classmethod
    def from_text(cls, text: str) -> Snapshot:
        """The inverse of :meth:`as_text`."""
        number, _, rest = text.partition("-")
        inside = rest.strip("{}")
        return cls(int(number), frozenset(int(part) for part in inside.split(",") if part))


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Everything on which a vector depends, besides the text. Stored with the collection."""

    provider: str
    model: str
    revision: str
    """The provider's revision, or the SHA-256 of the weights."""
    dimensions: int
    document_prefix: str = ""
    query_prefix: str = ""
    precision: str = "float32"
    max_input_tokens: int = 0
    pooling: str = ""

    def as_dict(self) -> dict[str, object]:
        """The identity as canonical JSON takes it."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Projection:
    """One physical copy of a logical collection: two Weaviate collections and the model of its vectors."""

    collection: str
    """The logical name that people use, ``Documents`` by default."""
    number: int
    """Counts the physical copies of this collection, from 1."""
    model: ModelIdentity
    store_epoch: str
    """Drawn at random when the copy is created: tells a restored or replaced store from this one."""

    @property
    def chunks(self) -> str:
        """The physical Weaviate collection that holds the chunks."""
        return f"{self.collection}_chunks_{self.number}"

    @property
    def versions(self) -> str:
        """The physical Weaviate collection that holds one object per document version."""
        return f"{self.collection}_versions_{self.number}"


@dataclass(frozen=True, slots=True)
class Head:
    """What a reader needs to know before it searches: one small append-only row."""

    seq: int
    projection: Projection
    snapshot: Snapshot
    oldest_readable: int
    """Snapshots with a smaller ``next_revision`` may have lost objects to vacuum."""
    denied: frozenset[uuid.UUID] = frozenset()
    """Documents withdrawn from every reader at once, whatever snapshot is pinned."""
    denied_sources: frozenset[str] = frozenset()
    """Whole sources withdrawn, where a list of documents would be too long."""

    def can_read(self, snapshot: Snapshot) -> bool:
        """Whether vacuum has left everything in place that this pinned snapshot shows.

        Conservative: a snapshot that excluded a revision below ``oldest_readable`` is refused too, because
        what that revision closed may be gone.
        """
        settled = {number for number in snapshot.excluded if number < self.oldest_readable}
        return snapshot.next_revision >= self.oldest_readable and settled <= self.snapshot.excluded
