"""An embedder behind Cohere's ``/v2/embed``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wellread.models.cohere_connection import CohereConnection
from wellread.models.embedding.vectors import unit_vectors
from wellread.models.protocol import EmbedderLimits, EmbeddingKind, EmbeddingResult
from wellread.models.request_limits import byte_bound, check_request
from wellread.models.settings import CohereModelSettings
from wellread.snapshots import ModelIdentity

if TYPE_CHECKING:
    from cohere import EmbedByTypeResponse

_INPUT_TYPES: dict[EmbeddingKind, str] = {"document": "search_document", "query": "search_query"}


class CohereEmbedder:
    """Implements ``Embedder``. The client is made at the first request and shared by threads."""

    def __init__(self, settings: CohereModelSettings | None = None) -> None:
        self._settings = settings if settings is not None else CohereModelSettings()
        self._asked = f"vectors from {self._settings.model} ({self._settings.base_url or 'Cohere'})"
        self._connection = CohereConnection(
            asked=self._asked,
            stage="embed",
            api_key=self._settings.api_key,
            base_url=self._settings.base_url,
            timeout_seconds=self._settings.timeout_seconds,
            concurrency=self._settings.concurrency,
            headers=self._settings.headers,
        )

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
        """Close the connections, where any were opened."""
        self._connection.close()

    def __repr__(self) -> str:
        return f"CohereEmbedder({self._settings.model!r})"

    def _request(self, texts: list[str], kind: EmbeddingKind) -> EmbedByTypeResponse:
        options: dict[str, Any] = {}
        if self._settings.request_dimensions == "ask":
            options["output_dimension"] = self._settings.dimensions
        return self._connection.call(
            lambda client: client.embed(
                model=self._settings.model,
                texts=texts,
                input_type=_INPUT_TYPES[kind],
                embedding_types=["float"],
                truncate="NONE",  # A text that does not fit is refused, not cut.
                **options,
            )
        )
