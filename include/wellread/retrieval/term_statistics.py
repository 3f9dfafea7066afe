"""How rare a word is: document frequencies of stems over the chunks of a collection.

Weaviate uses such counts inside but gives them to nobody. Who has counted them (at publication, with
:func:`wellread.retrieval.words.content_terms`) hands them to the retriever; else the retriever samples the
collection (:class:`SampledStatistics`): a few thousand chunks tell frequent words from rare ones.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from wellread.retrieval.words import content_terms
from wellread.snapshots import Head
from wellread.stores.protocol import Scope, VectorStore


class TermStatistics(Protocol):
    """Counts over the chunks of one collection at one time; slightly stale ones do no harm."""

    @property
    def chunk_count(self) -> int:
        """How many chunks were counted."""

    def document_frequency(self, term: str) -> int:
        """In how many chunks the stem occurs; 0 if in none."""


@dataclass(frozen=True, slots=True)
class CountedTerms:
    """Counts in memory."""

    chunk_count: int
    frequencies: Mapping[str, int] = field(default_factory=dict)

    def document_frequency(self, term: str) -> int:
        """In how many chunks the stem occurs; 0 if in none."""
        return self.frequencies.get(term, 0)


def count_terms(texts: Iterable[tuple[str, str]]) -> CountedTerms:
    """Count the stems of (text, language) pairs, one pair a chunk. A title counts as part of its chunks' text."""
    frequencies: Counter[str] = Counter()
    chunk_count = 0
    for text, language in texts:
        chunk_count += 1
        frequencies.update(content_terms(text, language=language))
    return CountedTerms(chunk_count, frequencies)


def inverse_frequencies(query_terms: Iterable[str], statistics: TermStatistics) -> dict[str, float]:
    """The weight of each term: ``ln(1 + (N - n + 0.5) / (n + 0.5))``, as BM25 has it; never negative.

    In the order of the terms: sums of the weights depend on it in their last bit, and a question that is asked
    again, by another process, must have the same plan.
    """
    total = statistics.chunk_count
    weights = {}
    for term in sorted(query_terms):
        frequency = min(statistics.document_frequency(term), total)
        weights[term] = math.log1p((total - frequency + 0.5) / (frequency + 0.5))
    return weights


def rarity_ratio(term: str, statistics: TermStatistics) -> float:
    """How rare a term is: its weight over that of a term in no chunk; about 0 (everywhere) to 1 (nowhere)."""
    nowhere = math.log1p((statistics.chunk_count + 0.5) / 0.5)
    return inverse_frequencies([term], statistics)[term] / nowhere


class SampledStatistics:
    """Counts of a sample of each collection, remembered for a while. Safe to share between threads.

    The sample is what lies nearest to a direction drawn at random, the same at each time: all chunks of a small
    collection, some thousand of a large one. It is drawn per tenant, so nobody's ranking depends on texts that
    another tenant owns.
    """

    def __init__(
        self,
        store: VectorStore,
        *,
        sample_count: int,
        lifetime_seconds: float,
        clock_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sample_count = sample_count
        self._lifetime_seconds = lifetime_seconds
        self._clock_seconds = clock_seconds
        self._remembered: dict[tuple[str, str, str], tuple[float, CountedTerms]] = {}
        self._lock = threading.Lock()

    def of(self, head: Head, tenant: str) -> TermStatistics:
        """The counts for one tenant's part of the collection."""
        key = (head.projection.chunks, head.projection.store_epoch, tenant)
        with self._lock:
            now = self._clock_seconds()
            known = self._remembered.get(key)
            if known is None or now - known[0] >= self._lifetime_seconds:
                known = (now, self._sample(head, tenant))
                self._remembered[key] = known
            return known[1]

    def _sample(self, head: Head, tenant: str) -> CountedTerms:
        direction = np.random.default_rng(0).normal(size=head.projection.model.dimensions)
        hits = self._store.search(
            head,
            head.snapshot,
            Scope(tenant=tenant),
            mode="vector",
            query="",
            vector=(direction / np.linalg.norm(direction)).tolist(),
            alpha=1.0,
            limit=self._sample_count,
        )
        return count_terms((f"{hit.title} {hit.text}", hit.language) for hit in hits)
