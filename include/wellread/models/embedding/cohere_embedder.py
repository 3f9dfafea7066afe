"""An embedder behind Cohere's ``/v2/embed``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from wellread.errors import SettingsError, WellreadError
from wellread.models.embedding.vectors import unit_vectors
from wellread.models.protocol import EmbedderLimits, EmbeddingKind, EmbeddingResult
from wellread.models.provider_errors import FailedRequest, retry_after_seconds, transport_error
from wellread.models.request_limits import byte_bound, check_request
from wellread.models.settings import CohereModelSettings
from wellread.snapshots import ModelIdentity

if TYPE_CHECKING:
    from cohere import ClientV2, EmbedByTypeResponse
    from cohere.core.api_error import ApiError

_INPUT_TYPES: dict[EmbeddingKind, str] = {"document": "search_document", "query": "search_query"}


class CohereEmbedder:
    """Implements ``Embedder``. The client is made at the first request and shared by threads."""

    def __init__(self, settings: CohereModelSettings | None = None) -> None:
        self._settings = settings if settings is not None else CohereModelSettings()
        self._asked = f"vectors from {self._settings.model} ({self._settings.base_url or 'Cohere'})"

    @property
    def identity(self) -> ModelIdentity:
        """Everything the vectors depend on. ``input_type`` plays the part of the prefixes."""
        return ModelIdentity(
            provider="cohere",
            model=self._settings.model,
            revision="",
            dimensions=self._settings.dimensions,
            document_prefix=_INPUT_TYPES["document"],
            query_prefix=_INPUT_TYPES["query"],
            max_input_tokens=self._settings.tokens_per_text,
        )

    @property
    def limits(self) -> EmbedderLimits:
        """Cohere bounds the texts of a request, not their sum."""
        settings = self._settings
        return EmbedderLimits(
            texts_per_request=settings.texts_per_request,
            tokens_per_request=settings.texts_per_request * settings.tokens_per_text,
            tokens_per_text=settings.tokens_per_text,
            concurrency=settings.concurrency,
        )

    def count_tokens(self, text: str) -> int:
        """An upper bound: the UTF-8 bytes."""
        return byte_bound(text)

    def embed(self, texts: Sequence[str], *, kind: EmbeddingKind) -> EmbeddingResult:
        """One request; the vectors of ``texts`` in their order, at unit length. See ``Embedder``."""
        dimensions = self._settings.dimensions
        if not texts:
            return EmbeddingResult(np.zeros((0, dimensions), dtype=np.float32), 0, 0)
        check_request(texts, limits=self.limits, count_tokens=self.count_tokens)
        response = self._request(list(texts), kind)
        rows = getattr(getattr(response, "embeddings", None), "float_", None) or []
        vectors = unit_vectors(rows, text_count=len(texts), dimensions=dimensions, asked=self._asked)
        billed = getattr(getattr(response, "meta", None), "billed_units", None)
        return EmbeddingResult(vectors, int(getattr(billed, "input_tokens", None) or 0), 1)

    def close(self) -> None:
        """Forget the client; its connections end with it."""
        self.__dict__.pop("_client", None)

    def __repr__(self) -> str:
        return f"CohereEmbedder({self._settings.model!r})"

    def _request(self, texts: list[str], kind: EmbeddingKind) -> EmbedByTypeResponse:
        client = self._client
        import httpx
        from cohere.core.api_error import ApiError

        options: dict[str, Any] = {}
        if self._settings.request_dimensions == "ask":
            options["output_dimension"] = self._settings.dimensions
        try:
            return client.embed(
                model=self._settings.model,
                texts=texts,
                input_type=_INPUT_TYPES[kind],
                embedding_types=["float"],
                truncate="NONE",  # A text that does not fit is refused, not cut.
                **options,
            )
        except ApiError as error:
            raise self._status_error(error) from error
        except (httpx.HTTPError, ValueError) as error:
            # Cohere's SDK lets transport errors and damaged bodies through as they are.
            raise transport_error(self._asked, error) from error

    def _status_error(self, error: ApiError) -> WellreadError:
        body = error.body
        message = body.get("message", "") if isinstance(body, dict) else str(body or "")
        return FailedRequest(
            asked=self._asked,
            status=error.status_code or 500,
            message=str(message),
            retry_after_seconds=retry_after_seconds(error.headers),
        ).as_error()

    @cached_property
    def _client(self) -> ClientV2:
        try:
            from cohere import ClientV2
        except ImportError as error:
            raise SettingsError(
                self._asked, found="package cohere is not installed", remedy="Install wellread-airflow[cohere]."
            ) from error
        return ClientV2(
            api_key=self._key(),
            base_url=str(self._settings.base_url).rstrip("/") if self._settings.base_url is not None else None,
            max_retries=0,  # One retry layer, ours.
            timeout=self._settings.timeout_seconds,
        )

    def _key(self) -> str:
        if self._settings.api_key is not None:
            return self._settings.api_key.get_secret_value()
        key = os.environ.get("CO_API_KEY", "")
        if not key:
            raise SettingsError(self._asked, found="no key", remedy="Set CO_API_KEY.")
        return key
