"""An embedder behind OpenAI's protocol: OpenAI itself, Ollama, TEI, vLLM, llama.cpp."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from wellread.errors import SettingsError, TransientError, WellreadError
from wellread.models.credentials import header_values, provider_key, redacted
from wellread.models.embedding.tokenization import load_tokenizer, token_ids
from wellread.models.embedding.vectors import unit_vectors
from wellread.models.protocol import EmbedderLimits, EmbeddingKind, EmbeddingResult
from wellread.models.provider_errors import FailedRequest, retry_after_seconds, transport_error
from wellread.models.request_limits import byte_bound, check_request
from wellread.models.settings import OpenAIModelSettings
from wellread.snapshots import ModelIdentity

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI
    from openai.types import CreateEmbeddingResponse
    from tokenizers import Tokenizer


class OpenAIEmbedder:
    """Implements ``Embedder``. The client is made at the first request and shared by threads."""

    def __init__(self, settings: OpenAIModelSettings | None = None) -> None:
        self._settings = settings if settings is not None else OpenAIModelSettings()
        self._asked = f"vectors from {self._settings.model} ({self._settings.base_url or 'OpenAI'})"

    @property
    def identity(self) -> ModelIdentity:
        """Everything the vectors depend on. The address is not part of it: the same model may move."""
        settings = self._settings
        return ModelIdentity(
            provider="openai",
            model=settings.model,
            revision=settings.revision,
            dimensions=settings.dimensions,
            document_prefix=settings.document_prefix,
            query_prefix=settings.query_prefix,
            max_input_tokens=settings.tokens_per_text,
        )

    @cached_property
    def limits(self) -> EmbedderLimits:
        """The provider's bounds, less the longer prefix."""
        settings = self._settings
        prefix = max(self.count_tokens(settings.document_prefix), self.count_tokens(settings.query_prefix))
        special = self._tokenizer.num_special_tokens_to_add(is_pair=False) if self._tokenizer is not None else 0
        return EmbedderLimits(
            texts_per_request=settings.texts_per_request,
            tokens_per_request=settings.tokens_per_request - (prefix + special) * settings.texts_per_request,
            tokens_per_text=settings.tokens_per_text - prefix - special,
            concurrency=settings.concurrency,
        )

    def count_tokens(self, text: str) -> int:
        """Exact with a ``tokenizer_file``, else an upper bound: the UTF-8 bytes."""
        if self._tokenizer is None:
            return byte_bound(text)
        return len(token_ids(self._tokenizer, [text], special_tokens=False)[0])

    def embed(self, texts: Sequence[str], *, kind: EmbeddingKind) -> EmbeddingResult:
        """One request; the vectors of ``texts`` in their order, at unit length. See ``Embedder``."""
        if not texts:
            return EmbeddingResult(np.zeros((0, self._settings.dimensions), dtype=np.float32), 0, 0)
        check_request(texts, limits=self.limits, count_tokens=self.count_tokens)
        prefix = self._settings.document_prefix if kind == "document" else self._settings.query_prefix
        response = self._request([prefix + text for text in texts])
        rows = self._in_order(response, len(texts))
        vectors = unit_vectors(rows, text_count=len(texts), dimensions=self._settings.dimensions, asked=self._asked)
        usage = getattr(response, "usage", None)
        return EmbeddingResult(vectors, int(getattr(usage, "prompt_tokens", None) or 0), 1)

    def close(self) -> None:
        """Close the connections, where any were opened."""
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    def __repr__(self) -> str:
        return f"OpenAIEmbedder({self._settings.model!r})"

    def _request(self, inputs: list[str]) -> CreateEmbeddingResponse:
        import openai

        asks = self._settings.request_dimensions == "ask"
        try:
            return self._client.embeddings.create(
                model=self._settings.model,
                input=inputs,
                encoding_format="float",  # The SDK's own default is base64, which many servers do not know.
                dimensions=self._settings.dimensions if asks else openai.omit,
            )
        except openai.APIStatusError as error:
            raise self._status_error(error) from None  # Its words may quote the key, and logs print causes.
        except (openai.APIError, ValueError) as error:
            # The SDK lets a damaged body through as a bare JSON error, and an empty one as a ValueError.
            raise transport_error(self._asked, error) from error
        except openai.OpenAIError as error:
            raise SettingsError(
                self._asked, found=type(error).__name__, remedy="Check the model's settings."
            ) from error

    def _status_error(self, error: APIStatusError) -> WellreadError:
        return FailedRequest(
            asked=self._asked,
            status=error.status_code,
            message=redacted(error.message, [self._key(), *self._headers().values()]),
            code=error.code or "",
            param=error.param or "",
            retry_after_seconds=retry_after_seconds(dict(error.response.headers)),
        ).as_error()

    def _in_order(self, response: CreateEmbeddingResponse, count: int) -> list[list[float]]:
        """The vectors by their ``index``: the protocol does not promise an order, nor does the SDK check one."""
        try:
            by_index = {row.index: row.embedding for row in response.data}
        except (AttributeError, TypeError) as error:
            raise transport_error(self._asked, error) from error
        if len(response.data) != count or set(by_index) != set(range(count)):
            raise TransientError(
                self._asked,
                found=f"{len(response.data)} vectors, {len(by_index)} different indexes, for {count} texts",
                remedy="Ask again; if it stays, look at the model server.",
            )
        return [by_index[index] for index in range(count)]

    @cached_property
    def _tokenizer(self) -> Tokenizer | None:
        path = self._settings.tokenizer_file
        return load_tokenizer(path) if path is not None else None

    @cached_property
    def _client(self) -> OpenAI:
        try:
            from openai import DefaultHttpxClient, OpenAI
        except ImportError as error:
            raise SettingsError(
                self._asked, found="package openai is not installed", remedy="Install wellread-airflow[openai]."
            ) from error
        return OpenAI(
            api_key=self._key(),
            base_url=str(self._settings.base_url) if self._settings.base_url is not None else None,
            max_retries=0,  # One retry layer, ours: the SDK would also retry an exhausted quota.
            timeout=self._settings.timeout_seconds,
            default_headers=self._headers(),
            default_query=dict(self._settings.query),
            # A redirect to another host would take the headers that carry keys along.
            http_client=DefaultHttpxClient(follow_redirects=False),
        )

    def _headers(self) -> dict[str, str]:
        return header_values(self._settings.headers, asked=self._asked)

    def _key(self) -> str:
        key = provider_key(self._settings.api_key, variable="OPENAI_API_KEY", asked=self._asked)
        if not key and self._settings.base_url is None and not os.environ.get("OPENAI_BASE_URL"):
            raise SettingsError(
                self._asked, found="no key", remedy="Set OPENAI_API_KEY, or the base_url of a server without keys."
            )
        return key or "no-key"  # A server of one's own asks for none, but the SDK does.
