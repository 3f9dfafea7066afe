"""What every language model promises, on every implementation, over real connections and through official clients.

A new implementation is one line in ``CHAT_MODELS``.
"""

from __future__ import annotations

import json
import logging
import pickle
import socket
import threading
import traceback
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from wellread.errors import (
    AuthenticationError,
    DocumentError,
    QuotaExhaustedError,
    RateLimitedError,
    TransientError,
    WellreadError,
)
from wellread.models.chat.factory import build_chat_model
from wellread.models.chat.protocol import ChatMessage, ChatModel, ChatRequest, ChatSchema, ChatUsage
from wellread.models.chat.settings import ChatModelSettings
from wellread.testing.provider_server import Fault, FaultKind, ProviderServer, provider_server

KEY = "key-31337-secret"
CHAT_MODELS: dict[str, dict[str, Any]] = {
    "openai-chat": {"provider": "openai", "model": "gpt-4o-mini"},
    "openai-chat-json": {"provider": "openai", "model": "gpt-4o-mini", "structure": "json"},
    "openai-chat-prompt": {"provider": "openai", "model": "gpt-4o-mini", "structure": "prompt"},
    "openai-responses": {"provider": "openai", "model": "gpt-4o-mini", "protocol": "responses"},
    "azure": {"provider": "openai", "model": "deployment-1", "preset": "azure"},
    "cohere": {"provider": "cohere", "model": "command-a-03-2025"},
    "anthropic": {"provider": "anthropic", "model": "claude-sonnet-4-5"},
    "replicate": {"provider": "replicate", "model": "meta/meta-llama-3-70b-instruct"},
}
SCHEMA = ChatSchema(
    "answer",
    {
        "type": "object",
        "properties": {"found": {"type": "boolean"}, "answer": {"type": "string"}},
        "required": ["found", "answer"],
        "additionalProperties": False,
    },
)
PROMPT = (
    ChatMessage("system", "Answer from the passages alone."),
    ChatMessage(
        "user",
        '<passage id="1">\nThe mill stands by the river, where it bends.\n</passage>\n\n'
        "Question: What stands by the river where it bends?",
    ),
)
ASKED = ChatRequest(PROMPT)


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with provider_server(api_key=KEY) as running:
        yield running


def build(name: str, server_url: str, **options: Any) -> ChatModel:
    given = {**CHAT_MODELS[name], "api_key": KEY, "timeout_seconds": 30, **options}
    is_v1 = given["provider"] in {"openai", "replicate"} and "preset" not in given
    return build_chat_model(
        ChatModelSettings.model_validate({"base_url": f"{server_url}/v1" if is_v1 else server_url, **given})
    )


