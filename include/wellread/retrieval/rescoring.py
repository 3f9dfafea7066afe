"""Candidates and their scores after fusion: proximity, boosts, order."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wellread.retrieval.proximity import NOTHING, Closeness, closeness
from wellread.retrieval.settings import RetrievalSettings
from wellread.retrieval.term_statistics import TermStatistics, inverse_frequencies
from wellread.retrieval.words import content_terms, terms
from wellread.stores.protocol import SearchHit


@dataclass(frozen=True, slots=True)
class Candidate:
    """A found chunk with the parts of its score."""

    hit: SearchHit
    closeness: Closeness = NOTHING
    proximity_weight: float = 0.0
    document_boost: float = 0.0
    cosine: float | None = None
    rerank_score: float | None = None

    @property
    def score(self) -> float:
        """The reranker's score, else fused score, weighted proximity and boost."""
        if self.rerank_score is not None:
            return self.rerank_score
        return self.hit.score + self.proximity_weight * self.closeness.proximity + self.document_boost

    def signals(self) -> dict[str, float]:
        """The parts of the score by name."""
        parts = {
            "fused": self.hit.score,
            "coverage": self.closeness.coverage,
            "proximity": self.closeness.proximity,
            "document_boost": self.document_boost,
        }
        later = {"cosine": self.cosine, "rerank": self.rerank_score}
        return parts | {name: part for name, part in later.items() if part is not None}


def question_weights(question: str, statistics: TermStatistics, *, language: str) -> dict[str, float]:
    """The question's stems in the language of the chunks, with their inverse frequencies."""
    return inverse_frequencies(content_terms(question, language=language), statistics)


def by_language(question: str, statistics: TermStatistics) -> Callable[[str], Mapping[str, float]]:
    """:func:`question_weights` for each language that occurs, computed once."""
    known: dict[str, Mapping[str, float]] = {}

    def weights(language: str) -> Mapping[str, float]:
        if language not in known:
            known[language] = question_weights(question, statistics, language=language)
        return known[language]

    return weights


def rescore(
    hits: Sequence[SearchHit],
    weights_of: Callable[[str], Mapping[str, float]],
    settings: RetrievalSettings,
    *,
    document_boost: float = 0.0,
    counts_proximity: bool = True,
) -> list[Candidate]:
    """The best ``rescored_count`` hits with proximity, the others as they were; in no particular order.

    Where proximity does not count, it is only noted.
    """
    first = settings.rescored_count if settings.proximity_weight else 0
    near = [
        Candidate(
            hit,
            closeness(
                weights_of(hit.language),
                terms(hit.text, language=hit.language),
                title_terms=frozenset(terms(hit.title, language=hit.language)),
                window_tokens=settings.proximity_window_tokens,
            ),
            proximity_weight=settings.proximity_weight if counts_proximity else 0.0,
            document_boost=document_boost,
        )
        for hit in hits[:first]
    ]
    return near + [Candidate(hit, document_boost=document_boost) for hit in hits[first:]]


def ranked(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Best first, each chunk once with its best score; ties in the order given."""
    best: dict[uuid.UUID, Candidate] = {}
    for candidate in candidates:
        known = best.get(candidate.hit.chunk_key)
        if known is None or candidate.score > known.score:
            best[candidate.hit.chunk_key] = candidate
    return sorted(best.values(), key=lambda candidate: candidate.score, reverse=True)


def with_cosines(candidates: Sequence[Candidate], vector: Sequence[float] | None) -> list[Candidate]:
    """The candidates with the cosine to a unit query vector, where the search returned their vectors."""
    if vector is None or any(candidate.hit.vector is None for candidate in candidates):
        return list(candidates)
    if not candidates:
        return []
    found = np.asarray([candidate.hit.vector for candidate in candidates], dtype=np.float32)
    cosines = found @ np.asarray(vector, dtype=np.float32) / np.maximum(np.linalg.norm(found, axis=1), 1e-12)
    return [replace(candidate, cosine=float(cosine)) for candidate, cosine in zip(candidates, cosines, strict=True)]


def above_least(
    candidates: Sequence[Candidate], *, score: float | None, cosine: float | None
) -> tuple[list[Candidate], int]:
    """The candidates that reach both, in order, and how many do not. ``None`` asks for nothing."""
    kept = [
        candidate
        for candidate in candidates
        if (score is None or candidate.score >= score)
        and (cosine is None or candidate.cosine is None or candidate.cosine >= cosine)
    ]
    return kept, len(candidates) - len(kept)
