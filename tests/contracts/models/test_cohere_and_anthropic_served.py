"""What the contract of all models leaves open for Cohere and Anthropic, and rerankers: on the testing server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from pydantic import HttpUrl, SecretStr

from wellread.errors import (
    AuthenticationError,
    QuotaExhaustedError,
    RateLimitedError,
    SettingsError,
    TransientError,
    WellreadError,
)
from wellread.models.chat.factory import build_chat_model
from wellread.models.chat.protocol import ChatDocument, ChatMessage, ChatModel, ChatRequest, ChatSchema
from wellread.models.chat.settings import ChatModelSettings, RerankSettings
from wellread.models.reranking.factory import build_reranker
from wellread.testing.provider_server import Fault, FaultKind, ProviderServer, provider_server

KEY = "key-31337-secret"
PASSAGES = ("The mill stands by the river.", "Cheese is made of milk.")
EVIDENCE = "\n".join(f"<<<passage {n} x>>>\n{text}\n<<<end {n} x>>>" for n, text in enumerate(PASSAGES, 1))
ASKED = ChatRequest(
    (ChatMessage("system", "Quote."), ChatMessage("user", f"{EVIDENCE}\n\nQuestion: What stands by the river?"))
)
SCHEMA = ChatSchema(
    "answer",
    {
        "type": "object",
        "properties": {"found": {"type": "boolean"}, "answer": {"type": "string"}},
        "required": ["found", "answer"],
        "additionalProperties": False,
    },
)


@pytest.fixture
def provider_at() -> Iterator[ProviderServer]:
    with provider_server(api_key=KEY, limits={"requests_per_window": 50, "tokens_per_window": 100_000}) as server:
        yield server


def build(provider: str, server: ProviderServer, **options: object) -> ChatModel:
    given = {"provider": provider, "model": "m", "base_url": HttpUrl(server.url), "api_key": SecretStr(KEY)}
    return build_chat_model(ChatModelSettings.model_validate({**given, **options}))


@pytest.fixture(params=["cohere", "anthropic"])
def chat(request: pytest.FixtureRequest, provider_at: ProviderServer) -> Iterator[ChatModel]:
    chat = build(request.param, provider_at)
    yield chat
    chat.close()


def test_an_answer_comes_with_its_bill_and_the_limits(chat: ChatModel, provider_at: ProviderServer) -> None:
    raw = chat.ask(ASKED)
    reply = chat.read(raw.body)
    assert "mill stands by the river" in reply.text and reply.finish == "stop"
    assert (raw.reported.requests_limit, raw.reported.requests_remaining) == (50, 49)
    assert raw.reported.tokens_limit == 100_000
    assert raw.reported.requests_reset_seconds is not None and raw.reported.tokens_reset_seconds is not None
    (billed,) = provider_at.meter().billed.values()
    assert billed.endpoint in {"cohere-chat", "anthropic-messages"}
    assert (billed.input_tokens, billed.output_tokens) == (reply.usage.input_tokens, reply.usage.output_tokens)
    assert 0 < reply.usage.input_tokens <= chat.count_request(ASKED)
    assert reply.usage.output_tokens > 0


@pytest.mark.parametrize("structure", ["schema", "json", "prompt"])
@pytest.mark.parametrize("provider", ["cohere", "anthropic"])
def test_every_way_of_asking_for_a_schema_gets_it(
    provider_at: ProviderServer, provider: str, structure: str
) -> None:
    chat = build(provider, provider_at, structure=structure)
    reply = chat.read(chat.ask(ChatRequest(ASKED.messages, schema=SCHEMA)).body)
    jsonschema.validate(json.loads(reply.text), dict(SCHEMA.schema))
    assert reply.finish == "stop"


def test_documents_come_back_as_citations(provider_at: ProviderServer) -> None:
    chat = build("cohere", provider_at)
    documents = tuple(ChatDocument(f"p{n}", f"T{n}", text) for n, text in enumerate(PASSAGES))
    asked = ChatRequest((ChatMessage("user", "What stands by the river?"),), schema=SCHEMA, documents=documents)
    reply = chat.read(chat.ask(asked).body)
    assert [citation.document_ids for citation in reply.citations] == [("p0",)]
    citation = reply.citations[0]
    assert "river" in reply.text[citation.start_char : citation.end_char]
    with pytest.raises(SettingsError, match="documents"):
        build("anthropic", provider_at).ask(asked)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("short_answer", TransientError),
        ("repeated_index", TransientError),
        ("not_a_number", TransientError),
        ("truncated_json", TransientError),
        ("cut_after_billing", TransientError),
        ("rate_limited", RateLimitedError),
        ("insufficient_quota", QuotaExhaustedError),
        ("unauthorized", AuthenticationError),
    ],
)
@pytest.mark.parametrize("provider", ["cohere", "http"])
def test_a_reranker_meets_every_fault(
    provider_at: ProviderServer, provider: Any, kind: FaultKind, expected: type[WellreadError]
) -> None:
    settings = RerankSettings(provider=provider, base_url=HttpUrl(provider_at.url), api_key=SecretStr(KEY))
    reranker = build_reranker(settings)
    assert reranker is not None
    provider_at.behave(Fault(kind=kind))
    with pytest.raises(WellreadError) as caught:
        reranker.rerank("where is the mill", PASSAGES)
    assert type(caught.value) is expected
    result = reranker.rerank("where is the mill", PASSAGES)
    assert result.scores[0] > result.scores[1]
    assert result.search_units == (1 if provider == "cohere" else 0)
    assert provider_at.meter().requests_count == 2
