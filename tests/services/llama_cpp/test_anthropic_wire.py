"""A real llama.cpp proves the wire of Anthropic's messages: requests, usage and refusals of a server not ours.

Its weights are random, so nothing here says anything of the quality of answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import HttpUrl, SecretStr

from wellread.errors import DocumentError, TransientError
from wellread.models.chat.anthropic_chat import AnthropicChat
from wellread.models.chat.protocol import ChatMessage, ChatRequest, ChatSchema
from wellread.models.chat.settings import ChatModelSettings, RerankSettings
from wellread.models.reranking.http_reranker import HttpReranker

MESSAGES = (ChatMessage("system", "Be brief."), ChatMessage("user", "Does the mill stand by the river? 東京"))
SCHEMA = ChatSchema(
    "verdict",
    {
        "type": "object",
        "properties": {"verdict": {"enum": ["yes", "no"]}},
        "required": ["verdict"],
        "additionalProperties": False,
    },
)


def build(url: str, **options: Any) -> AnthropicChat:
    given = {"provider": "anthropic", "model": "tiny", "base_url": HttpUrl(url), "api_key": SecretStr("any")}
    return AnthropicChat(ChatModelSettings.model_validate({**given, "output_tokens": 32, **options}))


@pytest.fixture
def chat(llama_url: str) -> Iterator[AnthropicChat]:
    chat = build(llama_url, temperature=0.0)
    yield chat
    chat.close()


def test_the_wire_of_messages_is_read_with_its_usage(chat: AnthropicChat) -> None:
    request = ChatRequest(MESSAGES)
    raw = chat.ask(request)
    assert json.loads(raw.body)["type"] == "message"
    reply = chat.read(raw.body)
    assert reply.finish in {"stop", "length"}
    assert 0 < reply.usage.output_tokens <= 32
    assert sum(len(message.content.encode()) for message in MESSAGES) < reply.usage.input_tokens
    assert reply.usage.input_tokens <= chat.count_request(request)


def test_the_wire_says_that_a_prompt_does_not_fit(chat: AnthropicChat) -> None:
    with pytest.raises(DocumentError) as caught:
        chat.ask(ChatRequest((ChatMessage("user", "mill " * 500),)))
    assert (caught.value.stage, caught.value.cause) == ("answer", "too_long")


@pytest.mark.parametrize("structure", ["schema", "json"])
def test_a_schema_is_taken_over_the_wire_and_its_reply_read(llama_url: str, structure: str) -> None:
    """llama.cpp (2026.10) enforces it on this wire neither way, unlike on OpenAI's: replies are checked by us."""
    chat = build(llama_url, structure=structure)
    reply = chat.read(chat.ask(ChatRequest(MESSAGES, schema=SCHEMA)).body)
    assert reply.finish in {"stop", "length"}
    assert reply.usage.cached_input_tokens <= reply.usage.input_tokens
    assert 0 < reply.usage.output_tokens <= 32


def test_a_server_without_a_rerank_model_says_so_over_the_wire(llama_url: str) -> None:
    reranker = HttpReranker(RerankSettings(provider="http", base_url=HttpUrl(f"{llama_url}/v1")))
    with pytest.raises(TransientError, match="501"):
        reranker.rerank("where is the mill?", ["The mill stands by the river."])
    reranker.close()
