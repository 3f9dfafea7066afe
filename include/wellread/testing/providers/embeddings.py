"""Embeddings in two protocols, with the limits of the real providers.

OpenAI ``/embeddings``: at most 2,048 texts, 8,192 tokens a text, 300,000 tokens a request, no empty text;
``dimensions``; ``encoding_format`` float or base64. Cohere ``/v2/embed``: at most 96 texts, ``input_type`` and
``model`` are required. Both answer a breach with 400 and nothing is billed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wellread.testing.embedding_vectors import count_tokens, lexical_vector
from wellread.testing.providers.faults import FaultKind, Mode
from wellread.testing.providers.problems import RefusedError
from wellread.testing.providers.work import Body, Result, Scene, Work, model_of

OPENAI_TEXTS_PER_REQUEST = 2048
OPENAI_TOKENS_PER_REQUEST = 300_000
OPENAI_TOKENS_PER_TEXT = 8192
COHERE_TEXTS_PER_REQUEST = 96
COHERE_INPUT_TYPES = frozenset({"search_document", "search_query", "classification", "clustering", "image"})


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """A request that keeps the rules."""

    texts: tuple[str, ...]
    dimensions: int
    model: str
    tokens_count: int
    """What is billed."""
    encoding: str = "float"

    def vectors(self) -> list[npt.NDArray[np.float32]]:
        """One vector a text, in order."""
        return [lexical_vector(text, self.dimensions) for text in self.texts]


_Answer = Callable[[EmbeddingRequest, FaultKind | None], dict[str, object]]


def prepare_openai_embeddings(body: Body, scene: Scene) -> Work:
    """The work of ``POST /embeddings``."""
    texts = _texts(body.get("input"))
    if len(texts) > OPENAI_TEXTS_PER_REQUEST:
        raise RefusedError(
            f"'input' holds {len(texts)} texts; at most {OPENAI_TEXTS_PER_REQUEST} are allowed.", param="input"
        )
    request = _request(
        body, scene, texts, body.get("dimensions"), encoding=str(body.get("encoding_format", "float"))
    )
    if request.encoding not in {"float", "base64"}:
        raise RefusedError("'encoding_format' is float or base64.", param="encoding_format")
    if request.tokens_count > OPENAI_TOKENS_PER_REQUEST:
        raise RefusedError(
            f"{request.tokens_count} tokens requested, max {OPENAI_TOKENS_PER_REQUEST} per request.",
            code="max_tokens_per_request",
            param="input",
        )
    return _work("openai-embeddings", request, _openai_answer)


def prepare_cohere_embed(body: Body, scene: Scene) -> Work:
    """The work of ``POST /v2/embed``."""
    texts = _texts(body.get("texts"))
    if len(texts) > COHERE_TEXTS_PER_REQUEST:
        raise RefusedError(f"total number of texts must be at most {COHERE_TEXTS_PER_REQUEST}.")
    if body.get("input_type") not in COHERE_INPUT_TYPES:
        raise RefusedError("valid input_type must be provided.", param="input_type")
    return _work("cohere-embed", _request(body, scene, texts, body.get("output_dimension")), _cohere_answer)


def _work(endpoint: str, request: EmbeddingRequest, answer: _Answer) -> Work:
    def run(_mode: Mode, fault: FaultKind | None) -> Result:
        return Result(answer(request, fault))

    tokens = request.tokens_count
    return Work(endpoint, request.model, "", request.texts[0][:80], tokens, tokens, run, request.texts)


def _request(
    body: Body, scene: Scene, texts: tuple[str, ...], dimensions: object, *, encoding: str = "float"
) -> EmbeddingRequest:
    counts = [count_tokens(text) for text in texts]
    for index, (text, tokens) in enumerate(zip(texts, counts, strict=True)):
        if not text:
            raise RefusedError(f"text {index} is an empty string.", param="input")
        if tokens > OPENAI_TOKENS_PER_TEXT:
            raise RefusedError(f"text {index} has more than {OPENAI_TOKENS_PER_TEXT} tokens.", param="input")
        if any(word in text for word in scene.behaviour.poison):
            raise RefusedError("one of the texts is refused.", param="input")
    own = scene.options.dimensions
    return EmbeddingRequest(texts, _dimensions(dimensions, own), model_of(body, scene), sum(counts), encoding)


def _openai_answer(request: EmbeddingRequest, fault: FaultKind | None) -> dict[str, object]:
    """The answer to ``request``, damaged as ``fault`` says."""
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector, request.encoding)}
        for index, vector in enumerate(_damaged(request.vectors(), fault))
    ]
    if fault == "repeated_index":
        data = [{**row, "index": 0} for row in data]
    usage = {"prompt_tokens": request.tokens_count, "total_tokens": request.tokens_count}
    return {"object": "list", "data": data, "model": request.model, "usage": usage}


def _cohere_answer(request: EmbeddingRequest, fault: FaultKind | None) -> dict[str, object]:
    """The answer to ``request``, damaged as ``fault`` says."""
    vectors = _damaged(request.vectors(), fault)
    return {
        "id": "00000000-0000-0000-0000-000000000000",
        "response_type": "embeddings_by_type",
        "embeddings": {"float": [vector.tolist() for vector in vectors]},
        "texts": list(request.texts),
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": request.tokens_count}},
    }


def _damaged(vectors: list[npt.NDArray[np.float32]], fault: FaultKind | None) -> list[npt.NDArray[np.float32]]:
    """The vectors, or what a sick server makes of them."""
    if fault == "short_answer":
        return vectors[:-1]
    if fault == "empty_choices":
        return []
    if fault == "wrong_dimensions":
        return [vector[:-1] for vector in vectors]
    if fault in {"not_a_number", "zero_vector"}:
        return [vectors[0] * np.float32(np.nan if fault == "not_a_number" else 0.0), *vectors[1:]]
    return vectors


def _texts(given: object) -> tuple[str, ...]:
    texts: Sequence[object] | object = (given,) if isinstance(given, str) else given
    if not isinstance(texts, list | tuple) or not texts or not all(isinstance(text, str) for text in texts):
        raise RefusedError("The texts must be a string or a list of strings, and not empty.", param="input")
    return tuple(texts)


def _dimensions(asked: object, own: int) -> int:
    if asked is None:
        return own
    if not isinstance(asked, int) or not 1 <= asked <= own:
        raise RefusedError(f"dimensions must be from 1 to {own}.", param="dimensions")
    return asked


def _encoded(vector: npt.NDArray[np.float32], encoding: str) -> object:
    return (
        base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
        if encoding == "base64"
        else vector.tolist()
    )
