"""From a question to passages: search, resolve, score again, place, add neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar, Unpack

import numpy as np

from wellread.errors import SettingsError
from wellread.models.protocol import Embedder
from wellread.models.reranking.protocol import Reranker
from wellread.retries import RetrySettings
from wellread.retrieval.freshness import AskFreshness, head_above_floor
from wellread.retrieval.heads import HeadCache, check_snapshot, embedder_of
from wellread.retrieval.options import RetrievalCall, RetrievalOptions
from wellread.retrieval.placing import lie_together, neighbours, place_hits
from wellread.retrieval.query_vectors import embed_questions
from wellread.retrieval.reranking import Reranked, reranked
from wellread.retrieval.rescoring import Candidate, above_least, by_language, ranked, rescore, with_cosines
from wellread.retrieval.resolution import Resolution, resolve
from wellread.retrieval.results import RetrievalFeatures, RetrievalResult, SearchMode
from wellread.retrieval.settings import RetrievalSettings
from wellread.retrieval.term_statistics import SampledStatistics, TermStatistics, rarity_ratio
from wellread.retrieval.view import Vector, View
from wellread.retrieval.words import terms
from wellread.snapshots import Head
from wellread.stores.protocol import Scope, SearchHit, VectorStore

_ONE = "retrieve passages"
_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class _Found:
    """What the first round of searches found for a question."""

    question: str
    vector: Vector | None
    hits: list[SearchHit]
    resolution: Resolution | None


class Retriever:
    """Retrieves passages under snapshots. Safe to share between threads.

    ``term_statistics`` returns counted document frequencies for a head; without them, the collection is sampled.
    ``reranker`` reads the best passages again, in every mode. ``freshness`` tells when sources were last ingested;
    without it, ``fresh_since`` is refused. ``previous_embedder``: the other model of a collection that is being
    migrated; a question is embedded with the model of the copy that its head names. Nothing given is closed here.
    """

    def __init__(
        self,
        store: VectorStore,
        embedder: Embedder,
        settings: RetrievalSettings | None = None,
        *,
        term_statistics: Callable[[Head], TermStatistics | None] | None = None,
        reranker: Reranker | None = None,
        rerank_retry: RetrySettings | None = None,
        freshness: AskFreshness | None = None,
        previous_embedder: Embedder | None = None,
    ) -> None:
        self._store = store
        self._embedders = (embedder,) if previous_embedder is None else (embedder, previous_embedder)
        self._settings = settings if settings is not None else RetrievalSettings()
        self._heads = HeadCache(store.read_head, lifetime_seconds=self._settings.head_cache_seconds)
        self._counted = term_statistics
        self._reranker = reranker
        self._rerank_retry = rerank_retry if rerank_retry is not None else RetrySettings()
        self._freshness = freshness
        self._sampled = SampledStatistics(
            store,
            sample_count=self._settings.statistics_sample_count,
            lifetime_seconds=self._settings.statistics_seconds,
        )

    def head(self, collection: str) -> Head:
        """The newest head of a collection, at most two seconds old: what a question job pins its snapshot from.

        Raises ``SettingsError`` for a collection that does not exist.
        """
        return self._heads.newest(collection)

    def fresh_head(
        self,
        collection: str,
        *,
        scope: Scope,
        fresh_since: datetime | None = None,
        least_revision: int | None = None,
    ) -> Head:
        """The newest head, if it is as fresh as is asked for: what a job pins that must not answer from old text.

        Raises ``StaleIndexError`` where it is not yet, and as :meth:`head`.
        """
        call = RetrievalCall(fresh_since=fresh_since, least_revision=least_revision)
        return head_above_floor(self._heads, collection, call, scope=scope, freshness=self._freshness)

    def retrieve(
        self, question: str, *, collection: str, scope: Scope, **options: Unpack[RetrievalOptions]
    ) -> RetrievalResult:
        """The best passages for one question; see :meth:`retrieve_many`."""
        return self.retrieve_many([question], collection=collection, scope=scope, **options)[0]

    def retrieve_many(
        self, questions: Sequence[str], *, collection: str, scope: Scope, **options: Unpack[RetrievalOptions]
    ) -> list[RetrievalResult]:
        """One result a question, in order, all under one head and snapshot (the head's own unless one is pinned).

        ``scope`` says what the deployment allows; nothing among the ``options`` (:class:`RetrievalCall`) can widen
        it.

        Raises ``SettingsError`` (no such collection; a blank question; options that contradict),
        ``StaleIndexError`` (not as fresh as was asked for), ``ModelMismatchError`` (built with another model),
        ``SystemicError`` (the pinned snapshot is older than the oldest readable one), and what store, embedder and
        reranker raise.
        """
        for question in questions:
            _check_question(question)
        call = RetrievalCall(**options)
        scope = scope.narrowed(call.filter)
        head = head_above_floor(self._heads, collection, call, scope=scope, freshness=self._freshness)
        view = View(self._store, head, call.snapshot or head.snapshot, scope)
        check_snapshot(head, view.snapshot)
        vectors = [None] * len(questions) if call.mode == "keyword" else self._embed(head, questions)
        asked = list(zip(questions, vectors, strict=True))
        if call.mode != "hybrid":
            found = self._each(lambda one: self._search_plainly(view, *one, mode=call.mode), asked)
            return self._each(lambda one: self._result(view, one, _plain(one), call), found)
        statistics = self._statistics(view)
        found = self._each(lambda one: self._search(view, *one, statistics), asked)
        inner = self._inner_vectors(head, found)
        return self._each(
            lambda pair: self._finish(view, *pair, statistics, call), list(zip(found, inner, strict=True))
        )

    # -- the first round ------------------------------------------------------------------------------
    def _search_plainly(self, view: View, question: str, vector: Vector | None, *, mode: SearchMode) -> _Found:
        hits = view.search(
            question, vector, mode=mode, alpha=self._settings.alpha_ratio, limit=self._settings.depth_count
        )
        return _Found(question, vector, hits, None)

    def _search(self, view: View, question: str, vector: Vector | None, statistics: TermStatistics) -> _Found:
        if not self._settings.resolve_documents:
            return self._search_plainly(view, question, vector, mode="hybrid")
        # The two searches need nothing of each other, and a person may be waiting.
        with ThreadPoolExecutor(1, thread_name_prefix="wellread-names") as pool:
            naming = pool.submit(view.named, question, self._settings.resolution_documents_count + 1)
            found = self._search_plainly(view, question, vector, mode="hybrid")
            named = naming.result()
        if not found.hits:
            return found

        def rarity(word: str) -> float:
            return rarity_ratio(terms(word)[0], statistics)

        return _Found(question, vector, found.hits, resolve(question, named, rarity, self._settings))

    # -- the second round -----------------------------------------------------------------------------
    def _inner_vectors(self, head: Head, found: Sequence[_Found]) -> list[Vector | None]:
        """For each question that names a document: its vector mixed with that of the question without the name."""
        residuals = [one.resolution.residual for one in found if one.resolution is not None]
        embedded = iter(self._embed(head, residuals))
        share = self._settings.resolution_vector_ratio
        mixed: list[Vector | None] = []
        for one in found:
            if one.resolution is None or one.vector is None:
                mixed.append(None)
                continue
            mean = (1 - share) * np.asarray(one.vector) + share * np.asarray(next(embedded))
            mixed.append((mean / max(float(np.linalg.norm(mean)), 1e-12)).tolist())
        return mixed

    def _finish(
        self,
        view: View,
        found: _Found,
        inner_vector: Vector | None,
        statistics: TermStatistics,
        call: RetrievalCall,
    ) -> RetrievalResult:
        settings = self._settings
        counts_proximity = settings.rerank_after_proximity or not self._is_reranking(call)
        weights = by_language(found.question, statistics)
        candidates = rescore(found.hits, weights, settings, counts_proximity=counts_proximity)
        inside = self._search_inside(view, found.resolution, inner_vector)
        if found.resolution is not None and inside:
            weights = by_language(found.resolution.residual, statistics)
            boost = settings.resolution_boost
            candidates += rescore(
                inside, weights, settings, document_boost=boost, counts_proximity=counts_proximity
            )
        else:
            found = replace(found, resolution=None)
        most = max(call.k, settings.rescored_count, settings.rerank_count if self._is_reranking(call) else 0)
        best = with_cosines(ranked(candidates)[:most], found.vector)
        language = best[0].hit.language if best else "en"
        return self._result(view, found, best, call, term_weights=dict(weights(language)))

    def _search_inside(self, view: View, resolution: Resolution | None, vector: Vector | None) -> list[SearchHit]:
        """Hits in the documents that the question names; none where nothing of them may be shown."""
        if resolution is None or vector is None:
            return []
        return view.inside([version.doc_id for version in resolution.versions]).search(
            resolution.residual,
            vector,
            mode="hybrid",
            alpha=self._settings.resolution_alpha_ratio,
            limit=self._settings.depth_count,
        )

    # -- the end --------------------------------------------------------------------------------------
    def _result(
        self,
        view: View,
        found: _Found,
        best: Sequence[Candidate],
        call: RetrievalCall,
        *,
        term_weights: dict[str, float] | None = None,
    ) -> RetrievalResult:
        resolution = found.resolution
        ordered = self._reranked(found.question, best, call)
        kept, left_out_count = self._above_least(ordered, call)
        hits, places = place_hits(view, kept, call.k, known=resolution.versions if resolution else ())
        beside = []
        if call.context_words >= self._settings.neighbour_budget_words and (
            resolution is not None or lie_together(hits)
        ):
            beside = neighbours(view, hits, places, self._settings.neighbour_window_count)
        return RetrievalResult(
            question=found.question,
            passages=(*hits, *beside),
            head=view.head,
            snapshot=view.snapshot,
            features=_features(best, is_resolved=resolution is not None),
            term_weights=term_weights or {},
            resolved_document=resolution.described() if resolution else None,
            left_out_count=left_out_count,
            rerank_search_units=ordered.search_units,
            notes=() if ordered.skipped is None else (ordered.skipped,),
        )

    def _is_reranking(self, call: RetrievalCall) -> bool:
        return self._reranker is not None and call.rerank

    def _reranked(self, question: str, best: Sequence[Candidate], call: RetrievalCall) -> Reranked:
        if self._reranker is None or not call.rerank:
            return Reranked(best)
        return reranked(
            self._reranker, question, best, self._settings, least_count=call.k, retry=self._rerank_retry
        )

    def _above_least(self, ordered: Reranked, call: RetrievalCall) -> tuple[list[Candidate], int]:
        """A least score meant for the reranker says nothing about the scores that stay where it was skipped."""
        score = self._settings.least_score if call.least_score is None else call.least_score
        cosine = self._settings.least_cosine_ratio if call.least_cosine_ratio is None else call.least_cosine_ratio
        return above_least(ordered.candidates, score=None if ordered.skipped else score, cosine=cosine)

    # -- inside ---------------------------------------------------------------------------------------
    def _statistics(self, view: View) -> TermStatistics:
        counted = None if self._counted is None else self._counted(view.head)
        if counted is not None:
            return counted
        return self._sampled.of(view.head, view.scope.tenant)

    def _embed(self, head: Head, questions: Sequence[str]) -> list[Vector | None]:
        """Vectors of the model of the copy that the head names: never another's, whatever is switched meanwhile."""
        embedder = embedder_of(head, self._embedders)
        return list(embed_questions(embedder, questions).tolist())

    def _each(self, work: Callable[[_Item], _Made], items: Sequence[_Item]) -> list[_Made]:
        """``work`` on all items, some at once; one item needs no thread."""
        if len(items) < 2:
            return [work(item) for item in items]
        with ThreadPoolExecutor(self._settings.concurrency, thread_name_prefix="wellread-retrieval") as pool:
            made: Iterator[_Made] = pool.map(work, items)
            return list(made)


def _check_question(question: str) -> None:
    if not question.strip():
        raise SettingsError(_ONE, found="a blank question", remedy="Ask something.")


def _plain(found: _Found) -> list[Candidate]:
    return with_cosines([Candidate(hit) for hit in found.hits], found.vector)


def _features(best: Sequence[Candidate], *, is_resolved: bool) -> RetrievalFeatures:
    cosines = sorted((candidate.cosine for candidate in best if candidate.cosine is not None), reverse=True)
    return RetrievalFeatures(
        top_cosine=cosines[0] if cosines else 0.0,
        cosine_drop=cosines[0] - cosines[min(4, len(cosines) - 1)] if cosines else 0.0,
        best_coverage=max((candidate.closeness.coverage for candidate in best), default=0.0),
        best_proximity=max((candidate.closeness.proximity for candidate in best), default=0.0),
        resolved=is_resolved,
    )
