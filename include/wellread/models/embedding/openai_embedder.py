"""An embedder behind OpenAI's protocol: OpenAI itself, Ollama, TEI, vLLM, llama.cpp."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

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
    from tokenizers import Tokenizer


class OpenAIEmbedder:
    """Implements ``Embedder``. The client is made at the first request and shared by threads."""

    def __init__(self, settings: OpenAIModelSettings | None = None) -> None:
        self._settings = settings if settings is not None else OpenAIModelSettings()
        self._asked = f"vectors from {self._settings.model} ({self._settings.base_url or 'OpenAI'})"
        self._encoding = self._settings.encoding_format

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
        answer = self._request([prefix + text for text in texts])
        try:
            rows = self._in_order(answer["data"], len(texts))
            tokens = int((answer.get("usage") or {}).get("prompt_tokens") or 0)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise transport_error(self._asked, error) from error
        vectors = unit_vectors(rows, text_count=len(texts), dimensions=self._settings.dimensions, asked=self._asked)
        return EmbeddingResult(vectors, tokens, 1)

    def close(self) -> None:
        """Close the connections, where any were opened."""
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    def __repr__(self) -> str:
        return f"OpenAIEmbedder({self._settings.model!r})"

    def _request(self, inputs: list[str]) -> Mapping[str, Any]:
        """The answer's JSON. The SDK's own reading of it builds an object for every number of every vector."""
        import openai

        asks = self._settings.request_dimensions == "ask"
        encoding = self._encoding
        try:
            answer: Mapping[str, Any] = self._client.embeddings.with_raw_response.create(
                model=self._settings.model,
                input=inputs,
                encoding_format=encoding,
                dimensions=self._settings.dimensions if asks else openai.omit,
            ).http_response.json()
        except openai.APIStatusError as error:
            if encoding == "base64" and _blames_encoding(error):
                self._encoding = "float"
                return self._request(inputs)
            raise self._status_error(error) from None  # Its words may quote the key, and logs print causes.
        except (openai.APIError, ValueError) as error:
            # The SDK lets a damaged body through as a bare JSON error, and an empty one as a ValueError.
            raise transport_error(self._asked, error) from error
        except openai.OpenAIError as error:
            raise SettingsError(
                self._asked, found=type(error).__name__, remedy="Check the model's settings."
            ) from error
        return answer

    def _status_error(self, error: APIStatusError) -> WellreadError:
        return FailedRequest(
            asked=self._asked,
            status=error.status_code,
            message=redacted(error.message, [self._key(), *self._headers().values()]),
            code=error.code or "",
            param=error.param or "",
            retry_after_seconds=retry_after_seconds(dict(error.response.headers)),
        ).as_error()

    def _in_order(self, rows: Sequence[Mapping[str, Any]], count: int) -> list[Any]:
        """The vectors by their ``index``: the protocol does not promise an order, nor does the SDK check one."""
        by_index = {row["index"]: _numbers(row["embedding"]) for row in rows}
        if len(rows) != count or set(by_index) != set(range(count)):
            raise TransientError(
                self._asked,
                found=f"{len(rows)} vectors, {len(by_index)} different indexes, for {count} texts",
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


def _numbers(vector: str | list[float]) -> npt.NDArray[np.float32] | list[float]:
    """A vector as it came: numbers, or base64 of little-endian float32. Servers may ignore what they were asked."""
    return np.frombuffer(base64.b64decode(vector, validate=True), "<f4") if isinstance(vector, str) else vector


def _blames_encoding(error: APIStatusError) -> bool:
    return error.status_code in {400, 422} and "encoding_format" in f"{error.param} {error.message}"
