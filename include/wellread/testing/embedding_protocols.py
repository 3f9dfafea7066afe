"""The two wire protocols that the testing server speaks, with the limits of the real providers.

OpenAI ``POST /v1/embeddings``: at most 2,048 texts, 8,192 tokens a text, 300,000 tokens a request, no empty
text; ``dimensions``; ``encoding_format`` float or base64. Cohere ``POST /v2/embed``: at most 96 texts,
``input_type`` and ``model`` are required. Both answer a breach with 400 and nothing is billed.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wellread.testing.embedding_faults import FaultKind
from wellread.testing.embedding_vectors import count_tokens, lexical_vector

OPENAI_TEXTS_PER_REQUEST = 2048
OPENAI_TOKENS_PER_REQUEST = 300_000
OPENAI_TOKENS_PER_TEXT = 8192
COHERE_TEXTS_PER_REQUEST = 96
COHERE_INPUT_TYPES = frozenset({"search_document", "search_query", "classification", "clustering", "image"})

Body = Mapping[str, Any]


class RequestRefusedError(Exception):
    """The request breaks a rule of the protocol: answered with 400."""

    def __init__(self, message: str, *, param: str = "input", code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """A request that keeps the rules."""

    texts: tuple[str, ...]
    dimensions: int
    model: str
    encoding: str = "float"

    @property
    def tokens_count(self) -> int:
        """What is billed."""
        return sum(map(count_tokens, self.texts))

    def vectors(self) -> list[npt.NDArray[np.float32]]:
        """One vector a text, in order."""
        return [lexical_vector(text, self.dimensions) for text in self.texts]


def read_openai(body: Body, *, dimensions: int, poison: Sequence[str]) -> EmbeddingRequest:
    """The request in ``body``. Raises ``RequestRefusedError`` where OpenAI would answer 400."""
    texts = _texts(body.get("input"))
    if len(texts) > OPENAI_TEXTS_PER_REQUEST:
        raise RequestRefusedError(
            f"'input' holds {len(texts)} texts; at most {OPENAI_TEXTS_PER_REQUEST} are allowed."
        )
    _refuse_texts(texts, poison, tokens_per_text=OPENAI_TOKENS_PER_TEXT)
    request = EmbeddingRequest(
        texts,
        _dimensions(body.get("dimensions"), dimensions),
        _model(body),
        str(body.get("encoding_format", "float")),
    )
    if request.encoding not in {"float", "base64"}:
        raise RequestRefusedError("'encoding_format' is float or base64.", param="encoding_format")
    if request.tokens_count > OPENAI_TOKENS_PER_REQUEST:
        raise RequestRefusedError(
            f"{request.tokens_count} tokens requested, max {OPENAI_TOKENS_PER_REQUEST} per request.",
            code="max_tokens_per_request",
        )
    return request


def read_cohere(body: Body, *, dimensions: int, poison: Sequence[str]) -> EmbeddingRequest:
    """The request in ``body``. Raises ``RequestRefusedError`` where Cohere would answer 400."""
    texts = _texts(body.get("texts"))
    if len(texts) > COHERE_TEXTS_PER_REQUEST:
        raise RequestRefusedError(f"total number of texts must be at most {COHERE_TEXTS_PER_REQUEST}.")
    if body.get("input_type") not in COHERE_INPUT_TYPES:
        raise RequestRefusedError("valid input_type must be provided.", param="input_type")
    _refuse_texts(texts, poison, tokens_per_text=OPENAI_TOKENS_PER_TEXT)
    return EmbeddingRequest(texts, _dimensions(body.get("output_dimension"), dimensions), _model(body))


def openai_answer(request: EmbeddingRequest, fault: FaultKind | None) -> dict[str, object]:
    """The answer to ``request``, damaged as ``fault`` says."""
    vectors = damaged(request.vectors(), fault)
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector, request.encoding)}
        for index, vector in enumerate(vectors)
    ]
    if fault == "repeated_index":
        data = [{**row, "index": 0} for row in data]
    usage = {"prompt_tokens": request.tokens_count, "total_tokens": request.tokens_count}
    return {"object": "list", "data": data, "model": request.model, "usage": usage}


def cohere_answer(request: EmbeddingRequest, fault: FaultKind | None) -> dict[str, object]:
    """The answer to ``request``, damaged as ``fault`` says."""
    vectors = damaged(request.vectors(), fault)
    return {
        "id": "00000000-0000-0000-0000-000000000000",
        "response_type": "embeddings_by_type",
        "embeddings": {"float": [vector.tolist() for vector in vectors]},
        "texts": list(request.texts),
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": request.tokens_count}},
    }


def damaged(vectors: list[npt.NDArray[np.float32]], fault: FaultKind | None) -> list[npt.NDArray[np.float32]]:
    """The vectors, or what a sick server makes of them."""
    if fault == "short_answer":
        return vectors[:-1]
    if fault == "wrong_dimensions":
        return [vector[:-1] for vector in vectors]
    if fault in {"not_a_number", "zero_vector"}:
        return [vectors[0] * np.float32(np.nan if fault == "not_a_number" else 0.0), *vectors[1:]]
    return vectors


def _texts(given: object) -> tuple[str, ...]:
    texts = (given,) if isinstance(given, str) else given
    if not isinstance(texts, list | tuple) or not texts or not all(isinstance(text, str) for text in texts):
        raise RequestRefusedError("The texts must be a string or a list of strings, and not empty.")
    return tuple(texts)


def _refuse_texts(texts: Sequence[str], poison: Sequence[str], *, tokens_per_text: int) -> None:
    for index, text in enumerate(texts):
        if not text:
            raise RequestRefusedError(f"text {index} is an empty string.")
        if count_tokens(text) > tokens_per_text:
            raise RequestRefusedError(f"text {index} has more than {tokens_per_text} tokens.")
        if any(word in text for word in poison):
            raise RequestRefusedError("one of the texts is refused.")


def _dimensions(asked: object, own: int) -> int:
    if asked is None:
        return own
    if not isinstance(asked, int) or not 1 <= asked <= own:
        raise RequestRefusedError(f"dimensions must be from 1 to {own}.", param="dimensions")
    return asked


def _model(body: Body) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise RequestRefusedError("you must provide a model parameter", param="model")
    return model


def _encoded(vector: npt.NDArray[np.float32], encoding: str) -> object:
    return (
        base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
        if encoding == "base64"
        else vector.tolist()
    )
