"""A reranker behind Cohere's ``/v2/rerank``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wellread.models.chat.settings import RerankSettings
from wellread.models.cohere_connection import CohereConnection
from wellread.models.reranking.protocol import RerankerIdentity, RerankResult
from wellread.models.reranking.scores import check_rerank_request, scores_in_order


class CohereReranker:
    """Implements ``Reranker``. The client is made at the first request and shared by threads."""

    def __init__(self, settings: RerankSettings) -> None:
        self._settings = settings
        self._asked = f"scores from {settings.model} ({settings.base_url or 'Cohere'})"
        self._connection = CohereConnection(
            asked=self._asked,
            stage="rerank",
            api_key=settings.api_key,
            base_url=settings.base_url,
            timeout_seconds=settings.timeout_seconds,
            concurrency=settings.concurrency,
        )

    @property
    def identity(self) -> RerankerIdentity:
        """Provider and model."""
        return RerankerIdentity(provider="cohere", model=self._settings.model)

    @property
    def texts_per_request(self) -> int:
        """As configured; Cohere advises at most 1,000."""
        return self._settings.texts_per_request

    def rerank(self, question: str, texts: Sequence[str]) -> RerankResult:
        """One request; the scores of ``texts`` in their order, from 0 to 1. See ``Reranker``."""
        if not texts:
            return RerankResult(())
        check_rerank_request(question, texts, texts_per_request=self.texts_per_request, asked=self._asked)
        response = self._connection.call(
            lambda client: (
                client.with_raw_response.rerank(
                    model=self._settings.model,
                    query=question,
                    documents=list(texts),
                    max_tokens_per_doc=self._settings.tokens_per_text,
                ).response
            )
        )
        body = response.json()
        rows = body.get("results") if isinstance(body, Mapping) else None
        scores = scores_in_order(rows, count=len(texts), asked=self._asked)
        return RerankResult(scores, search_units=_search_units(body))

    def close(self) -> None:
        """Close the connections, where any were opened."""
        self._connection.close()

    def __repr__(self) -> str:
        return f"CohereReranker({self._settings.model!r})"


def _search_units(body: Mapping[str, object]) -> int:
    """``meta.billed_units.search_units``; 0 where it is missing."""
    meta = body.get("meta")
    billed = meta.get("billed_units") if isinstance(meta, Mapping) else None
    units = billed.get("search_units") if isinstance(billed, Mapping) else None
    return int(units) if isinstance(units, int | float) else 0
