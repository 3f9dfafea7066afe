"""Anthropic's messages through the official client, byte by byte: what is sent, and what every answer means."""

from __future__ import annotations

import json
import logging
import socket
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import HttpUrl, SecretStr

from wellread.errors import (
    AuthenticationError,
    DocumentError,
    QuotaExhaustedError,
    RateLimitedError,
    ResponseUnknownError,
    SettingsError,
    TransientError,
    WellreadError,
)
from wellread.models.chat.anthropic_chat import AnthropicChat
from wellread.models.chat.protocol import (
    ChatDocument,
    ChatMessage,
    ChatRequest,
    ChatSchema,
    ChatUsage,
    ReportedLimits,
)
from wellread.models.chat.settings import ChatModelSettings

KEY = "key-31337-secret"
SCHEMA = ChatSchema(
    "answer",
    {"type": "object", "properties": {"score": {"type": "integer", "minimum": 1}}, "required": ["score"]},
)
ASKED = ChatRequest(
    (ChatMessage("system", "Be brief."), ChatMessage("user", "Where is the mill?"), ChatMessage("system", "Quote."))
)


def message(*content: object, stop_reason: str | None = "end_turn", **more: object) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": list(content) or [{"type": "text", "text": "By the river."}],
        "stop_reason": stop_reason,
        "usage": {
            "input_tokens": 10,
            "cache_creation_input_tokens": 20,
            "cache_read_input_tokens": 70,
            "output_tokens": 9,
            "output_tokens_details": {"thinking_tokens": 5},
        },
        **more,
    }


