"""The last stage: a model reads the question and each of the best passages together, and puts them in order."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wellread.errors import SystemicError, WellreadError
from wellread.models.reranking.protocol import Reranker, RerankResult
from wellread.retries import RetrySettings, call_with_retries
from wellread.retrieval.rescoring import Candidate
from wellread.retrieval.settings import RetrievalSettings

_logger = logging.getLogger("wellread.retrieval")


@dataclass(frozen=True, slots=True)
class Reranked:
    """Candidates after the reranker, best first, or as they were where it was skipped."""

    candidates: Sequence[Candidate]
    search_units: int = 0
    """What the provider billed, in its own unit."""
    skipped: str | None = None
    """Why the reranker's order is not in it."""


def reranked(
    reranker: Reranker,
    question: str,
    candidates: Sequence[Candidate],
    settings: RetrievalSettings,
    *,
    least_count: int,
    retry: RetrySettings,
) -> Reranked:
    """The best ``rerank_count`` candidates (never fewer than ``least_count``) in the reranker's order.

    The others are left out: scores of two kinds have no common order. Equal scores keep the order before.
    Raises what the reranker raises, unless the settings say to skip it then.
    """
    best = candidates[: max(settings.rerank_count, least_count)]
    if not best:
        return Reranked(best)
    texts = [_text(candidate, settings.rerank_text_chars) for candidate in best]
    try:
        result = _scores(reranker, question, texts, retry)
    except WellreadError as error:
        if settings.rerank_failure == "fail":
            raise
        _logger.warning("passages are not reranked: %s", error)
        return Reranked(candidates, skipped=f"not reranked, {type(error).__name__}: {error.found}")
    scored = [replace(one, rerank_score=score) for one, score in zip(best, result.scores, strict=True)]
    scored.sort(key=lambda candidate: candidate.score, reverse=True)
    return Reranked(scored, result.search_units)


def _text(candidate: Candidate, longest_chars: int) -> str:
    """Title and text, as they are embedded; a long one is cut at a space."""
    text = f"{candidate.hit.title}\n{candidate.hit.text}".strip()
    if len(text) <= longest_chars:
        return text
    return text[:longest_chars].rsplit(maxsplit=1)[0]


def _scores(reranker: Reranker, question: str, texts: Sequence[str], retry: RetrySettings) -> RerankResult:
    """One score a text. More texts than one request takes go in several: a text's score depends on no other."""
    size = max(1, reranker.texts_per_request)
    results = [
        call_with_retries(_call(reranker, question, texts[start : start + size]), settings=retry, what="rerank")
        for start in range(0, len(texts), size)
    ]
    scores = tuple(score for result in results for score in result.scores)
    if len(scores) != len(texts) or not all(map(math.isfinite, scores)):
        raise SystemicError(
            f"rerank {len(texts)} passages by {reranker.identity.model}",
            found=f"{len(scores)} scores, {sum(map(math.isfinite, scores))} of them finite",
            remedy="This is a fault of the reranker: it must give one finite score for each text.",
        )
    return RerankResult(scores, sum(result.search_units for result in results))


def _call(reranker: Reranker, question: str, texts: Sequence[str]) -> Callable[[], RerankResult]:
    return lambda: reranker.rerank(question, texts)
