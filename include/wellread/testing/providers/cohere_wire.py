"""Cohere's chat and rerank, and the plain ``/rerank`` of Jina, vLLM, llama.cpp and text-embeddings-inference."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from wellread.testing.embedding_vectors import count_tokens
from wellread.testing.providers.brain import words_of
from wellread.testing.providers.faults import FaultKind, Mode
from wellread.testing.providers.openai_wire import refuse_streams
from wellread.testing.providers.problems import RefusedError
from wellread.testing.providers.prompt_reading import ShownPassage
from wellread.testing.providers.work import (
    Body,
    ChatCall,
    Reply,
    Result,
    Scene,
    Work,
    chat_work,
    model_of,
    request_key,
    turns_of,
)

_DOCUMENTS_PER_REQUEST = 1000
_DOCUMENTS_PER_UNIT = 100
_ID = "00000000-0000-0000-0000-000000000000"
_FINISH = {"stop": "COMPLETE", "length": "MAX_TOKENS", "refused": "ERROR_TOXIC"}  # ERROR is an internal one


def prepare_cohere_chat(body: Body, scene: Scene) -> Work:
    """The work of ``POST /v2/chat``."""
    refuse_streams(body)
    given = body.get("response_format") or {}
    documents = _documents(body.get("documents"))
    if documents and given.get("type") == "json_object":
        raise RefusedError("response_format json_object is not supported together with documents.")
    call = ChatCall(
        "cohere-chat",
        "cohere",
        model_of(body, scene),
        turns_of(body.get("messages")),
        documents=documents,
        schema=given.get("json_schema"),
        wants_json=given.get("type") == "json_object",
        output_tokens=body.get("max_tokens"),
    )
    return chat_work(call, body, scene, _chat)


def prepare_rerank(body: Body, scene: Scene) -> Work:
    """The work of ``POST /v2/rerank``, ``/v1/rerank`` and ``/rerank``.

    ``documents`` are answered in Cohere's and Jina's form, ``texts`` in that of text-embeddings-inference.
    """
    is_bare = "texts" in body
    given = body.get("texts") if is_bare else body.get("documents")
    query = body.get("query")
    if not isinstance(query, str) or not query:
        raise RefusedError("query must not be empty")
    if not isinstance(given, list) or not given or len(given) > _DOCUMENTS_PER_REQUEST:
        raise RefusedError(f"there must be from 1 to {_DOCUMENTS_PER_REQUEST} documents")
    texts = [_text(document) for document in given]
    model = str(body.get("model", "")) if is_bare else model_of(body, scene)
    tokens = count_tokens(query) * len(texts) + sum(map(count_tokens, texts))

    def run(_mode: Mode, fault: FaultKind | None) -> Result:
        ranked = _ranked(query, texts, fault)
        return Result(ranked if is_bare else _reranked(body, ranked, texts, tokens))

    return Work("rerank", model, request_key("rerank", model, body), query[:200], tokens, tokens, run)


def _documents(given: Any) -> tuple[ShownPassage, ...]:
    found = []
    for index, document in enumerate(given or ()):
        is_plain = isinstance(document, str)
        identity = f"doc:{index}" if is_plain else str(document.get("id") or f"doc:{index}")
        found.append(ShownPassage(index + 1, _text(document), identity))
    return tuple(found)


def _text(document: Any) -> str:
    """The words of a document in any of the forms that are allowed."""
    if isinstance(document, str):
        return document
    data: Mapping[str, Any] = document.get("data", document)
    return str(next((data[name] for name in ("text", "snippet", "content") if name in data), json.dumps(data)))


def _chat(call: ChatCall, reply: Reply) -> dict[str, Any]:
    content = [] if reply.is_empty else [{"type": "text", "text": reply.text}]
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if call.documents and reply.thought.is_found:
        message["citations"] = _citations(call, reply)
    tokens = {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens}
    return {
        "id": _ID,
        "finish_reason": _FINISH[reply.finish],
        "message": message,
        "usage": {"billed_units": tokens, "tokens": tokens, "cached_tokens": 0},
    }


def _citations(call: ChatCall, reply: Reply) -> list[dict[str, Any]]:
    shown = {document.id: document for document in call.documents}
    sources = []
    for quote in reply.thought.quotes:
        found = shown.get(quote.document_id)
        document = {"id": quote.document_id, "snippet": found.text if found is not None else ""}
        sources.append({"type": "document", "id": quote.document_id, "document": document})
    if not sources:
        return []
    span = {"start": 0, "end": len(reply.text), "text": reply.text}
    return [{**span, "sources": sources, "content_index": 0, "type": "TEXT_CONTENT"}]


def _ranked(query: str, texts: list[str], fault: FaultKind | None) -> list[dict[str, Any]]:
    """Index and score of each text, best first: the share of the query's words that it holds."""
    asked = words_of(query)
    scores = [round(len(asked & words_of(text)) / (len(asked) or 1), 6) for text in texts]
    if fault == "not_a_number":
        scores[0] = math.nan
    order = sorted(range(len(texts)), key=lambda index: (-scores[index], index))
    ranked = [{"index": 0 if fault == "repeated_index" else index, "score": scores[index]} for index in order]
    if fault == "empty_choices":
        return []
    return ranked[:-1] if fault == "short_answer" else ranked


def _reranked(body: Body, ranked: list[dict[str, Any]], texts: list[str], tokens: int) -> dict[str, Any]:
    wanted = int(body.get("top_n") or len(ranked))
    units = math.ceil(len(texts) / _DOCUMENTS_PER_UNIT)
    return {
        "id": _ID,
        "model": body.get("model"),
        "results": [{"index": one["index"], "relevance_score": one["score"]} for one in ranked[:wanted]],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": units}},
        "usage": {"total_tokens": tokens},
    }
