"""A real llama.cpp proves the wire: requests, schemas, usage and refusals of a server that we did not write.

Its weights are random, so nothing here says anything of the quality of answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import numpy as np
import pytest
from pydantic import HttpUrl

from wellread.errors import DocumentError
from wellread.models.chat.factory import build_chat_model
from wellread.models.chat.protocol import ChatMessage, ChatModel, ChatRequest, ChatSchema
from wellread.models.chat.settings import ChatModelSettings
from wellread.models.embedding.openai_embedder import OpenAIEmbedder
from wellread.models.settings import OpenAIModelSettings

SCHEMA = ChatSchema(
    "verdict",
    {
        "type": "object",
        "properties": {"verdict": {"enum": ["yes", "no"]}, "sure": {"type": "boolean"}},
        "required": ["verdict", "sure"],
        "additionalProperties": False,
    },
)
MESSAGES = (ChatMessage("system", "Be brief."), ChatMessage("user", "Does the mill stand by the river? 東京"))


def build(url: str, **options: Any) -> ChatModel:
    given = {"provider": "openai", "preset": "llama-cpp", "base_url": url, "temperature": 0.0, "seed": 7}
    return build_chat_model(ChatModelSettings.model_validate({**given, "output_tokens": 32, **options}))


@pytest.fixture
def chat(llama_url: str) -> Iterator[ChatModel]:
    model = build(llama_url)
    yield model
    model.close()


def test_the_wire_of_chat_completions_is_read_with_its_usage(chat: ChatModel) -> None:
    reply = chat.read(chat.ask(ChatRequest(MESSAGES)).body)
    assert reply.finish in {"stop", "length"}
    assert reply.usage.output_tokens <= 32
    assert reply.usage.input_tokens > sum(len(message.content.encode()) for message in MESSAGES)
    assert reply.finish == "length" or reply.usage.output_tokens < 32


def test_the_wire_bounds_what_is_counted_even_where_every_byte_is_a_token(chat: ChatModel) -> None:
    for text in ("hi", "Does the mill stand by the river? " * 8, "東京🙂"):
        request = ChatRequest((ChatMessage("system", "."), ChatMessage("user", text)))
        reply = chat.read(chat.ask(request).body)
        assert reply.usage.input_tokens <= chat.count_request(request)
        chat.learn(request, reply.usage)
        assert reply.usage.input_tokens <= chat.count_request(request)


def test_the_wire_of_a_schema_is_enforced_on_random_weights(llama_url: str) -> None:
    chat = build(llama_url, output_tokens=256)
    reply = chat.read(chat.ask(ChatRequest(MESSAGES, schema=SCHEMA)).body)
    assert reply.finish == "stop"
    jsonschema.validate(json.loads(reply.text), dict(SCHEMA.schema))


def test_the_wire_of_plain_json_is_json_on_random_weights(llama_url: str) -> None:
    chat = build(llama_url, structure="json", output_tokens=512)
    reply = chat.read(chat.ask(ChatRequest(MESSAGES, schema=SCHEMA)).body)
    assert reply.text.lstrip().startswith("{")


def test_the_wire_says_that_a_prompt_does_not_fit(chat: ChatModel) -> None:
    with pytest.raises(DocumentError) as caught:
        chat.ask(ChatRequest((ChatMessage("user", "mill " * 500),)))
    assert (caught.value.stage, caught.value.cause) == ("answer", "too_long")


def test_the_wire_of_responses_is_read_with_its_usage(llama_url: str) -> None:
    chat = build(llama_url, protocol="responses", seed=None)
    reply = chat.read(chat.ask(ChatRequest(MESSAGES)).body)
    assert reply.usage.input_tokens > 0
    assert reply.usage.output_tokens <= 32


def test_the_wire_of_embeddings_gives_unit_vectors_in_order(llama_embedding_url: str) -> None:
    settings = OpenAIModelSettings(base_url=HttpUrl(f"{llama_embedding_url}/v1"), dimensions=64, model="tiny")
    embedder = OpenAIEmbedder(settings)
    texts = ["The mill stands by the river.", "A short one.", "東京 🙂"]
    together = embedder.embed(texts, kind="document")
    assert together.vectors.shape == (3, 64)
    assert np.abs(np.linalg.norm(together.vectors, axis=1) - 1).max() < 1e-5
    assert together.input_tokens > 0
    for text, vector in zip(texts, together.vectors, strict=True):
        assert float(embedder.embed([text], kind="document").vectors[0] @ vector) > 0.999
    embedder.close()