@pytest.fixture(params=CHAT_MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def chat(name: str, server: ProviderServer) -> Iterator[ChatModel]:
    model = build(name, server.url)
    yield model
    model.close()


def error_of(chat: ChatModel, request: ChatRequest = ASKED) -> WellreadError:
    with pytest.raises(WellreadError) as caught:
        chat.ask(request)
    return caught.value


def test_a_reply_is_read_from_the_stored_body_as_often_as_wanted(chat: ChatModel, server: ProviderServer) -> None:
    body = chat.ask(ASKED).body
    assert isinstance(json.loads(body), dict)
    first, second = chat.read(body), chat.read(body)
    assert first == second
    assert first.finish == "stop"
    assert "river" in first.text
    assert server.meter().requests_count == 1


def test_usage_is_what_was_billed(chat: ChatModel, server: ProviderServer) -> None:
    usage = chat.read(chat.ask(ASKED).body).usage
    meter = server.meter()
    assert (usage.input_tokens, usage.output_tokens) == (meter.input_tokens, meter.output_tokens)
    assert usage.input_tokens > 0
    assert usage.output_tokens > 0


def test_a_schema_is_followed(chat: ChatModel) -> None:
    reply = chat.read(chat.ask(ChatRequest(PROMPT, schema=SCHEMA)).body)
    jsonschema.validate(json.loads(reply.text), dict(SCHEMA.schema))


def test_a_request_counts_at_least_what_is_billed(chat: ChatModel) -> None:
    for request in (
        ASKED,
        ChatRequest(PROMPT, schema=SCHEMA),
        ChatRequest((ChatMessage("user", "東京 🙂 naïve"),)),
    ):
        usage = chat.read(chat.ask(request).body).usage
        assert chat.count_request(request) >= usage.input_tokens


def test_counts_get_closer_with_what_is_reported_and_stay_above_it(chat: ChatModel) -> None:
    long = ChatRequest((ChatMessage("user", "The mill stands by the river. " * 40),))
    before = chat.count_request(long)
    billed = chat.read(chat.ask(long).body).usage
    for _ in range(8):
        chat.learn(long, billed)
    assert billed.input_tokens <= chat.count_request(long) < before


def test_the_identity_says_what_replies_depend_on_and_not_where_the_server_is(name: str) -> None:
    here, there = build(name, "http://127.0.0.1:9"), build(name, "http://127.0.0.1:10")
    assert here.identity == there.identity
    assert json.loads(json.dumps(dict(here.identity.parameters))) == here.identity.parameters
    assert "31337" not in repr(here.identity)
    longer = build(name, "http://127.0.0.1:9", output_tokens=64)
    assert longer.identity != here.identity
    assert (longer.limits.output_tokens, longer.limits.concurrency) == (64, 8)


def test_the_output_limit_is_sent_and_a_cut_reply_says_so(name: str, server: ProviderServer) -> None:
    model = build(name, server.url, output_tokens=16)
    long = ChatMessage("user", PROMPT[1].content.replace("bends", "bends " + "and bends " * 40))
    reply = model.read(model.ask(ChatRequest((PROMPT[0], long))).body)
    assert reply.finish == "length"
    body = server.requests()[-1].body
    assert 16 in (body["input"] if name == "replicate" else body).values()
    model.close()


def test_a_refusal_is_no_answer(chat: ChatModel, name: str, server: ProviderServer) -> None:
    server.behave(Fault(kind="refusal"))
    if name == "replicate":  # It says only that something failed, and so it is asked again.
        assert type(error_of(chat)) is TransientError
    else:
        assert chat.read(chat.ask(ASKED).body).finish == "refused"


@pytest.mark.parametrize(
    "kind", ["server_error", "overloaded", "truncated_json", "cut_before_work", "cut_after_billing"]
)
def test_an_outage_is_transient_and_is_not_retried_here(
    chat: ChatModel, server: ProviderServer, kind: FaultKind
) -> None:
    server.behave(Fault(kind=kind))
    error = error_of(chat)
    assert isinstance(error, TransientError) and not isinstance(error, RateLimitedError)
    assert server.meter().requests_count == 1
    assert chat.read(chat.ask(ASKED).body).finish == "stop"


def test_a_rate_limit_names_the_wait(chat: ChatModel, server: ProviderServer) -> None:
    server.behave(Fault(kind="rate_limited", retry_after_seconds=240), Fault(kind="rate_limited"))
    first, second = error_of(chat), error_of(chat)
    assert isinstance(first, RateLimitedError) and first.retry_after_seconds == 240
    assert isinstance(second, RateLimitedError) and second.retry_after_seconds is None
    assert server.meter().requests_count == 2


def test_an_exhausted_quota_stops_at_once(chat: ChatModel, server: ProviderServer) -> None:
    server.behave(Fault(kind="insufficient_quota"))
    assert type(error_of(chat)) is QuotaExhaustedError
    assert server.meter().requests_count == 1


def test_a_prompt_that_does_not_fit_is_this_requests_fault(chat: ChatModel, server: ProviderServer) -> None:
    server.behave(Fault(kind="context_too_long"))
    error = error_of(chat)
    assert isinstance(error, DocumentError)
    assert (error.stage, error.cause) == ("answer", "too_long")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.cause) == (str(error), "too_long")


