"""What one call of a retriever may ask for, besides questions, collection and scope."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from wellread.errors import SettingsError
from wellread.filters import Filter
from wellread.retrieval.results import SearchMode
from wellread.snapshots import Snapshot


class RetrievalOptions(TypedDict, total=False):
    """The keyword arguments of every retrieving method; their meaning is at :class:`RetrievalCall`."""

    k: int
    snapshot: Snapshot | None
    mode: SearchMode
    context_words: int
    filter: Filter | None
    least_score: float | None
    least_cosine_ratio: float | None
    fresh_since: datetime | None
    least_revision: int | None
    rerank: bool


@dataclass(frozen=True, slots=True)
class RetrievalCall:
    """The options of one call, checked."""

    k: int = 10
    """At most so many hits."""
    snapshot: Snapshot | None = None
    """The pinned state; ``None``: the newest head's."""
    mode: SearchMode = "hybrid"
    """Other than ``hybrid``: the plain search by words or by vector, without resolution and proximity."""
    context_words: int = 0
    """The budget that the passages will be packed into: from the settings' ``neighbour_budget_words`` on,
    neighbours are added."""
    filter: Filter | None = None
    """Joined to the scope by *and*: it can only narrow it."""
    least_score: float | None = None
    """Instead of the settings' ``least_score``, which says what it compares."""
    least_cosine_ratio: float | None = None
    """Instead of the settings' ``least_cosine_ratio``."""
    fresh_since: datetime | None = None
    """Each source of the scope's ``source_ids`` (else of its tenant) must have had a complete run that began
    at this moment or later. Documents that such a run could not read stay as they were: its report names them."""
    least_revision: int | None = None
    """The snapshot must hold this revision."""
    rerank: bool = True
    """Whether the retriever's reranker, if it has one, is asked."""

    def __post_init__(self) -> None:
        if self.fresh_since is not None and self.fresh_since.tzinfo is None:
            _refuse(f"fresh_since is {self.fresh_since.isoformat()}, without a zone", "Give an aware moment.")
        if self.snapshot is None:
            return
        if self.fresh_since is not None:
            _refuse("fresh_since with a pinned snapshot", "Pin a snapshot, or ask for fresh ones.")
        if self.least_revision is not None and not self.snapshot.has(self.least_revision):
            _refuse(
                f"the pinned snapshot {self.snapshot.as_text()} does not hold revision {self.least_revision}",
                "Pin a later one: a snapshot never changes.",
            )


def _refuse(found: str, remedy: str) -> None:
    raise SettingsError("retrieve passages", found=found, remedy=remedy)