def problem(kind: str, words: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": words}, "request_id": "req_1"}


def build(url: str, **options: object) -> AnthropicChat:
    given = {"provider": "anthropic", "model": "claude-haiku", "base_url": HttpUrl(url), "api_key": SecretStr(KEY)}
    return AnthropicChat(ChatModelSettings.model_validate({**given, **options}))


@pytest.fixture
def chat(scripted: Any) -> Iterator[AnthropicChat]:
    chat = build(scripted.url)
    yield chat
    chat.close()


def error_of(chat: AnthropicChat, request: ChatRequest = ASKED) -> WellreadError:
    with pytest.raises(WellreadError) as caught:
        chat.ask(request)
    return caught.value


def test_messages_and_options_are_sent_and_the_body_is_kept_as_it_came(scripted: Any) -> None:
    options = {"temperature": 0.5, "output_tokens": 99, "reasoning_effort": "low"}
    chat = build(f"{scripted.url}/v1", headers={"X-Team": SecretStr("mills")}, query={"tag": "t"}, **options)
    body = json.dumps(message(), indent=3).encode()
    scripted.answer(body)
    raw = chat.ask(ASKED)
    assert raw.body == body
    read = chat.read(raw.body)
    assert (read.text, read.finish, read.model, read.citations) == ("By the river.", "stop", "claude-haiku-4-5", ())
    assert read.usage == ChatUsage(input_tokens=100, output_tokens=9, cached_input_tokens=70, reasoning_tokens=5)
    request = scripted.requests[0]
    assert (request.path, request.headers["authorization"]) == ("/v1/messages", f"Bearer {KEY}")
    assert (request.headers["x-team"], request.query) == ("mills", "tag=t")
    assert scripted.bodies[0] == {
        "model": "claude-haiku",
        "system": "Be brief.\n\nQuote.",
        "messages": [{"role": "user", "content": "Where is the mill?"}],
        "max_tokens": 99,
        "temperature": 0.5,
        "output_config": {"effort": "low"},
    }


def test_options_that_are_not_set_are_not_sent(chat: AnthropicChat, scripted: Any) -> None:
    scripted.answer(message())
    chat.ask(ChatRequest((ChatMessage("user", "Where?"),)))
    assert scripted.bodies[0].keys() == {"model", "messages", "max_tokens"}
    assert chat.identity.parameters == {"max_tokens": 1024, "structure": "schema"}
    assert (chat.identity.provider, chat.identity.protocol) == ("anthropic", "anthropic-messages")


def test_structured_outputs_need_no_beta_and_get_the_schema_that_they_know(scripted: Any) -> None:
    scripted.answer(message({"type": "text", "text": '{"score": 3}'}))
    chat = build(scripted.url, reasoning_effort="low")
    reply = chat.read(chat.ask(ChatRequest(ASKED.messages, schema=SCHEMA)).body)
    assert reply.text == '{"score": 3}'
    sent = scripted.bodies[0]["output_config"]
    assert (sent["effort"], sent["format"]["type"]) == ("low", "json_schema")
    assert sent["format"]["schema"]["additionalProperties"] is False
    assert "minimum" not in sent["format"]["schema"]["properties"]["score"]
    assert "anthropic-beta" not in scripted.requests[0].headers


def test_a_forced_tool_carries_the_schema_to_older_models(scripted: Any) -> None:
    tool_use = {"type": "tool_use", "id": "t1", "name": "answer", "input": {"score": 3, "a": "ü"}}
    scripted.answer(message({"type": "text", "text": "Here:"}, tool_use, stop_reason="tool_use"))
    chat = build(scripted.url, structure="json")
    reply = chat.read(chat.ask(ChatRequest(ASKED.messages, schema=SCHEMA)).body)
    assert (json.loads(reply.text), reply.finish) == ({"score": 3, "a": "ü"}, "stop")
    sent = scripted.bodies[0]
    assert sent["tools"][0]["input_schema"] == SCHEMA.schema
    assert sent["tool_choice"] == {"type": "tool", "name": "answer"}
    assert "output_config" not in sent


def test_a_schema_in_words_stands_in_the_system_prompt(scripted: Any) -> None:
    scripted.answer(message())
    build(scripted.url, structure="prompt").ask(ChatRequest(ASKED.messages, schema=SCHEMA))
    assert "JSON Schema" in scripted.bodies[0]["system"]
    assert not {"tools", "output_config"} & scripted.bodies[0].keys()


def test_a_schema_that_cannot_be_told_is_a_setting(chat: AnthropicChat, scripted: Any) -> None:
    odd = ChatSchema("odd", {"type": "object", "properties": {"x": {"type": ["string", "null"]}, "y": {}}})
    assert isinstance(error_of(chat, ChatRequest(ASKED.messages, schema=odd)), SettingsError)
    assert scripted.requests == []


@pytest.mark.parametrize(
    ("stop_reason", "means"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refused"),
    ],
)
def test_stop_reasons(chat: AnthropicChat, stop_reason: str, means: str) -> None:
    assert chat.read(json.dumps(message(stop_reason=stop_reason)).encode()).finish == means


def test_thinking_is_no_part_of_the_text(chat: AnthropicChat) -> None:
    content = (
        {"type": "thinking", "thinking": "Hmm."},
        {"type": "text", "text": "By "},
        {"type": "text", "text": "it."},
    )
    assert chat.read(json.dumps(message(*content)).encode()).text == "By it."
    assert chat.read(json.dumps(message(content[0], stop_reason="max_tokens")).encode()).text == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[1]",
        b'{"cont',
        b"{}",
        json.dumps(message(stop_reason=None)).encode(),
        json.dumps(message(stop_reason="pause_turn")).encode(),
        json.dumps(message(content=None)).encode(),
        json.dumps(message(content=[])).encode(),
        json.dumps(message({"type": "thinking", "thinking": "Hmm."})).encode(),
    ],
)
def test_a_stored_body_that_is_no_reply_is_malformed(chat: AnthropicChat, body: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        chat.read(body)
    assert (caught.value.stage, caught.value.cause) == ("answer", "malformed_response")


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"id": "1", "cont', b"[1]", b'"text"'])
def test_a_damaged_body_may_be_billed_and_is_never_retried_here(
    chat: AnthropicChat, scripted: Any, body: bytes
) -> None:
    scripted.answer(body)
    assert type(error_of(chat)) is ResponseUnknownError
    assert len(scripted.requests) == 1


BILLED_OUT = "Your credit balance is too low to access the Anthropic API."
REGAIN = "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."


@pytest.mark.parametrize(
    ("status", "kind", "words", "expected"),
    [
        (400, "invalid_request_error", "messages.0.content: text must be non-empty", DocumentError),
        (400, "invalid_request_error", "temperature: range: 0..1", SettingsError),
        (400, "invalid_request_error", "max_tokens: 99999 > 8192, the maximum for this model", SettingsError),
        (400, "invalid_request_error", "output_config.format.schema: bad", SettingsError),
        (400, "invalid_request_error", BILLED_OUT, QuotaExhaustedError),
        (400, "invalid_request_error", REGAIN, QuotaExhaustedError),
        (401, "authentication_error", "invalid x-api-key", AuthenticationError),
        (402, "billing_error", "payment required", QuotaExhaustedError),
        (403, "permission_error", "no", AuthenticationError),
        (404, "not_found_error", "model: claude-haiku", SettingsError),
        (429, "rate_limit_error", "slow down", RateLimitedError),
        (500, "api_error", "internal", TransientError),
        (504, "timeout_error", "late", TransientError),
        (529, "overloaded_error", "Overloaded", TransientError),
    ],
)
def test_each_refusal_is_told_apart(
    chat: AnthropicChat, scripted: Any, status: int, kind: str, words: str, expected: type[WellreadError]
) -> None:
    scripted.answer(problem(kind, words), status)
    error = error_of(chat)
    assert type(error) is expected
    if isinstance(error, DocumentError):
        assert (error.stage, error.cause) == ("answer", "refused")
    assert len(scripted.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000",
        ),
        (413, "request_too_large", "Request exceeds the maximum size"),
    ],
)
def test_a_prompt_that_does_not_fit_is_too_long(
    chat: AnthropicChat, scripted: Any, status: int, kind: str, words: str
) -> None:
    scripted.answer(problem(kind, words), status)
    error = error_of(chat)
    assert isinstance(error, DocumentError) and error.cause == "too_long"


