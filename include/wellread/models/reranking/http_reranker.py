"""A reranker behind any server's ``/rerank``: Jina, Text Embeddings Inference (TEI), vLLM, llama.cpp.

Two request forms are in use: ``{model, query, documents}`` (Cohere's and Jina's, and of all who copied them)
and TEI's ``{query, texts, truncate}``. The first is sent; a server that misses ``texts`` in it has answered
400 or 422 and computed nothing, and gets the second form from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from wellread.errors import SettingsError, WellreadError
from wellread.models.chat.settings import RerankSettings
from wellread.models.credentials import provider_key, redacted
from wellread.models.provider_errors import FailedRequest, retry_after_seconds, transport_error
from wellread.models.reranking.protocol import RerankerIdentity, RerankResult
from wellread.models.reranking.scores import check_rerank_request, scores_in_order

if TYPE_CHECKING:
    import httpx


class HttpReranker:
    """Implements ``Reranker``. The client is made at the first request and shared by threads.

    Texts are cut to the model's window only by servers that do so by themselves, and by TEI, which is asked to:
    ``tokens_per_text`` has no name that all servers know.
    """

    def __init__(self, settings: RerankSettings) -> None:
        if settings.base_url is None:
            raise SettingsError(
                "a reranker over HTTP", found="no base_url", remedy="Set what /rerank is appended to."
            )
        self._settings = settings
        self._url = f"{str(settings.base_url).rstrip('/')}/rerank"
        self._asked = f"scores from {settings.model} ({self._url})"
        self._takes_texts = False
        """TEI's form; learned from the first refusal. A race between threads costs one refusal more."""

    @property
    def identity(self) -> RerankerIdentity:
        """Provider and model. The address is not part of it: the same model may move."""
        return RerankerIdentity(provider="http", model=self._settings.model)

    @property
    def texts_per_request(self) -> int:
        """As configured."""
        return self._settings.texts_per_request

    def rerank(self, question: str, texts: Sequence[str]) -> RerankResult:
        """One request; the scores of ``texts`` in their order. See ``Reranker``."""
        if not texts:
            return RerankResult(())
        check_rerank_request(question, texts, texts_per_request=self.texts_per_request, asked=self._asked)
        response = self._post(question, texts)
        if not self._takes_texts and response.status_code in {400, 422} and _misses_texts(response.text):
            self._takes_texts = True
            response = self._post(question, texts)
        if not response.is_success:
            raise self._failure(response)
        try:
            body = response.json()
        except ValueError as error:
            raise transport_error(self._asked, error) from error
        rows = body.get("results") if isinstance(body, Mapping) else body
        return RerankResult(scores_in_order(rows, count=len(texts), asked=self._asked))

    def close(self) -> None:
        """Close the connections, where any were opened."""
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    def __repr__(self) -> str:
        return f"HttpReranker({self._settings.model!r})"

    def _post(self, question: str, texts: Sequence[str]) -> httpx.Response:
        client = self._client
        import httpx

        form: dict[str, object] = (
            {"query": question, "texts": list(texts), "truncate": True}
            if self._takes_texts
            else {"model": self._settings.model, "query": question, "documents": list(texts)}
        )
        try:
            return client.post(self._url, json=form)
        except httpx.HTTPError as error:
            raise transport_error(self._asked, error) from error

    def _failure(self, response: httpx.Response) -> WellreadError:
        if response.status_code in {413, 422} and "batch size" in response.text:
            return SettingsError(
                self._asked, found=response.text[:200], remedy="Lower the reranker's texts_per_request."
            )
        return FailedRequest(
            asked=self._asked,
            status=response.status_code,
            message=redacted(response.text, [self._key()]),
            stage="rerank",
            retry_after_seconds=retry_after_seconds(response.headers),
        ).as_error()

    def _key(self) -> str:
        return provider_key(self._settings.api_key, asked=self._asked)

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        key = self._key()
        return httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=self._settings.timeout_seconds,
            limits=httpx.Limits(max_keepalive_connections=self._settings.concurrency),
        )


def _misses_texts(message: str) -> bool:
    """Whether a refusal names the field that TEI calls ``texts``."""
    return "texts" in message and "missing" in message.lower()