def test_a_body_without_a_reply_is_malformed_not_an_answer(
    chat: ChatModel, name: str, server: ProviderServer
) -> None:
    server.behave(Fault(kind="empty_choices"))
    try:
        body = chat.ask(ASKED).body
    except TransientError:
        return  # Also honest: it is asked for again.
    with pytest.raises(DocumentError) as caught:
        chat.read(body)
    assert (caught.value.stage, caught.value.cause) == ("answer", "malformed_response")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"{}", b'{"choices": []}', b"<html>"])
def test_a_stored_body_that_is_no_reply_is_malformed(chat: ChatModel, body: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        chat.read(body)
    assert (caught.value.stage, caught.value.cause) == ("answer", "malformed_response")


def test_a_text_that_is_no_unicode_is_refused_before_it_is_sent(chat: ChatModel, server: ProviderServer) -> None:
    error = error_of(chat, ChatRequest((ChatMessage("user", "half a pair: \ud83d"),)))
    assert isinstance(error, DocumentError) and error.cause == "bad_text"
    assert server.meter().requests_count == 0


def test_a_wrong_key_is_systemic_and_no_key_is_ever_shown(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with provider_server(api_key="another") as server:
        model = build(name, server.url)
        error = error_of(model)
        model.close()
    assert type(error) is AuthenticationError
    trace = "".join(traceback.format_exception(error))
    assert "31337" not in f"{error!r} {error} {error.as_dict()} {model!r} {vars(model)} {trace} {caplog.text}"


def test_no_server_is_transient(name: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        model = build(name, f"http://127.0.0.1:{unused.getsockname()[1]}")
        assert type(error_of(model)) is TransientError


def test_a_stalled_server_is_given_up_after_the_timeout(name: str, server: ProviderServer) -> None:
    server.behave(latency_seconds=3.0)
    assert isinstance(error_of(build(name, server.url, timeout_seconds=0.3)), TransientError)


def test_a_missing_key_is_a_setting_and_shows_its_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "azure": "AZURE_OPENAI_API_KEY",
        "cohere": "CO_API_KEY",
        "anthropic": "ANTHROPIC_API_KEY",
        "replicate": "REPLICATE_API_TOKEN",
    }
    variable = variables.get(name, "OPENAI_API_KEY")
    for one in (*variables.values(), "OPENAI_API_KEY", "OPENAI_BASE_URL", "COHERE_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(one, raising=False)
    given = {**CHAT_MODELS[name], **({"base_url": "http://127.0.0.1:9"} if name == "azure" else {})}
    assert variable in str(error_of(build_chat_model(ChatModelSettings.model_validate(given))))


def test_threads_share_one_model(chat: ChatModel, server: ProviderServer) -> None:
    texts: list[str] = []

    def ask() -> None:
        texts.append(chat.read(chat.ask(ASKED).body).text)

    workers = [threading.Thread(target=ask) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(texts) == 8
    assert len(set(texts)) == 1
    assert server.meter().requests_count == 8


def test_limits_of_the_account_are_reported_where_the_provider_tells(name: str) -> None:
    with provider_server(
        api_key=KEY, limits={"requests_per_window": 100, "tokens_per_window": 1_000_000}
    ) as server:
        reported = build(name, server.url).ask(ASKED).reported
    if CHAT_MODELS[name]["provider"] in {"openai", "anthropic"}:
        assert (reported.requests_limit, reported.tokens_limit) == (100, 1_000_000)
        assert reported.requests_remaining == 99
    if CHAT_MODELS[name]["provider"] == "openai":
        assert reported.requests_reset_seconds is not None


def test_usage_of_nothing_is_not_learned(chat: ChatModel) -> None:
    before = chat.count_request(ASKED)
    for _ in range(10):
        chat.learn(ASKED, ChatUsage())
    assert chat.count_request(ASKED) == before