def test_an_absurd_wait_is_handed_up_not_slept(chat: AnthropicChat, scripted: Any) -> None:
    scripted.answer(problem("rate_limit_error", "slow down"), 429, retry_after="4294967")
    error = error_of(chat)
    assert isinstance(error, RateLimitedError) and error.retry_after_seconds == 4294967
    assert len(scripted.requests) == 1


def test_a_cut_request_may_be_billed_and_one_without_a_server_is_not(chat: AnthropicChat, scripted: Any) -> None:
    scripted.cut()
    assert type(error_of(chat)) is ResponseUnknownError
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert type(error_of(build(f"http://127.0.0.1:{unused.getsockname()[1]}"))) is TransientError


def test_headers_tell_the_limits_by_the_servers_own_clock(chat: AnthropicChat, scripted: Any) -> None:
    headers = {"Date": "Thu, 21 Aug 2025 12:40:50 GMT", "anthropic-ratelimit-requests-limit": "1000"}
    headers |= {"anthropic-ratelimit-requests-remaining": "999"}
    headers |= {"anthropic-ratelimit-requests-reset": "2025-08-21T12:40:59Z"}
    by_kind = {"limit": "80000", "remaining": "79000", "reset": "2025-08-21T12:41:20.5Z"}
    headers |= {f"anthropic-ratelimit-input-tokens-{name}": value for name, value in by_kind.items()}
    scripted.answer(message(), **headers)
    assert chat.ask(ASKED).reported == ReportedLimits(1000, 999, 9.0, 80000, 79000, 30.5)
    sums = {"anthropic-ratelimit-tokens-limit": "96000", "anthropic-ratelimit-tokens-remaining": "1"}
    sums |= {"anthropic-ratelimit-tokens-reset": "2025-08-21T12:40:40Z"}
    scripted.answer(message(), **headers, **sums)
    assert chat.ask(ASKED).reported == ReportedLimits(1000, 999, 9.0, 96000, 1, 0.0)
    scripted.answer(message(), **{"anthropic-ratelimit-requests-reset": "soon", "Date": "never"})
    assert chat.ask(ASKED).reported == ReportedLimits()


def test_what_cannot_be_sent_is_not_sent(chat: AnthropicChat, scripted: Any) -> None:
    error = error_of(chat, ChatRequest((ChatMessage("user", "half \ud83d"),)))
    assert isinstance(error, DocumentError) and error.cause == "bad_text"
    documents = (ChatDocument("1", "t", "text"),)
    assert isinstance(error_of(chat, ChatRequest(ASKED.messages, documents=documents)), SettingsError)
    assert scripted.requests == []


def test_the_key_is_never_shown(chat: AnthropicChat, scripted: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    scripted.answer(problem("authentication_error", f"the key {KEY} is wrong"), 401)
    error = error_of(chat)
    unfit = error_of(build(scripted.url, headers={"X-Other": SecretStr("31337\nX: y")}))
    assert isinstance(unfit, SettingsError)
    shown = [repr(error), str(error), str(error.as_dict()), repr(chat), str(vars(chat)), caplog.text]
    shown += [*traceback.format_exception(error), *traceback.format_exception(unfit)]
    assert not [text for text in shown if "31337" in text]


def test_what_anthropic_does_not_have_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for options in ({"seed": 7}, {"temperature": 1.5}):
        with pytest.raises(SettingsError):
            build("http://127.0.0.1:9", **options)
    assert "ANTHROPIC_API_KEY" in str(error_of(AnthropicChat(ChatModelSettings(provider="anthropic", model="c"))))
