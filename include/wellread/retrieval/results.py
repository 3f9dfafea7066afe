"""What retrieval hands on: passages with where they stand, and what is known of how well they fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from wellread.documents import Passage
from wellread.snapshots import Head, Snapshot

SearchMode = Literal["hybrid", "vector", "keyword"]


@dataclass(frozen=True, slots=True)
class ResolvedDocument:
    """The document, or the few alike, that a question names."""

    documents: tuple[str, ...]
    """Natural keys, best first."""
    titles: tuple[str, ...]
    mention: str
    """The part of the question that names them."""
    residual: str
    """The question without it: what is searched inside them."""


@dataclass(frozen=True, slots=True)
class RetrievalFeatures:
    """Signals by which a question can be told from one that nothing here answers. All 0 without hits."""

    top_cosine: float = 0.0
    """Between the question and the nearest candidate."""
    cosine_drop: float = 0.0
    """Nearest candidate less the fifth nearest: large where few chunks stand out."""
    best_coverage: float = 0.0
    """The largest share of the question's rarity mass in one candidate."""
    best_proximity: float = 0.0
    """The largest share of it inside one window."""
    resolved: bool = False
    """Whether the question names a document of this collection."""


@dataclass(frozen=True, slots=True)
class RetrievalResult:
    """The passages for one question under one snapshot."""

    question: str
    passages: tuple[Passage, ...]
    """Hits, best first, then neighbours (``neighbour_of`` names the hit's rank)."""
    head: Head
    snapshot: Snapshot
    features: RetrievalFeatures
    term_weights: Mapping[str, float] = field(default_factory=dict)
    """The question's stems with their inverse frequencies in the collection."""
    resolved_document: ResolvedDocument | None = None
    left_out_count: int = 0
    """Candidates that were looked at and left out by a least score or cosine."""
    rerank_search_units: int = 0
    """What reranking was billed, in the provider's own unit."""
    notes: tuple[str, ...] = ()
    """What a reader should know, such as why passages are not reranked."""

    @property
    def hits(self) -> tuple[Passage, ...]:
        """The passages that were found for themselves, without neighbours."""
        return tuple(passage for passage in self.passages if passage.neighbour_of is None)
